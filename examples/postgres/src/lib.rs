//! Orders in a database. Reads may be repeated; a write whose answer is lost is not, and its client is told.

use steadfast::{Failed, resilient};
use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

mod bindings {
    ::steadfast::bindgen!("postgres");
}
use bindings::steadfast::postgres::query::query;
use bindings::wasmcloud::postgres::types::{PgValue, QueryError, ResultRow};

steadfast::policy! {
    /// How we talk to the database: at most 4 tries within 3 s.
    static DATABASE = deadline("3s") + retry(attempts = 4);
}

/// Rows, or what the database says is wrong with the query.
type Rows = Result<Vec<ResultRow>, QueryError>;

#[wstd::http_server]
#[resilient]
async fn main(mut request: Request<Body>) -> Result<Response<Body>, Error> {
    if request.uri().path() != "/orders" {
        return Ok(answer(StatusCode::NOT_FOUND, "Try /orders\n".into()));
    }
    let (status, rows) = match *request.method() {
        Method::POST => (StatusCode::CREATED, add(request.body_mut().str_contents().await?)?),
        _ => (StatusCode::OK, list()?),
    };
    Ok(match rows {
        Ok(rows) => answer(status, text(&rows)),
        Err(error) => {
            eprintln!("{error:?}");
            answer(StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    })
}

/// Reading changes nothing: it may be repeated whatever happened.
#[resilient(DATABASE, idempotent)]
fn list() -> Result<Rows, Failed> {
    query("SELECT id, item FROM orders ORDER BY id", &[])
}

/// Repeated only when the database certainly never saw it: a second order would be a second delivery.
#[resilient(DATABASE)]
fn add(item: &str) -> Result<Rows, Failed> {
    query("INSERT INTO orders (item) VALUES ($1) RETURNING id", &[PgValue::Text(item.into())])
}

/// A line for each row.
fn text(rows: &[ResultRow]) -> String {
    let mut text = String::new();
    for row in rows {
        for (index, entry) in row.iter().enumerate() {
            text.push_str(if index > 0 { " " } else { "" });
            match &entry.value {
                PgValue::Null => text.push('-'),
                PgValue::Int8(number) => text.push_str(&number.to_string()),
                PgValue::Text(value) => text.push_str(value),
                _ => text.push('?'),
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

#[cfg(test)]
mod tests {
    use steadfast::testing::{Script, TestClock};
    use steadfast::{Cause, Delivery, RpcError};

    use super::DATABASE;

    /// The answer is lost once: whether the database did its work is not known.
    fn lost_then_answered() -> Script<&'static str, RpcError> {
        Script::new([Err(RpcError::new(Cause::Disconnected, Delivery::Unknown)), Ok("1 tea")])
    }

    #[test]
    fn a_read_whose_answer_is_lost_is_repeated() {
        let mut database = lost_then_answered();
        let read = DATABASE.with(&TestClock::new()).idempotent().call(|| database.next());
        assert_eq!(read.unwrap(), "1 tea");
    }

    #[test]
    fn a_write_whose_answer_is_lost_is_not_repeated() {
        let mut database = lost_then_answered();
        let write = DATABASE.with(&TestClock::new()).call(|| database.next());
        assert_eq!(write.unwrap_err().attempts(), 1);
    }
}
