//! The serving side: a connection brings one call, which is passed on to a component.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wasm_tokio::AsyncReadLeb128;
use wasm_tokio::tokio_util::codec::FramedRead;
use wasmtime::component::Val;
use wrpc_transport::frame::PROTOCOL;

use super::super::codec::{self, Malformed};
use super::super::server::{Function, GRACE, encode};
use super::super::{MAX_BYTES, instance, outcome};
use super::{ENDED, MAX_NAME, decoder, put_frame};
use crate::component::{Interface, Signature};
use crate::lattice::{Cause, Delivery, Embedded, Failure, Invocation, Lattice};

/// The most parts that the parameters come in; released clients send one. After each it is seen whether they are
/// complete, which takes as long as they are large.
const MAX_PARTS: usize = 64;

/// How long a caller has to say what it calls, with all parameters.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections beyond the calls that may run: to be told that there are too many.
const SPARE: usize = 64;

/// A component that serves calls over TCP.
pub(crate) struct Server {
    pub provider: Embedded,
    pub lattice: Arc<Lattice>,
    /// For one call.
    pub limit: Duration,
    /// At a time; further calls are refused.
    pub calls: usize,
}

/// By the name of the instance and of the function.
type Functions = HashMap<(String, String), Function>;

impl Server {
    /// Serves `functions` on `listener` until `shutdown` is ready, then finishes the calls in flight.
    pub async fn run(
        self,
        functions: impl IntoIterator<Item = (Interface, String, Arc<Signature>)>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) {
        let functions: Functions = functions
            .into_iter()
            .map(|(interface, name, signature)| {
                ((instance(&interface), name.clone()), Function { interface, name, signature })
            })
            .collect();
        let connections = Arc::new(Semaphore::new(self.calls.saturating_add(SPARE).min(Semaphore::MAX_PERMITS)));
        let calls = Semaphore::new(self.calls);
        let server = Arc::new((self, functions, calls));
        let mut shutdown = std::pin::pin!(shutdown);
        let mut running = JoinSet::new();
        loop {
            let accept = async {
                // Whoever comes too early waits to be accepted.
                let permit = connections.clone().acquire_owned().await;
                (listener.accept().await, permit)
            };
            let (stream, permit) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = accept => accepted,
            };
            while running.try_join_next().is_some() {}
            match stream {
                Ok((stream, caller)) => {
                    let server = server.clone();
                    running.spawn(async move {
                        let _permit = permit;
                        let (server, functions, calls) = &*server;
                        if let Err(problem) = server.answer(functions, calls, stream).await {
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
        if tokio::time::timeout(GRACE, running.join_all()).await.is_err() {
            tracing::warn!("calls were still running {GRACE:?} after the end was asked for, and are abandoned");
        }
    }

    /// Answers one call; fails when nobody can be told how it went.
    async fn answer(&self, functions: &Functions, calls: &Semaphore, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (incoming, mut outgoing) = stream.into_split();
        let mut incoming = BufReader::new(incoming);
        let read = async {
            let names = names(&mut incoming).await?;
            let Some(function) = functions.get(&names) else {
                let (instance, name) = names;
                return Ok(Err(format!("`{instance}#{name}` is not served here")));
            };
            let params = params(&function.signature, incoming).await?;
            let wrong = |problem| format!("the parameters are no `{}`: {problem}", function.signature.wire());
            Ok(params.map(|params| (function, params)).map_err(wrong))
        };
        let read = tokio::time::timeout(PATIENCE, read).await;
        let read: io::Result<_> = read.unwrap_or_else(|_| Err(io::Error::other("it did not come to its end in time")));
        let (bytes, ended) = match read? {
            Ok((function, params)) => {
                let reply = match calls.try_acquire() {
                    Ok(_permit) => {
                        let invocation = Invocation {
                            interface: function.interface.clone(),
                            function: function.name.clone(),
                            signature: function.signature.clone(),
                            params,
                            depth: 0,
                        };
                        self.lattice.serve(&self.provider, self.limit, invocation).await
                    }
                    Err(_) => {
                        let message = format!("{} calls are running already", self.calls);
                        Err(Failure::new(Cause::Overloaded, Delivery::NotSent, message))
                    }
                };
                encode(&function.signature, reply)
            }
            Err(problem) => (BytesMut::new(), Some(Err(Failure::new(Cause::Protocol, Delivery::NotSent, problem)))),
        };
        let mut answer = BytesMut::new();
        // Last, since others end at a path that they do not know.
        put_frame(&[], &bytes, &mut answer)?;
        if let Some(ended) = ended {
            put_frame(ENDED, &outcome::encode(ended), &mut answer)?;
        }
        outgoing.write_all(&answer).await?;
        outgoing.shutdown().await
    }
}

/// The names of the instance and of the function that are called.
async fn names(incoming: &mut BufReader<OwnedReadHalf>) -> io::Result<(String, String)> {
    let version = incoming.read_u8().await?;
    if version != PROTOCOL {
        return Err(io::Error::other(format!("it is of version {version}, and this is version {PROTOCOL} of wRPC")));
    }
    Ok((name(incoming).await?, name(incoming).await?))
}

async fn name(incoming: &mut BufReader<OwnedReadHalf>) -> io::Result<String> {
    let length = incoming.read_u32_leb128().await? as usize;
    if length > MAX_NAME {
        return Err(io::Error::other(format!("a name has {length} bytes, and {MAX_NAME} are the most")));
    }
    let mut name = vec![0; length];
    incoming.read_exact(&mut name).await?;
    String::from_utf8(name).map_err(io::Error::other)
}

/// The parameters; or what is wrong with them.
async fn params(signature: &Signature, incoming: BufReader<OwnedReadHalf>) -> io::Result<Result<Vec<Val>, String>> {
    let mut frames = FramedRead::new(incoming, decoder());
    let mut bytes = BytesMut::new();
    for _ in 0..MAX_PARTS {
        let Some(frame) = frames.next().await.transpose()? else {
            return Ok(Err(Malformed::Truncated.to_string()));
        };
        if !frame.path.is_empty() {
            return Ok(Err("a part of them is for a stream".into()));
        }
        bytes.extend_from_slice(&frame.data);
        if bytes.len() > MAX_BYTES {
            return Ok(Err(format!("they are more than {MAX_BYTES} bytes")));
        }
        let mut rest = bytes.clone();
        match codec::decode(signature.params().iter().map(|(_, shape)| shape), &mut rest) {
            Ok(values) if rest.is_empty() => return Ok(Ok(values)),
            Ok(_) => return Ok(Err(format!("{} bytes follow", rest.len()))),
            Err(Malformed::Truncated) => {}
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Err(format!("they come in more than {MAX_PARTS} parts")))
}
