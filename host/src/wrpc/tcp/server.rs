//! The serving side: a connection brings one call, which is passed on to a component.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wasm_tokio::AsyncReadLeb128;
use wasmtime::component::Val;
use wrpc_transport::frame::PROTOCOL;

use super::super::budget::{Budget, Share};
use super::super::codec::{self, Malformed};
use super::super::server::{Answer, Refused, encode};
use super::super::{MAX_BYTES, PATIENCE, instance, outcome};
use super::waiting::{MAX_WAITING, Place, Waiting};
use super::{Broken, ENDED, Frames, MAX_NAME, append, put_frame};
use crate::component::{Function, Signature};
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::Invocation;
use crate::server::{GRACE, stopped, stopping};
use crate::trace::{SpanContext, SpanKind, Tracer};

/// The most parts that the parameters come in; released clients send one. After each it is seen whether they are
/// complete, which takes as long as they are large.
const MAX_PARTS: usize = 64;

/// An answer is sent in parts of so many bytes, of which a caller has to take each in time.
const PART: usize = 64 << 10;

/// A component that serves calls over TCP.
pub(crate) struct Server {
    pub answer: Answer,
    pub tracer: Tracer,
    /// For one call.
    pub limit: Duration,
    /// At a time; further calls are refused.
    pub calls: usize,
}

/// A server at work.
struct Serving {
    server: Server,
    /// By the name of the instance and of the function.
    functions: HashMap<(String, String), Arc<Function>>,
    calls: Semaphore,
    budget: Budget,
}

