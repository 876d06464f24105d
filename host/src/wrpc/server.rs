//! The serving side: invocations from the lattice, passed on to a component.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::select_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wasmtime::component::Val;

use super::budget::{Exhausted, Share};
use super::codec::{self, Malformed};
use super::{Connection, MAX_BYTES, PATIENCE, headers, instance, outcome, subject};
use crate::component::{Function, Signature};
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply};
use crate::nats::round_trip;
use crate::server::{GRACE, stopped, stopping};
use crate::trace::{SpanKind, Tracer};

/// What answers a call, within its time.
pub(crate) type Answer = Box<dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// The most messages that the rest of the parameters comes in: 16 MiB of them in messages of 4 KiB, less than any server
/// takes at a time.
const MAX_MESSAGES: usize = 4 << 10;

/// Ends a subscription at the server, and not yet here. The server takes it for -1, which is no number of messages to
/// wait for; this client waits for so many. Its own `drain` and `unsubscribe` forget the subscription at once, or as soon
/// as anything else arrives, and with it the calls that the server sent before it knew: nobody would answer them.
const NO_MORE: u64 = u64::MAX;

/// A component that serves calls from a NATS server.
///
/// Not with `Serve` of `wrpc-transport`: its subscriptions can only be dropped, and with them the calls that the server
/// has already handed to this process and to no other.
pub(crate) struct Server {
    pub connection: Connection,
    pub prefix: String,
    pub group: String,
    pub answer: Answer,
    pub tracer: Tracer,
    /// For one call.
    pub limit: Duration,
    /// At a time; further calls are refused.
    pub calls: usize,
}

impl Server {
    /// Serves `functions` until `shutdown` is ready, then finishes the calls in flight. Tells `ready` when calls can come.
    pub async fn run(
        self,
        functions: Vec<Arc<Function>>,
        ready: impl FnOnce(),
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), String> {
        let server = Arc::new(self);
        let mut shutdown = std::pin::pin!(shutdown);
        let nats = tokio::select! {
            nats = server.connection.client() => nats.ok_or("the connection was closed")?,
            () = &mut shutdown => return Ok(()),
        };
        let mut subscriptions = Vec::new();
        for function in functions {
            let subject = subject::invocation(&server.prefix, &instance(&function.interface), &function.name);
            let subscription = nats.queue_subscribe(subject, server.group.clone()).await;
            let subscription = subscription.map_err(|error| crate::error::quote(&error))?;
            subscriptions.push(Served { subscription, function });
        }
        let mut calls = select_all(subscriptions);
        // Dropped with this.
        let mut watching = JoinSet::new();
        watching.spawn(watch(server.clone(), nats.clone()));
        tokio::select! {
            () = server.connection.known() => ready(),
            () = &mut shutdown => return Ok(()),
        }

        let permits = Arc::new(Permits::new(server.calls));
        let mut running = JoinSet::new();
        let accept = |(function, message): (Arc<Function>, Message), running: &mut JoinSet<()>| {
            let (server, nats, permits) = (server.clone(), nats.clone(), permits.clone());
            let share = server.connection.budget.share();
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                if let Err(problem) = server.answer(&nats, &permits, &function, message, share).await {
                    tracing::warn!("a call of `{}#{}` was lost: {problem}", function.interface, function.name);
                }
            });
        };
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                call = calls.next() => match call {
                    Some(call) => accept(call, &mut running),
                    None => return Err("the connection was closed".into()),
                },
            }
        }
        let under_way = || server.calls - permits.running.available_permits();
        stopping("calls", under_way());
        let without = || tracing::warn!("without a connection, callers are not told how the calls under way end");
        let finish = async {
            for served in calls.iter_mut() {
                let _ = served.subscription.unsubscribe_after(NO_MORE).await;
            }
            // The server answers this after the calls that it has sent until then.
            let mut known = std::pin::pin!(round_trip(&nats));
            loop {
                tokio::select! {
                    biased;
                    Some(call) = calls.next() => accept(call, &mut running),
                    _ = &mut known => break,
                }
            }
            for served in calls.iter_mut() {
                let _ = served.subscription.unsubscribe().await;
            }
            while let Some(call) = calls.next().await {
                accept(call, &mut running);
            }
            while running.join_next().await.is_some() {}
            // So that nothing is left on its way when the process ends.
            let _ = round_trip(&nats).await;
        };
        match server.connection.lost() {
            Some(lost) => tokio::select! {
                _ = tokio::time::timeout(GRACE, finish) => {}
                () = lost => without(),
            },
            None => without(),
        }
        stopped("calls", under_way());
        Ok(())
    }

    /// Answers one call; fails when nobody can be told how it went.
    async fn answer(
        &self,
        nats: &async_nats::Client,
        permits: &Permits,
        function: &Arc<Function>,
        message: Message,
        mut share: Share,
    ) -> Result<(), String> {
        let Some(caller) = message.reply else {
            return Err("it says nowhere to reply to".into());
        };
        self.connection.check_inbox(&caller)?;
        let results = subject::results(&caller);
        let deadline = headers::deadline(message.headers.as_ref());
        let span = self.tracer.call(SpanKind::Server, &function.target, &headers::context(message.headers.as_ref()));
        let params = self.params(nats, permits, &caller, function, message.payload, &mut share).await?;
        let reply = match params.map(|params| (params, permits.running.try_acquire())) {
            Ok((params, Ok(_permit))) => {
                let invocation = Invocation {
                    function: function.clone(),
                    params,
                    depth: headers::depth(message.headers.as_ref()),
                    deadline,
                    trace: span.context(),
                };
                (self.answer)(invocation).await
            }
            Ok((_, Err(_))) => {
                let message = format!("{} calls are running already", self.calls);
                Err(Failure::new(Cause::Overloaded, Delivery::NotSent, message))
            }
            Err(Refused(cause, problem)) => Err(Failure::new(cause, Delivery::NotSent, problem)),
        };
        let (bytes, ended) = encode(&function.signature, reply);
        span.end(ended.as_ref().and_then(|ended| ended.as_ref().err()));
        if let Some(ended) = ended {
            publish(nats, subject::ended(&caller), outcome::encode(ended).freeze()).await?;
        }
        let mut bytes = bytes.freeze();
        while !bytes.is_empty() {
            let part = bytes.split_to(nats.server_info().max_payload.clamp(1, bytes.len()));
            publish(nats, results.clone(), part).await?;
        }
        publish(nats, results, Bytes::new()).await
    }

    /// Accepts the call and takes its parameters, for which it waits at most as long as for the call itself.
    async fn params(
        &self,
        nats: &async_nats::Client,
        permits: &Permits,
        caller: &str,
        function: &Arc<Function>,
        first: Bytes,
        share: &mut Share,
    ) -> Result<Result<Vec<Val>, Refused>, String> {
        let params = tokio::time::timeout(self.limit, params(nats, permits, caller, function, first, share)).await;
        let late = || Refused(Cause::Protocol, format!("the parameters do not end within {:?}", self.limit));
        params.unwrap_or_else(|_| Ok(Err(late())))
    }
}

