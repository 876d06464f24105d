//! Queries of a Postgres database: `wasmcloud:postgres`, and `steadfast:postgres`, which is the same with room for what a
//! network adds.
//!
//! `options` is what a person says, `pool` and `connection` are the way to the server, `encode` and `decode` the values,
//! and `failure` the table of what callers are told. Here a call becomes a statement.

mod calendar;
mod connection;
mod decode;
mod encode;
mod failure;
mod number;
mod options;
mod pool;
mod reader;
mod search;
mod statement;
#[cfg(all(test, unix))]
mod tests;
mod tls;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_postgres::types::{Format, Type};
use tokio_postgres::{Client, Error, Row};
use wasmtime::component::Val;

use super::Service;
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply};
use connection::{Busy, Connection};
use failure::{Sent, Wrong, of_statement};
pub(crate) use options::Options;
use pool::Pool;
use reader::Reader;
use statement::{Param, Raw, is_plain};

/// The packages, each after those that it uses.
const WIT: [&str; 3] = [
    include_str!("../../../wit/rpc.wit"),
    include_str!("../../../wit/postgres/wasmcloud.wit"),
    include_str!("../../../wit/postgres/steadfast.wit"),
];

/// The most memory that the rows of one answer take, in bytes.
const MAX_ROWS: usize = 64 << 20;

/// What a value takes beside its bytes: its place, and the names around it.
const ENTRY: usize = 320;

/// The most parameters of a statement: their number has 16 bits.
const MAX_PARAMS: usize = 65_535;

/// What the token of a prepared statement begins with; the statement follows. So every provider knows every token, and
/// has none to keep.
const TOKEN: &str = "steadfast:1:";

/// A database, as a service.
pub(crate) struct Postgres {
    pool: Pool,
    /// How many digits stand behind the point of money there.
    digits: OnceCell<u32>,
}

/// What a statement brought.
struct Answer {
    rows: Vec<Val>,
    /// How many rows it concerned.
    count: u64,
}

impl Service for Postgres {
    fn wit(&self) -> &'static [&'static str] {
        &WIT
    }

    fn call(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        Box::pin(async move {
            let Invocation { function, params, deadline, .. } = invocation;
            self.answer(&function.name, &params, deadline).await
        })
    }
}

impl Postgres {
    /// # Errors
    /// What is wrong with the options, and what to do.
    pub fn new(options: &Options) -> Result<Self, String> {
        Ok(Postgres { pool: Pool::new(options.address()?, options.connections), digits: OnceCell::new() })
    }

    async fn answer(&self, function: &str, params: &[Val], deadline: Option<Instant>) -> Reply {
        let result = match (function, params) {
            ("query", [Val::String(statement), Val::List(params)]) => {
                match self.run(statement, params, deadline).await {
                    Ok(answer) => Ok(Some(Val::List(answer.rows))),
                    Err(wrong) => Err(wrong.into_query_error()?),
                }
            }
            ("query-batch", [Val::String(statements)]) => match self.batch(statements, deadline).await {
                Ok(()) => Ok(None),
                Err(wrong) => Err(wrong.into_query_error()?),
            },
            ("prepare", [Val::String(statement)]) => match self.prepare(statement, deadline).await {
                Ok(()) => Ok(Some(Val::String(format!("{TOKEN}{statement}")))),
                Err(wrong) => Err(variant("unexpected", Some(Val::String(wrong.into_text()?)))),
            },
            ("exec", [Val::String(token), Val::List(params)]) => match token.strip_prefix(TOKEN) {
                None => Err(variant("unknown-prepared-query", None)),
                Some(statement) => match self.run(statement, params, deadline).await {
                    Ok(answer) => Ok(Some(Val::U64(answer.count))),
                    Err(wrong) => Err(variant("query-error", Some(wrong.into_query_error()?))),
                },
            },
            _ => {
                let message =
                    format!("`{function}` was called with other parameters than it has; build against its WIT");
                return Err(Failure::new(Cause::Protocol, Delivery::NotSent, message));
            }
        };
        Ok(Some(Val::Result(result.map(|value| value.map(Box::new)).map_err(|error| Some(Box::new(error))))))
    }

    /// Runs one statement. Dropped, it has the server cancel it.
    async fn run(&self, statement: &str, params: &[Val], deadline: Option<Instant>) -> Result<Answer, Wrong> {
        check(statement)?;
        if params.len() > MAX_PARAMS {
            return Err(Wrong::Params(format!("there are {} parameters, and {MAX_PARAMS} at most", params.len())));
        }
        let busy = self.pool.take(deadline).await.map_err(Wrong::Failed)?;
        let plain = is_plain(statement);
        let params = match self.params(&busy.connection.client, params).await {
            Ok(params) => params,
            // Nothing was sent that is not over.
            Err(wrong) => {
                self.pool.give_back(busy);
                return Err(wrong);
            }
        };
        let sent = Sent { left: false, params: !params.is_empty(), in_parts: !plain };
        let result = self.rows(&busy.connection, statement, params, sent).await;
        self.end(busy, plain, result)
    }