impl Server {
    /// Serves `functions` on `listener` until `shutdown` is ready, then finishes the calls in flight.
    pub async fn run(self, functions: Vec<Arc<Function>>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let names = |function: &Function| (instance(&function.interface), function.name.clone());
        let functions = functions.into_iter().map(|function| (names(&function), function)).collect();
        let calls = Semaphore::new(self.calls);
        let serving = Arc::new(Serving { server: self, functions, calls, budget: Budget::new() });
        let waiting = Waiting::new(MAX_WAITING);
        let mut shutdown = std::pin::pin!(shutdown);
        let mut running = JoinSet::new();
        loop {
            let accept = async {
                let (stream, caller) = listener.accept().await?;
                Ok((stream, caller, waiting.place().await))
            };
            let accepted: io::Result<_> = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = accept => accepted,
            };
            while running.try_join_next().is_some() {}
            match accepted {
                Ok((stream, caller, place)) => {
                    let serving = serving.clone();
                    running.spawn(async move {
                        if let Err(problem) = serving.answer(stream, place).await {
                            tracing::warn!("a call from {caller} was lost: {problem}");
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely; some will be free again.
                    tracing::error!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        let under_way = || serving.server.calls - serving.calls.available_permits();
        stopping("calls", under_way());
        let _ = tokio::time::timeout(GRACE, async { while running.join_next().await.is_some() {} }).await;
        stopped("calls", under_way());
    }
}

impl Serving {
    /// Answers one call; fails when nobody can be told how it went.
    async fn answer(&self, stream: TcpStream, mut place: Place) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (incoming, mut outgoing) = stream.into_split();
        let mut share = self.budget.share();
        let call = tokio::select! {
            biased;
            call = tokio::time::timeout(PATIENCE, self.call(BufReader::new(incoming), &mut share)) => {
                call.unwrap_or_else(|_| Err(io::Error::other("it did not come to its end in time")))?
            }
            () = place.lost() => return Err(io::Error::other("it did not come, and others waited")),
        };
        let mut invocation = match call {
            Ok(invocation) => invocation,
            Err(Refused(cause, problem)) => {
                let refusal = Failure::new(cause, Delivery::NotSent, problem);
                return refuse(&mut outgoing, refusal, place).await;
            }
        };
        let Server { answer, tracer, limit, calls } = &self.server;
        // The framing has no place for the caller's trace, so one begins here.
        let span = tracer.call(SpanKind::Server, &invocation.function.target, &SpanContext::NONE);
        // Until its answer is sent, a call is one of those that run.
        let Ok(_permit) = self.calls.try_acquire() else {
            let message = format!("{calls} calls are running already");
            let refusal = Failure::new(Cause::Overloaded, Delivery::NotSent, message);
            span.end(Some(&refusal));
            return refuse(&mut outgoing, refusal, place).await;
        };
        drop(place);
        invocation.trace = span.context();
        let function = invocation.function.clone();
        let (bytes, ended) = encode(&function.signature, answer(invocation).await);
        span.end(ended.as_ref().and_then(|ended| ended.as_ref().err()));
        let sent = tokio::time::timeout(*limit, send(&mut outgoing, &bytes, ended)).await;
        sent.unwrap_or_else(|_| Err(io::Error::other(format!("its answer is not read within {limit:?}"))))
    }

    /// What is called; or why it cannot be.
    async fn call(
        &self,
        mut incoming: BufReader<OwnedReadHalf>,
        share: &mut Share,
    ) -> io::Result<Result<Invocation, Refused>> {
        let names = names(&mut incoming).await?;
        let Some(function) = self.functions.get(&names) else {
            let (instance, name) = names;
            return Ok(Err(Refused(Cause::Protocol, format!("`{instance}#{name}` is not served here"))));
        };
        Ok(params(&function.signature, incoming, share).await?.map(|params| Invocation {
            function: function.clone(),
            params,
            // The framing has no place for more.
            depth: 1,
            deadline: None,
            trace: SpanContext::NONE,
        }))
    }
}

/// Tells why a call is not made, unless another connection is to have the place.
async fn refuse(outgoing: &mut OwnedWriteHalf, refusal: Failure, mut place: Place) -> io::Result<()> {
    tokio::select! {
        biased;
        sent = send(outgoing, &[], Some(Err(refusal))) => sent,
        () = place.lost() => Err(io::Error::other("its answer is not read, and others waited")),
    }
}

/// Sends the answer to a caller that takes it.
async fn send(outgoing: &mut OwnedWriteHalf, bytes: &[u8], ended: Option<Result<(), Failure>>) -> io::Result<()> {
    let mut answer = BytesMut::new();
    put_frame(&[], bytes, &mut answer)?;
    if let Some(ended) = ended {
        // Last, since others end at a path that they do not know.
        put_frame(ENDED, &outcome::encode(ended), &mut answer)?;
    }
    for part in answer.chunks(PART) {
        let sent = tokio::time::timeout(PATIENCE, outgoing.write_all(part)).await;
        sent.unwrap_or_else(|_| Err(io::Error::other(format!("nothing of its answer is read for {PATIENCE:?}"))))?;
    }
    outgoing.shutdown().await
}

/// The names of the instance and of the function that are called.
pub(super) async fn names<R: AsyncRead + Unpin>(incoming: &mut BufReader<R>) -> io::Result<(String, String)> {
    let version = incoming.read_u8().await?;
    if version != PROTOCOL {
        return Err(io::Error::other(format!("it is of version {version}, and this is version {PROTOCOL} of wRPC")));
    }
    Ok((name(incoming).await?, name(incoming).await?))
}

async fn name<R: AsyncRead + Unpin>(incoming: &mut BufReader<R>) -> io::Result<String> {
    let length = incoming.read_u32_leb128().await? as usize;
    if length > MAX_NAME {
        return Err(io::Error::other(format!("a name has {length} bytes, and {MAX_NAME} are the most")));
    }
    let mut name = vec![0; length];
    incoming.read_exact(&mut name).await?;
    String::from_utf8(name).map_err(io::Error::other)
}

/// The parameters; or what is wrong with them.
async fn params(
    signature: &Signature,
    incoming: BufReader<OwnedReadHalf>,
    share: &mut Share,
) -> io::Result<Result<Vec<Val>, Refused>> {
    let wrong = |problem: &dyn std::fmt::Display| {
        Ok(Err(Refused(Cause::Protocol, format!("the parameters are no `{}`: {problem}", signature.wire()))))
    };
    let mut frames = Frames::new(incoming, share);
    let mut bytes = BytesMut::new();
    for _ in 0..MAX_PARTS {
        let frame = match frames.next().await {
            Ok(Some(frame)) if frame.path.is_empty() => frame,
            Ok(Some(_)) => return wrong(&"a part of them is for a stream"),
            Ok(None) => return wrong(&Malformed::Truncated),
            Err(Broken::Connection(error)) => return Err(error),
            Err(Broken::Protocol(problem)) => return wrong(&problem),
            Err(Broken::Memory(exhausted)) => return Ok(Err(exhausted.into())),
        };
        append(&mut bytes, frame.data);
        if bytes.len() > MAX_BYTES {
            return wrong(&format_args!("they are more than {MAX_BYTES} bytes"));
        }
        // Decoding uses up what it reads, which may turn out not to be all.
        let mut copy = frames.share.part();
        if let Err(exhausted) = copy.take(bytes.len()) {
            return Ok(Err(exhausted.into()));
        }
        let mut rest = bytes.clone();
        match codec::decode(signature.params().iter().map(|(_, shape)| shape), &mut rest, frames.share) {
            Ok(values) if rest.is_empty() => return Ok(Ok(values)),
            Ok(_) => return wrong(&format_args!("{} bytes follow", rest.len())),
            Err(Malformed::Truncated) => {}
            Err(Malformed::NoRoom(exhausted)) => return Ok(Err(exhausted.into())),
            Err(error) => return wrong(&error),
        }
    }
    wrong(&format_args!("they come in more than {MAX_PARTS} parts"))
}
