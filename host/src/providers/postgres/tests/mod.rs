//! A real server: every value there and back, every failure of the table.

mod access;
mod damage;
mod failures;
mod load;
mod random;
mod values;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use steadfast_demo::postgres::{Server, find};
use wasmtime::component::Val;

use super::{Options, Postgres};
use crate::lattice::Reply;

/// Starts a server; `None` where none is installed, which is no fault unless the variable `CI` is set.
fn start(settings: &[&str]) -> Option<Server> {
    if let Err(missing) = find() {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
        return None;
    }
    Some(Server::start(settings).expect("it is installed"))
}

/// The server that the tests share which leave it as it is: started by the first, ended by the last.
fn shared() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    let server = Arc::new(start(&["max_connections=80"])?);
    server.sql("CREATE EXTENSION hstore; CREATE EXTENSION citext").expect("Debian brings both");
    *shared = Arc::downgrade(&server);
    Some(server)
}

/// A provider for a database, with more options.
fn provider(url: &str, more: &str) -> Arc<Postgres> {
    let options: Options = toml::from_str(&format!("url = '{url}'\n{more}")).expect("options");
    Arc::new(Postgres::new(&options).expect("they are right"))
}

fn variant(case: &str, payload: Val) -> Val {
    Val::Variant(case.into(), Some(Box::new(payload)))
}

fn text(text: &str) -> Val {
    Val::String(text.into())
}

impl Postgres {
    /// A query as a component makes it.
    async fn ask(&self, statement: &str, params: Vec<Val>) -> Reply {
        self.answer("query", &[text(statement), Val::List(params)], None).await
    }

    /// The values of the one row that there is to be, or what went wrong.
    async fn row(&self, statement: &str, params: Vec<Val>) -> Result<Vec<Val>, String> {
        match self.ask(statement, params).await {
            Ok(Some(Val::Result(Ok(Some(rows))))) => {
                let Val::List(mut rows) = *rows else { return Err("no list".into()) };
                let Some(Val::List(entries)) = rows.pop() else { return Err("no row".into()) };
                Ok(entries.into_iter().map(value).collect())
            }
            other => Err(format!("{other:?}")),
        }
    }

    /// The case of the query's own error, and its text.
    async fn refused(&self, statement: &str, params: Vec<Val>) -> (String, String) {
        match self.ask(statement, params).await {
            Ok(Some(Val::Result(Err(Some(error))))) => match *error {
                Val::Variant(case, Some(payload)) => match *payload {
                    Val::String(text) => (case, text),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            },
            other => panic!("{statement}: {other:?}"),
        }
    }
}

/// What stands in an entry of a row beside the name.
fn value(entry: Val) -> Val {
    match entry {
        Val::Record(mut fields) => fields.pop().expect("it has two fields").1,
        other => panic!("{other:?}"),
    }
}
