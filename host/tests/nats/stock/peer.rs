//! A stock provider, which behaves as it is told to, and a stock client.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::stream::{Stream, StreamExt, select_all};
use tokio::task::JoinSet;
use wit_bindgen_wrpc::anyhow;

use super::bindings;
use super::bindings::exports::test::guests::{hostile, values};
use super::bindings::test::guests::kinds::Everything;
use crate::Server;
use crate::server::heard;

/// What becomes of the calls to a provider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// They are answered.
    Honest,
    /// The handler returns an error.
    Fails,
    /// The handler panics.
    Panics,
    /// They are taken, and dropped before the handler sees them.
    Drops,
}

/// A client of wRPC over NATS, which is stock on either side.
pub async fn client(server: &Server) -> wrpc_transport_nats::Client {
    let nats = server.client().await;
    wrpc_transport_nats::Client::new(nats, "test", None).await.expect("the server is ready")
}

/// What a generated `serve` makes of each function: its interface, its name, and its calls to come.
type Served = Vec<(&'static str, &'static str, Pin<Box<dyn Stream<Item = anyhow::Result<Call>> + Send>>)>;

/// A call that was taken. It has to be awaited for an answer.
type Call = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// A stock provider, until it is dropped.
pub struct Serving {
    nats: async_nats::Client,
    tasks: JoinSet<()>,
}

impl Serving {
    /// Runs each call, or drops it; waits until the server knows of the functions.
    pub async fn start(nats: async_nats::Client, served: Served, runs: bool) -> Self {
        heard(&nats).await;
        let mut calls = select_all(served.into_iter().map(|(_, _, calls)| calls));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut running = JoinSet::new();
            while let Some(call) = calls.next().await {
                if let Ok(call) = call
                    && runs
                {
                    running.spawn(call);
                }
            }
        });
        Serving { nats, tasks }
    }

    /// Stops it, and waits until the server knows.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        heard(&self.nats).await;
    }
}

/// What a provider was given, in order.
pub type Seen = Arc<Mutex<Vec<String>>>;

/// Serves `test:guests`.
pub async fn serve(server: &Server, behaviour: Behaviour) -> (Serving, Seen) {
    let nats = server.client().await;
    let wrpc = wrpc_transport_nats::Client::new(nats.clone(), "test", None).await.expect("the server is ready");
    let seen = Seen::default();
    let served = bindings::serve(&wrpc, Handler { behaviour, seen: seen.clone() }).await.expect("they are subjects");
    (Serving::start(nats, served, behaviour != Behaviour::Drops).await, seen)
}

#[derive(Clone)]
struct Handler {
    behaviour: Behaviour,
    seen: Seen,
}

impl Handler {
    fn answer<T>(&self, given: impl std::fmt::Debug, answer: T) -> anyhow::Result<T> {
        self.seen.lock().expect("nobody panics with it").push(format!("{given:?}"));
        match self.behaviour {
            Behaviour::Honest | Behaviour::Drops => Ok(answer),
            Behaviour::Fails => Err(anyhow::anyhow!("asked to")),
            Behaviour::Panics => panic!("asked to"),
        }
    }
}

impl<C: Send> values::Handler<C> for Handler {
    async fn echo(&self, _: C, value: Everything) -> anyhow::Result<Everything> {
        self.answer(format_args!("{value:?}"), ())?;
        Ok(value)
    }
    async fn try_echo(&self, _: C, value: Everything) -> anyhow::Result<Everything> {
        self.answer(format_args!("{value:?}"), ())?;
        Ok(value)
    }
    async fn turn(&self, _: C, a: u8, b: String, c: Vec<u64>) -> anyhow::Result<(Vec<u64>, String, u8)> {
        self.answer((a, b.len(), &c), ())?;
        Ok((c, b, a))
    }
    async fn refuse(&self, _: C, why: String) -> anyhow::Result<Result<u32, String>> {
        self.answer(why.clone(), Err(why))
    }
    async fn nothing(&self, _: C) -> anyhow::Result<()> {
        self.answer((), ())
    }
    async fn try_nothing(&self, _: C) -> anyhow::Result<()> {
        self.answer((), ())
    }
}

impl<C: Send> hostile::Handler<C> for Handler {
    async fn count(&self, _: C) -> anyhow::Result<u32> {
        self.answer((), 42)
    }
    async fn trap(&self, _: C) -> anyhow::Result<()> {
        self.answer((), ())
    }
    async fn trap_instead(&self, _: C) -> anyhow::Result<u32> {
        self.answer((), 42)
    }
    async fn spin(&self, _: C) -> anyhow::Result<()> {
        self.answer((), ())
    }
    async fn hog(&self, _: C, mebibytes: u32) -> anyhow::Result<()> {
        self.answer(mebibytes, ())
    }
    async fn overloaded(&self, _: C) -> anyhow::Result<()> {
        self.answer((), ())
    }
    async fn print(&self, _: C, lines: u32) -> anyhow::Result<()> {
        self.answer(lines, ())
    }
}
