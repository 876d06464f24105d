//! Asks a database over the interface that wasmCloud published, and shows what it is told. `/200` asks as often, and
//! shows the last answer.

use steadfast::Failure;
use wstd::http::{Body, Error, Request, Response};

mod bindings {
    steadfast::bindgen!("published");
}
use bindings::wasmcloud::postgres::query::query;
use bindings::wasmcloud::postgres::types::{PgValue, QueryError};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let more = request.uri().path()[1..].parse::<u32>().unwrap_or(1).saturating_sub(1);
    let ask = || query("SELECT 1 + $1::int AS sum", &[PgValue::Int4(1)]);
    for _ in 0..more {
        let _ = ask();
    }
    let shown = match ask() {
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