/// How many calls there may be at a time.
struct Permits {
    running: Semaphore,
    /// Those whose parameters do not come in one message: so many may wait for the rest, and hold up no others.
    incomplete: Semaphore,
}

impl Permits {
    fn new(calls: usize) -> Self {
        Permits { running: Semaphore::new(calls), incomplete: Semaphore::new(calls) }
    }
}

/// A call that is accepted only to say why it is not made.
pub(super) struct Refused(pub Cause, pub String);

impl From<Exhausted> for Refused {
    fn from(exhausted: Exhausted) -> Self {
        Refused(Cause::Overloaded, format!("there is no room for the parameters: {exhausted}"))
    }
}

/// The results, and what is to be said of the end: a function that returns a value shows by it that it has returned.
pub(super) fn encode(signature: &Signature, reply: Reply) -> (BytesMut, Option<Result<(), Failure>>) {
    let mut bytes = BytesMut::new();
    let ended = match (signature.payload(), reply) {
        (Some(shape), Ok(Some(value))) => match codec::encode(shape, &value, &mut bytes) {
            Ok(()) if bytes.len() <= MAX_BYTES => return (bytes, None),
            Ok(()) => Err(format!("it is {} bytes, and {MAX_BYTES} are the most", bytes.len())),
            Err(problem) => Err(problem),
        },
        (None, Ok(_)) => return (bytes, Some(Ok(()))),
        (Some(_), Ok(None)) => Err("there is none".into()),
        (_, Err(failure)) => return (bytes, Some(Err(failure))),
    };
    let failed = ended.map_err(|problem| {
        Failure::new(Cause::Protocol, Delivery::Delivered, format!("the result cannot be sent: {problem}"))
    });
    (BytesMut::new(), Some(failed))
}

