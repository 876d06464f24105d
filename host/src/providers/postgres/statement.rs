//! What can be said of a statement before it is sent.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Whether a statement begins with one of the words of statements that are committed as a whole, and leave nothing behind
/// in the session. `CALL` may commit in between, `SET` and `BEGIN` leave something.
pub(super) fn is_plain(statement: &str) -> bool {
    const WORDS: [&str; 8] = ["select", "insert", "update", "delete", "merge", "with", "values", "table"];
    let mut rest = statement.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// A parameter, and the type that it is said to have.
pub(super) struct Param {
    pub ty: Type,
    /// None for a null.
    pub bytes: Option<Vec<u8>>,
    pub format: Format,
}

/// What it is may be a secret.
impl std::fmt::Debug for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.bytes {
            None => IsNull::Yes,
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        self.format
    }

    to_sql_checked!();
}

/// A value as Postgres sent it; none for a null.
pub(super) struct Raw<'r>(pub Option<&'r [u8]>);

impl<'r> FromSql<'r> for Raw<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_may_leave_something_behind_is_not_plain() {
        for plain in [
            "SELECT 1",
            " \n(select 1)",
            "-- first\n  -- and\nwith a as (select 1) table a",
            "Insert into t",
            "TABLE t",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in
            ["", "--", "BEGIN", "set x = 1", "CALL p()", "do $$ $$", "/* a */ select 1", "selection", "LISTEN a"]
        {
            assert!(!is_plain(other), "{other}");
        }
    }
}
