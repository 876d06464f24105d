//! Stands in for a database: one table in memory, and the two statements that the example sends.

use std::sync::{LazyLock, Mutex, PoisonError};

mod bindings {
    ::steadfast::bindgen!("postgres-table");
}
use bindings::exports::steadfast::postgres::query::{Guest, PgValue, QueryError, ResultRow, RpcError};
use bindings::wasmcloud::postgres::types::ResultRowEntry;

/// The items ordered; the row at index 0 has the id 1.
static ORDERS: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| Mutex::new(vec!["tea".into()]));

struct Table;

impl Guest for Table {
    fn query(query: String, params: Vec<PgValue>) -> Result<Result<Vec<ResultRow>, QueryError>, RpcError> {
        let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match (query.as_str(), params.as_slice()) {
            ("SELECT id, item FROM orders ORDER BY id", []) => {
                let row =
                    |(index, item): (usize, &String)| vec![id(index + 1), entry("item", PgValue::Text(item.clone()))];
                Ok(orders.iter().enumerate().map(row).collect())
            }
            ("INSERT INTO orders (item) VALUES ($1) RETURNING id", [PgValue::Text(item)]) => {
                orders.push(item.clone());
                Ok(vec![vec![id(orders.len())]])
            }
            ("INSERT INTO orders (item) VALUES ($1) RETURNING id", _) => {
                Err(QueryError::InvalidParams("one text is needed".into()))
            }
            _ => Err(unknown()),
        })
    }

    fn query_batch(_: String) -> Result<Result<(), QueryError>, RpcError> {
        Ok(Err(unknown()))
    }
}

fn unknown() -> QueryError {
    QueryError::InvalidQuery("this table knows two statements, and this is neither".into())
}

fn id(number: usize) -> ResultRowEntry {
    entry("id", PgValue::Int8(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn entry(name: &str, value: PgValue) -> ResultRowEntry {
    ResultRowEntry { column_name: name.into(), value }
}

bindings::export!(Table with_types_in bindings);
