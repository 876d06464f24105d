//! Orders in a database. Reads may be repeated; a write whose answer is lost is not, and its client is told.

use std::time::Duration;

use steadfast::{Backoff, Deadline, Failed, Policy, Retry};
use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

steadfast::bindgen!("postgres");
use acme::postgres::query::{PgValue, QueryError, ResultRow, query};

/// How we talk to the database: at most 4 tries within 3 s.
static DATABASE: Policy<Deadline, Retry> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(3)))
    .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_millis(50))));

/// Rows, or what the database says is wrong with the query.
type Rows = Result<Vec<ResultRow>, QueryError>;

#[wstd::http_server]
async fn main(mut request: Request<Body>) -> Result<Response<Body>, Error> {
    if request.uri().path() != "/orders" {
        return Ok(answer(StatusCode::NOT_FOUND, "Try /orders\n".into()));
    }
    let (status, rows) = match *request.method() {
        Method::POST => (StatusCode::CREATED, add(request.body_mut().str_contents().await?)),
        _ => (StatusCode::OK, list()),
    };
    Ok(match rows {
        Ok(Ok(rows)) => answer(status, text(&rows)),
        Ok(Err(error)) => {
            eprintln!("{error:?}");
            answer(StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
        Err(failed) => {
            eprintln!("{failed}");
            failed.problem("/orders").into()
        }
    })
}

/// Reading changes nothing: it may be repeated whatever happened.
fn list() -> Result<Rows, Failed> {
    DATABASE.idempotent().call(|| query("SELECT id, item FROM orders ORDER BY id", &[]))
}

/// Repeated only when the database certainly never saw it: a second order would be a second delivery.
fn add(item: &str) -> Result<Rows, Failed> {
    let params = [PgValue::Text(item.into())];
    DATABASE.call(|| query("INSERT INTO orders (item) VALUES ($1) RETURNING id", &params))
}

/// A line for each row.
fn text(rows: &[ResultRow]) -> String {
    let mut text = String::new();
    for row in rows {
        for (index, entry) in row.iter().enumerate() {
            text.push_str(if index > 0 { " " } else { "" });
            match &entry.value {
                PgValue::Null => text.push('-'),
                PgValue::BigInt(number) => text.push_str(&number.to_string()),
                PgValue::Text(value) => text.push_str(value),
            }
        }
        text.push('\n');
    }
    text
}

fn answer(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
