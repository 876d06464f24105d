//! The calling side: an invocation that leaves the process, and what its failures are called.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::{Message, StatusCode, Subject};
use bytes::{Bytes, BytesMut};

use super::budget::{Exhausted, Share};
use super::codec::{self, Malformed};
use super::connection::Connection;
use super::inbox::{Inbox, Open, Part};
use super::{MAX_BYTES, headers, instance, outcome, subject};
use crate::component::Signature;
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply, Transport};

/// Providers at the other end of a NATS server.
pub(crate) struct Remote {
    connection: Arc<Connection>,
    prefix: String,
    inbox: Inbox,
}

impl Remote {
    /// Those whose subjects begin with `prefix`.
    pub fn new(connection: Arc<Connection>, prefix: &str) -> Self {
        Remote { inbox: Inbox::new(&connection), prefix: prefix.into(), connection }
    }

    async fn call(&self, invocation: Invocation) -> Reply {
        let name = &self.connection.name;
        let params = parameters(&invocation)?;
        let (Some(lost), Some(open)) = (self.connection.lost(), self.inbox.get()) else {
            let message = format!("there is no connection to {name}");
            return Err(Failure::new(Cause::Disconnected, Delivery::NotSent, message));
        };
        let mut share = self.connection.budget.share();
        let (received, ended) = tokio::select! {
            biased;
            received = exchange(&self.connection, open, &self.prefix, &invocation, params, &mut share) => received?,
            () = lost => {
                let message = format!("the connection to {name} was lost during the call");
                return Err(Failure::new(Cause::Disconnected, Delivery::Unknown, message));
            }
        };
        // So end the results of a provider that fails, or that could not read the parameters.
        let message = "the provider ended the results before they were complete: it failed";
        let early = Failure::new(Cause::Trapped, Delivery::Unknown, message);
        reply(&invocation.function.signature, received, ended, &mut share, early)
    }
}

impl<N: Send + Sync> Transport<N> for Remote {
    fn invoke<'a>(&'a self, _: &'a Arc<N>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(invocation))
    }
}

pub(super) fn parameters(invocation: &Invocation) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    let mut pairs = invocation.function.signature.params().iter().zip(&invocation.params);
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

/// What came back until the results ended: them, and what was said of the end.
type Received = (BytesMut, Option<BytesMut>);

/// Sends the parameters, and receives what comes back.
async fn exchange(
    connection: &Connection,
    open: &Open,
    prefix: &str,
    invocation: &Invocation,
    params: Bytes,
    share: &mut Share,
) -> Result<Received, Failure> {
    let client = &open.client;
    let mut answers = open.answers();
    let rest = call(client, &answers.subject, prefix, invocation, params).await.map_err(|error| {
        let (cause, delivery) = match error.kind() {
            PublishErrorKind::Send => (Cause::Disconnected, Delivery::NotSent),
            _ => (Cause::Protocol, Delivery::NotSent),
        };
        Failure::new(cause, delivery, format!("the call could not be published: {}", crate::error::quote(&error)))
    })?;
    let mut rest = Some(rest);
    let mut sending = pin!(futures_util::future::OptionFuture::default());
    let mut received = BytesMut::new();
    let mut said = BytesMut::new();
    loop {
        let (part, message) = tokio::select! {
            biased;
            Some(sent) = &mut sending => {
                let sent: Result<(), PublishError> = sent;
                sent.map_err(not_sent)?;
                sending.set(None.into());
                continue;
            }
            answer = answers.next() => answer.ok_or_else(|| not_sent("the connection was closed"))?,
        };
        let Message { payload, reply, status, description, .. } = message;
        match part {
            // Only the first provider that accepts the call is told more.
            Part::Accepted => {
                if let Some(rest) = rest.take() {
                    let provider = accepted(connection, invocation, status, description, reply)?;
                    sending.set(Some(send(client, provider, rest)).into());
                }
            }
            Part::Results if payload.is_empty() => break,
            Part::Results => {
                if received.len() + payload.len() > MAX_BYTES {
                    let message = format!("the results are more than {MAX_BYTES} bytes");
                    return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
                }
                share.take(payload.len()).map_err(no_room)?;
                received.extend_from_slice(&payload);
            }
            // One byte too many says that there were more.
            Part::Ended => {
                let room = (outcome::MAX_BYTES + 1).saturating_sub(said.len());
                said.extend_from_slice(&payload[..payload.len().min(room)]);
            }
        }
    }
    Ok((received, (!said.is_empty()).then_some(said)))
}

/// Publishes the call with as much of the parameters as fits; the rest of them.
async fn call(
    client: &async_nats::Client,
    inbox: &str,
    prefix: &str,
    invocation: &Invocation,
    mut params: Bytes,
) -> Result<Bytes, PublishError> {
    let subject = subject::invocation(prefix, &instance(&invocation.function.interface), &invocation.function.name);
    let (inbox, most) = (inbox.to_string(), client.server_info().max_payload);
    match headers::of(invocation) {
        Some(headers) => {
            let first = params.split_to(most.saturating_sub(headers::length(&headers)).min(params.len()));
            client.publish_with_reply_and_headers(subject, inbox, headers, first).await?;
        }
        None => {
            let first = params.split_to(most.min(params.len()));
            client.publish_with_reply(subject, inbox, first).await?;
        }
    }
    Ok(params)
}

/// Sends the rest of the parameters, and ends them.
async fn send(client: &async_nats::Client, provider: Subject, mut rest: Bytes) -> Result<(), PublishError> {
    let subject = Subject::from(subject::params(&provider));
    while !rest.is_empty() {
        let part = rest.split_to(client.server_info().max_payload.clamp(1, rest.len()));
        client.publish(subject.clone(), part).await?;
    }
    client.publish(subject, rest).await
}

/// The inbox of the provider that accepts a call; or that none does.
fn accepted(
    connection: &Connection,
    invocation: &Invocation,
    status: Option<StatusCode>,
    description: Option<String>,
    reply: Option<Subject>,
) -> Result<Subject, Failure> {
    match (status, reply) {
        (Some(StatusCode::NO_RESPONDERS), _) => {
            let message = format!("nothing at {} serves `{}`", connection.name, invocation.function.interface);
            Err(Failure::new(Cause::NoTarget, Delivery::NotSent, message))
        }
        (Some(status), _) if !status.is_success() => {
            Err(not_sent(format_args!("{status} {}", description.unwrap_or_default())))
        }
        (_, Some(reply)) if let Err(problem) = connection.check_inbox(&reply) => {
            let message = format!("what serves this accepted the call, and its parameters cannot be sent: {problem}");
            Err(Failure::new(Cause::Protocol, Delivery::Unknown, message))
        }
        (_, Some(reply)) => Ok(reply),
        (_, None) => {
            let message = "what serves this accepted the call, but not as wRPC";
            Err(Failure::new(Cause::Protocol, Delivery::Unknown, message))
        }
    }
}

fn not_sent(error: impl fmt::Display) -> Failure {
    let message = format!("the parameters could not be sent: {error}");
    Failure::new(Cause::Disconnected, Delivery::Unknown, message)
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
