//! Asks a database over the interface that wasmCloud published, and shows what it is told.

use steadfast::Failure;
use wstd::http::{Body, Error, Request, Response};

mod bindings {
    steadfast::bindgen!("published");
}
use bindings::wasmcloud::postgres::query::query;
use bindings::wasmcloud::postgres::types::{PgValue, QueryError};

#[wstd::http_server]
async fn main(_: Request<Body>) -> Result<Response<Body>, Error> {
    let shown = match query("SELECT 1 + $1::int AS sum", &[PgValue::Int4(1)]) {
        Ok(rows) => match &rows[..] {
            [row] => match &row[..] {
                [entry] => match entry.value {
                    PgValue::Int4(sum) => format!("{}: {sum}", entry.column_name),
                    _ => "another type".into(),
                },
                _ => "other columns".into(),
            },
            _ => "other rows".into(),
        },
        Err(error) => {
            let facts = format!("{:?}, {:?}", error.cause(), error.delivery());
            match error {
                QueryError::Unexpected(text) => format!("{facts}: {text}"),
                _ => facts,
            }
        }
    };
    Ok(Response::new(shown.into()))
}