    async fn rows(
        &self,
        connection: &Connection,
        statement: &str,
        params: Vec<Param>,
        sent: Sent,
    ) -> Result<Answer, Ended> {
        let before = connection.written();
        let failed = |error: Error| {
            let sent = Sent { left: connection.written() != before, ..sent };
            let wrong = of_statement(&error, &self.pool.address.name, sent);
            if error.as_db_error().is_some() { Ended::Told(wrong) } else { Ended::Lost(wrong) }
        };
        let typed = params.iter().map(|param| (param, param.ty.clone()));
        let stream = connection.client.query_typed_raw(statement, typed).await.map_err(failed)?;
        let mut stream = pin!(stream);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        // To the very end: the statement is committed after its last row.
        while let Some(row) = stream.next().await {
            let row = row.map_err(failed)?;
            bytes += row.raw_size_bytes() + ENTRY * row.len().max(1);
            if bytes > MAX_ROWS {
                let text = format!("its rows take more than {MAX_ROWS} bytes; ask for fewer, with LIMIT");
                return Err(Ended::UnderWay(Wrong::Query(text)));
            }
            rows.push(row);
        }
        let count = stream.rows_affected().unwrap_or_default();
        let has_money =
            rows.first().is_some_and(|row| row.columns().iter().any(|column| decode::is_money(column.type_())));
        let digits = if has_money { self.digits(&connection.client).await.map_err(Ended::Told)? } else { 0 };
        let rows = rows.iter().map(|row| values(row, digits)).collect::<Result<_, _>>();
        Ok(Answer { rows: rows.map_err(|text| Ended::Told(Wrong::Query(text)))?, count })
    }

    /// Runs several statements, each of which may be committed for itself.
    async fn batch(&self, statements: &str, deadline: Option<Instant>) -> Result<(), Wrong> {
        check(statements)?;
        let busy = self.pool.take(deadline).await.map_err(Wrong::Failed)?;
        let before = busy.connection.written();
        let result = busy.connection.client.batch_execute(statements).await.map_err(|error| {
            let left = busy.connection.written() != before;
            Ended::Lost(of_statement(&error, &self.pool.address.name, Sent { left, params: false, in_parts: true }))
        });
        self.end(busy, false, result)
    }

    /// Has the server check a statement, and no more.
    async fn prepare(&self, statement: &str, deadline: Option<Instant>) -> Result<(), Wrong> {
        check(statement)?;
        let busy = self.pool.take(deadline).await.map_err(Wrong::Failed)?;
        // Whatever became of it: nothing happened.
        let sent = Sent { left: false, params: false, in_parts: false };
        let result = busy.connection.client.prepare(statement).await.map(drop).map_err(|error| {
            let wrong = of_statement(&error, &self.pool.address.name, sent);
            if error.as_db_error().is_some() { Ended::Told(wrong) } else { Ended::Lost(wrong) }
        });
        self.end(busy, true, result)
    }

    /// Keeps the connection, where the next statement finds it as this one did.
    fn end<T>(&self, busy: Busy, plain: bool, result: Result<T, Ended>) -> Result<T, Wrong> {
        match result {
            Ok(_) | Err(Ended::Told(_)) if plain => self.pool.give_back(busy),
            Err(Ended::UnderWay(_)) => drop(busy),
            _ => drop(busy.done()),
        }
        result.map_err(|ended| match ended {
            Ended::Told(wrong) | Ended::Lost(wrong) | Ended::UnderWay(wrong) => wrong,
        })
    }

    async fn params(&self, client: &Client, values: &[Val]) -> Result<Vec<Param>, Wrong> {
        let mut params = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let wrong = |problem: String| Wrong::Params(format!("${}: {problem}", index + 1));
            let Val::Variant(case, payload) = value else { return Err(wrong("it is no pg-value".into())) };
            params.push(match payload.as_deref() {
                None => Param { ty: Type::UNKNOWN, bytes: None, format: Format::Text },
                // Its text depends on the language that the server is set to.
                Some(amounts) if matches!(case.as_str(), "money" | "money-array") => {
                    encode::money(amounts, self.digits(client).await?).map_err(wrong)?
                }
                Some(payload) => {
                    let bytes = encode::text(case, payload).map_err(wrong)?;
                    Param { ty: Type::UNKNOWN, bytes: Some(bytes), format: Format::Text }
                }
            });
        }
        Ok(params)
    }

    /// How many digits stand behind the point of money: asked once, as the database is set to a language as a whole.
    async fn digits(&self, client: &Client) -> Result<u32, Wrong> {
        let ask = || async {
            let failed = |error: &Error| {
                let sent = Sent { left: false, params: false, in_parts: false };
                of_statement(error, &self.pool.address.name, sent)
            };
            let rows = client.query_typed("SELECT 1::money", &[]).await.map_err(|error| failed(&error))?;
            let one = rows.first().and_then(|row| row.try_get::<_, Raw<'_>>(0).ok()?.0);
            let one = one.and_then(|bytes| Reader(bytes).i64().ok()?.checked_ilog10());
            one.ok_or_else(|| Wrong::Unexpected("the server does not say what money is; use numeric".into()))
        };
        // On the heap: few ask for money.
        Box::pin(self.digits.get_or_try_init(ask)).await.copied()
    }
}

/// How a statement failed.
enum Ended {
    /// The server said so, and is ready for more.
    Told(Wrong),
    /// The connection is of no more use.
    Lost(Wrong),
    /// It is at work still.
    UnderWay(Wrong),
}

fn check(statement: &str) -> Result<(), Wrong> {
    match statement.contains('\0') {
        true => Err(Wrong::Query("there is a zero byte in it; remove it".into())),
        false => Ok(()),
    }
}

fn variant(case: &str, payload: Option<Val>) -> Val {
    Val::Variant(case.into(), payload.map(Box::new))
}

/// The values of a row, with the names of their columns.
fn values(row: &Row, digits: u32) -> Result<Val, String> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        let wrong = |problem: &dyn std::fmt::Display| format!("the column `{}`: {problem}", column.name());
        let Raw(bytes) = row.try_get(index).map_err(|error| wrong(&error))?;
        let value = decode::value(column.type_(), bytes, digits).map_err(|problem| wrong(&problem))?;
        Ok(Val::Record(vec![("column-name".into(), Val::String(column.name().into())), ("value".into(), value)]))
    };
    Ok(Val::List(row.columns().iter().enumerate().map(value).collect::<Result<_, String>>()?))
}
