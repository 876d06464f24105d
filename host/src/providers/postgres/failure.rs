//! What went wrong, as callers are told: an error of the query, or a failed call.
//!
//! | what happened | cause | delivery |
//! | --- | --- | --- |
//! | no connection in time | `timeout` | `not-sent` |
//! | no connection, or lost before the statement left | `disconnected` | `not-sent` |
//! | connection lost after that | `disconnected` | `unknown` |
//! | no answer in time; the query is cancelled | `timeout` | `unknown` |
//! | no place in the pool; 53300, 57P01, 57P02, 57P03 at the connection | `overloaded` | `not-sent` |
//! | 57P01, 57P02 during the statement | `overloaded` | `unknown` |
//! | 40001, 40P01: Postgres undid the statement | `overloaded` | `not-sent` |
//! | the same, where a part before it may be committed | `overloaded` | `unknown` |
//! | the connection is refused for good: password, database, permission | `no-link` | `not-sent` |
//! | the server speaks otherwise than expected | `protocol` | `unknown` |
//! | any other SQLSTATE | | the query's own error |

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};
use wasmtime::component::Val;

use crate::failure::{Cause, Delivery, Failure};

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Wrong {
    Params(String),
    Query(String),
    Unexpected(String),
    /// Not the query's own error.
    Failed(Failure),
}

impl Wrong {
    /// As a `query-error`; or the failure of the call.
    pub fn into_query_error(self) -> Result<Val, Failure> {
        let (case, text) = match self {
            Wrong::Params(text) => ("invalid-params", text),
            Wrong::Query(text) => ("invalid-query", text),
            Wrong::Unexpected(text) => ("unexpected", text),
            Wrong::Failed(failure) => return Err(failure),
        };
        Ok(Val::Variant(case.into(), Some(Box::new(Val::String(text)))))
    }

    /// The text of the query's own error; or the failure of the call.
    pub fn into_text(self) -> Result<String, Failure> {
        match self {
            Wrong::Params(text) | Wrong::Query(text) | Wrong::Unexpected(text) => Ok(text),
            Wrong::Failed(failure) => Err(failure),
        }
    }

    pub fn failed(cause: Cause, delivery: Delivery, message: impl Into<String>) -> Self {
        Wrong::Failed(Failure::new(cause, delivery, message))
    }
}

/// A statement, as far as failures are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Any byte of it went into the connection.
    pub left: bool,
    /// It has parameters, which may be what Postgres complains of.
    pub params: bool,
    /// A part of it may be committed while another fails.
    pub in_parts: bool,
}

/// Why there is no connection.
pub(super) fn of_connecting(error: &Error, place: &str) -> Failure {
    let text = format!("cannot connect to Postgres at {place}: {}", told(error));
    let cause = match error.as_db_error() {
        Some(error) if is_overloaded(error.code()) => Cause::Overloaded,
        // Class 28: who we are; 3D: which database; 42501: what we may.
        Some(error) if matches!(error.code().code().get(..2), Some("28" | "3D" | "42")) => Cause::NoLink,
        Some(_) => Cause::Other,
        None => Cause::Disconnected,
    };
    Failure::new(cause, Delivery::NotSent, text)
}

/// Why a statement has no result.
pub(super) fn of_statement(error: &Error, place: &str, sent: Sent) -> Wrong {
    let lost = if sent.left { Delivery::Unknown } else { Delivery::NotSent };
    let Some(answer) = error.as_db_error() else {
        let is_lost = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
        let text = format!("the connection to Postgres at {place} was lost: {}", told(error));
        return match is_lost {
            true => Wrong::failed(Cause::Disconnected, lost, text),
            false => Wrong::failed(Cause::Protocol, lost, format!("Postgres at {place}: {}", told(error))),
        };
    };
    let text = told(error);
    let code = answer.code();
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        let undone = if sent.in_parts { Delivery::Unknown } else { Delivery::NotSent };
        let message = match sent.in_parts {
            true => format!("{text} (Postgres undid the part that failed; what was committed before it stays)"),
            false => format!("{text} (Postgres undid the statement, so it may be repeated)"),
        };
        return Wrong::failed(Cause::Overloaded, undone, message);
    }
    if is_ending(answer) {
        return Wrong::failed(Cause::Overloaded, lost, text);
    }
    match (code.code(), code.code().get(..2).unwrap_or_default()) {
        // Too few or too many parameters, and such of which no type is known.
        ("08P01" | "42P02" | "42P18", _) => Wrong::Params(text),
        (_, "22" | "23") if sent.params => Wrong::Params(text),
        (_, "0A" | "22" | "23" | "25" | "26" | "3D" | "3F" | "42" | "44") => Wrong::Query(text),
        _ => Wrong::Unexpected(text),
    }
}

fn is_overloaded(code: &SqlState) -> bool {
    [SqlState::TOO_MANY_CONNECTIONS, SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
        .contains(code)
}

/// Whether the server ends the connection: a statement can raise any code, but not end its connection.
fn is_ending(answer: &DbError) -> bool {
    is_overloaded(answer.code()) && answer.severity() == "FATAL"
}

/// `23505: duplicate key value violates unique constraint "orders_pkey"`; or what the connection says.
pub(super) fn told(error: &Error) -> String {
    if let Some(answer) = error.as_db_error() {
        let detail = answer.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}: {}{detail}", answer.code().code(), answer.message());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
