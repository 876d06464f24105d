//! The calling side: an invocation that leaves the process, and what its failures are called.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use async_nats::client::{PublishError, PublishErrorKind};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wrpc_transport::{Index, Invoke};
use wrpc_transport_nats::Reader;

use super::budget::{Exhausted, Share};
use super::codec::{self, Malformed};
use super::connection::{Client, Connection};
use super::{MAX_BYTES, headers, instance, outcome};
use crate::component::Signature;
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply, Transport};

/// Providers at the other end of a NATS server.
pub(crate) struct Remote {
    connection: Arc<Connection>,
    client: Client,
}

impl Remote {
    /// Those whose subjects begin with `prefix`.
    pub fn new(connection: Arc<Connection>, prefix: &str) -> Self {
        Remote { client: Client::new(&connection, prefix), connection }
    }

    async fn call(&self, invocation: Invocation) -> Reply {
        let name = &self.connection.name;
        let params = parameters(&invocation)?;
        let (Some(lost), Some(client)) = (self.connection.lost(), self.client.get()) else {
            let message = format!("there is no connection to {name}");
            return Err(Failure::new(Cause::Disconnected, Delivery::NotSent, message));
        };
        let mut share = self.connection.budget.share();
        let (received, ended) = tokio::select! {
            biased;
            received = exchange(client, &invocation, params, name, &mut share) => received?,
            () = lost => {
                let message = format!("the connection to {name} was lost during the call");
                return Err(Failure::new(Cause::Disconnected, Delivery::Unknown, message));
            }
        };
        // So end the results of a provider that fails, or that could not read the parameters.
        let message = "the provider ended the results before they were complete: it failed";
        let early = Failure::new(Cause::Trapped, Delivery::Unknown, message);
        reply(&invocation.signature, received, ended, &mut share, early)
    }
}

impl<N: Send + Sync> Transport<N> for Remote {
    fn invoke<'a>(&'a self, _: &'a Arc<N>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(invocation))
    }
}

pub(super) fn parameters(invocation: &Invocation) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    let mut pairs = invocation.signature.params().iter().zip(&invocation.params);
    let encoded = pairs.try_for_each(|((_, shape), value)| codec::encode(shape, value, &mut bytes));
    let encoded = encoded.and_then(|()| {
        let fits = bytes.len() <= MAX_BYTES;
        fits.then_some(())
            .ok_or_else(|| format!("the parameters are {} bytes, and {MAX_BYTES} are the most", bytes.len()))
    });
    encoded
        .map_err(|problem| Failure::new(Cause::Protocol, Delivery::NotSent, format!("cannot be sent: {problem}")))?;
    Ok(bytes.freeze())
}

/// Sends the parameters; the results, and what is said of the end.
async fn exchange(
    client: &wrpc_transport_nats::Client,
    invocation: &Invocation,
    params: Bytes,
    name: &str,
    share: &mut Share,
) -> Result<(BytesMut, Option<BytesMut>), Failure> {
    let paths = [[Some(outcome::PATH)]];
    let (mut outgoing, incoming) = client
        .invoke(headers::of(invocation), &instance(&invocation.interface), &invocation.function, params, paths)
        .await
        .map_err(|error| not_published(error.downcast_ref(), &error))?;
    let ended = incoming.index(&[outcome::PATH]).ok();
    // Waits until somebody accepts the call, sends what is left of the parameters, and ends them.
    let mut sent = pin!(async move { outgoing.shutdown().await });
    let mut received = pin!(receive(incoming, ended, share));
    tokio::select! {
        biased;
        received = &mut received => received,
        sent = &mut sent => {
            sent.map_err(|error| not_accepted(&error, invocation, name))?;
            received.await
        }
    }
}

/// Reads both to their ends. What is written to the second was written before the first ended.
async fn receive(
    mut results: Reader,
    mut ended: Option<Reader>,
    share: &mut Share,
) -> Result<(BytesMut, Option<BytesMut>), Failure> {
    let (mut received, mut said) = (BytesMut::new(), BytesMut::new());
    loop {
        tokio::select! {
            biased;
            more = read(&mut ended, &mut said) => if !more {
                // No longer read, it is no longer taken from the connection either, where others would wait for it.
                ended = None;
            },
            count = { received.reserve(8192); results.read_buf(&mut received) } => match count {
                Ok(0) => break,
                Ok(_) if received.len() > MAX_BYTES => {
                    let message = format!("the results are more than {MAX_BYTES} bytes");
                    return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
                }
                Ok(count) => share.take(count).map_err(no_room)?,
                Err(error) => {
                    let message = format!("the results cannot be read: {error}");
                    return Err(Failure::new(Cause::Disconnected, Delivery::Unknown, message));
                }
            },
        }
    }
    // It may have come between the two looks above.
    while let Some(true) = tokio::task::unconstrained(read(&mut ended, &mut said)).now_or_never() {}
    Ok((received, (!said.is_empty()).then_some(said)))
}

/// Whether there may be more. Waits for ever if there is nothing to read.
async fn read(from: &mut Option<Reader>, into: &mut BytesMut) -> bool {
    match from {
        Some(reader) => {
            matches!(reader.read_buf(into).await, Ok(count) if count > 0 && into.len() <= outcome::MAX_BYTES)
        }
        None => std::future::pending().await,
    }
}

/// What came back, once the results have ended; `early` if they are not complete.
pub(super) fn reply(
    signature: &Signature,
    mut received: BytesMut,
    ended: Option<BytesMut>,
    share: &mut Share,
    early: Failure,
) -> Reply {
    if let Some(ended) = ended {
        outcome::decode(ended, share)?;
    }
    let malformed = |problem: String| {
        let message = format!("the results are no `{}`: {problem}", signature.wire());
        Failure::new(Cause::Protocol, Delivery::Delivered, message)
    };
    let value = match codec::decode(signature.payload(), &mut received, share) {
        Ok(mut values) => values.pop(),
        Err(Malformed::Truncated) => return Err(early),
        Err(Malformed::NoRoom(exhausted)) => return Err(no_room(exhausted)),
        Err(error) => return Err(malformed(error.to_string())),
    };
    if !received.is_empty() {
        return Err(malformed(format!("{} bytes follow", received.len())));
    }
    Ok(value)
}

pub(super) fn no_room(exhausted: Exhausted) -> Failure {
    Failure::new(Cause::Overloaded, Delivery::Delivered, format!("there is no room for the results: {exhausted}"))
}

fn not_published(publishing: Option<&PublishError>, error: &dyn fmt::Display) -> Failure {
    let (cause, delivery) = match publishing.map(|error| error.kind()) {
        Some(PublishErrorKind::Send) => (Cause::Disconnected, Delivery::NotSent),
        Some(_) => (Cause::Protocol, Delivery::NotSent),
        None => (Cause::Disconnected, Delivery::Unknown),
    };
    Failure::new(cause, delivery, format!("the call could not be published: {}", crate::error::quote(error)))
}

fn not_accepted(error: &std::io::Error, invocation: &Invocation, name: &str) -> Failure {
    let (cause, delivery, message) = match error.kind() {
        std::io::ErrorKind::NotConnected => {
            let message = format!("nothing at {name} serves `{}`", invocation.interface);
            (Cause::NoTarget, Delivery::NotSent, message)
        }
        std::io::ErrorKind::InvalidInput => {
            let message = "what serves this accepted the call, but not as wRPC".to_string();
            (Cause::Protocol, Delivery::Unknown, message)
        }
        _ => (Cause::Disconnected, Delivery::Unknown, format!("the parameters could not be sent: {error}")),
    };
    Failure::new(cause, delivery, message)
}