/// Accepts the call and takes its parameters; or says what is wrong with them.
async fn params(
    nats: &async_nats::Client,
    permits: &Permits,
    caller: &str,
    function: &Function,
    first: Bytes,
    share: &mut Share,
) -> Result<Result<Vec<Val>, Refused>, String> {
    let wrong = |problem: String| {
        Refused(Cause::Protocol, format!("the parameters are no `{}`: {problem}", function.signature.wire()))
    };
    let room = |held: usize, more: usize, share: &mut Share| {
        if held + more > MAX_BYTES {
            return Err(wrong(format!("they are more than {MAX_BYTES} bytes")));
        }
        share.take(more).map_err(Refused::from)
    };
    let decode = |mut bytes: BytesMut, share: &mut Share| {
        let shapes = function.signature.params().iter().map(|(_, shape)| shape);
        let values = codec::decode(shapes, &mut bytes, share)?;
        let rest = bytes.len();
        (rest == 0).then_some(values).ok_or_else(|| Malformed::Wrong(format!("{rest} bytes follow")))
    };
    let refused = |malformed| match malformed {
        Malformed::NoRoom(exhausted) => exhausted.into(),
        malformed => wrong(malformed.to_string()),
    };
    // Most calls are complete in their first message, and need no subscription for the rest.
    let complete = match room(0, first.len(), share).map(|()| decode(BytesMut::from(&first[..]), share)) {
        Ok(Err(Malformed::Truncated)) => None,
        Ok(decoded) => Some(decoded.map_err(refused)),
        Err(refused) => Some(Err(refused)),
    };
    if let Some(params) = complete {
        accept(nats, caller).await?;
        return Ok(params);
    }
    let Ok(_permit) = permits.incomplete.try_acquire() else {
        accept(nats, caller).await?;
        return Ok(Err(Refused(Cause::Overloaded, "too many calls wait for the rest of their parameters".into())));
    };
    let inbox = nats.new_inbox();
    let rest = nats.subscribe(subject::params(&inbox)).await;
    let mut rest = rest.map_err(|error| crate::error::quote(&error))?;
    let accepted = nats.publish_with_reply(caller.to_string(), inbox, Bytes::new()).await;
    accepted.map_err(|error| crate::error::quote(&error))?;
    let mut bytes = BytesMut::from(&first[..]);
    for _ in 0..MAX_MESSAGES {
        let Ok(message) = tokio::time::timeout(PATIENCE, rest.next()).await else {
            return Ok(Err(wrong(format!("nothing more of them came for {PATIENCE:?}"))));
        };
        let Some(message) = message.filter(|message| !message.payload.is_empty()) else {
            return Ok(decode(bytes, share).map_err(refused));
        };
        if let Err(refused) = room(bytes.len(), message.payload.len(), share) {
            return Ok(Err(refused));
        }
        bytes.extend_from_slice(&message.payload);
    }
    Ok(Err(wrong(format!("they come in more than {MAX_MESSAGES} messages"))))
}

/// Tells the caller that this provider has its call.
async fn accept(nats: &async_nats::Client, caller: &str) -> Result<(), String> {
    let accepted = nats.publish_with_reply(caller.to_string(), nats.new_inbox(), Bytes::new()).await;
    accepted.map_err(|error| crate::error::quote(&error))
}

async fn publish(nats: &async_nats::Client, subject: String, payload: Bytes) -> Result<(), String> {
    nats.publish(subject, payload).await.map_err(|error| crate::error::quote(&error))
}

/// Says of each connection when the server knows of the subscriptions, which the client makes again by itself.
async fn watch(server: Arc<Server>, nats: async_nats::Client) {
    loop {
        let mut lost = std::pin::pin!(server.connection.connected().await);
        let known = tokio::select! {
            biased;
            () = &mut lost => continue,
            known = round_trip(&nats) => known,
        };
        server.connection.subscribed(known.is_ok());
        lost.await;
    }
}

/// A subscription whose messages say which function they call.
struct Served {
    subscription: Subscriber,
    function: Arc<Function>,
}

impl futures_util::Stream for Served {
    type Item = (Arc<Function>, Message);

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let function = self.function.clone();
        self.subscription.poll_next_unpin(context).map(|message| Some((function, message?)))
    }
}
