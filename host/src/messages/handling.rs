//! One call of the component for a message, and what a failed one leads to.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::counts::{Counts, Here};
use super::{Handler, backoff};
use crate::excerpt::excerpt;
use crate::failure::{Cause, Delivery, Failure};
use crate::instance::Network;
use crate::lattice::Invocation;
use crate::manifest::Messages;
use crate::nats::Connection;
use crate::providers::messaging::{MAX_BODY, Message, REPLY_TO};
use crate::trace::{self, TRACEPARENT, TRACESTATE};

/// The most bytes of bodies that handlers of one subscription have at a time: as a value, a byte takes 32.
pub(super) const MAX_IN_HANDLERS: usize = 16 << 20;

/// What all messages of a subscription share.
pub(super) struct Handling {
    pub messages: Messages,
    pub connection: Arc<Connection>,
    pub counts: Arc<Counts>,
    handler: Arc<Handler>,
    network: Arc<Network>,
    /// A place for each handler at a time.
    pub places: Arc<Semaphore>,
    /// Room for the bodies that they have.
    room: Arc<Semaphore>,
}

/// A message that came.
pub(super) struct Arrived {
    pub subject: String,
    pub body: Bytes,
    pub reply_to: Option<String>,
    pub headers: HeaderMap,
    pub _here: Here,
}

/// What is to become of a message that was not taken.
pub(super) enum Next {
    /// It comes again after this time.
    Again(Duration),
    /// It came too often, or can never be taken.
    Over,
}

impl Handling {
    pub fn new(
        messages: &Messages,
        handler: &Arc<Handler>,
        network: &Arc<Network>,
        counts: &Arc<Counts>,
        connection: Arc<Connection>,
    ) -> Self {
        Handling {
            connection,
            counts: counts.clone(),
            handler: handler.clone(),
            network: network.clone(),
            places: Arc::new(Semaphore::new(messages.concurrency)),
            room: Arc::new(Semaphore::new(MAX_IN_HANDLERS)),
            messages: messages.clone(),
        }
    }

    /// A message of the client, with the place for an answer that stands in `reply`, or in its headers.
    pub fn arrived(&self, message: async_nats::Message, reply: Option<String>) -> Arrived {
        let headers = message.headers.unwrap_or_default();
        let reply_to = reply.or_else(|| headers.get(REPLY_TO).map(|subject| subject.as_str().into()));
        let (subject, body) = (message.subject.to_string(), message.payload);
        Arrived { subject, body, reply_to, headers, _here: self.counts.here() }
    }

    /// A place for a handler, as soon as there is one.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.places.clone().acquire_owned().await.ok()
    }

    /// Calls the component, for the time of this `delivery`, and says what is to become of a message that it did not take.
    pub async fn call(&self, message: &Arrived, delivery: u32) -> Result<(), (Failure, Next)> {
        let most = self.messages.max_deliveries;
        if message.body.len() > MAX_BODY {
            let problem = format!("the body has {} bytes, and {MAX_BODY} are the most", message.body.len());
            return Err((Failure::new(Cause::Protocol, Delivery::NotSent, problem), Next::Over));
        }
        let began = Instant::now();
        let outcome = self.invoke(message).await;
        let word = if outcome.is_ok() { "taken" } else { "failed" };
        let subject = excerpt(&message.subject);
        tracing::debug!(target: "steadfast::access", %subject, delivery, took = ?began.elapsed(), "message {word}");
        let Err(failure) = outcome else {
            Counts::add(&self.counts.taken);
            return Ok(());
        };
        Counts::add(&self.counts.failed);
        if delivery >= most {
            return Err((failure, Next::Over));
        }
        let wait = backoff::wait(self.messages.backoff, delivery, failure.retry_after);
        tracing::warn!(
            "a message on `{subject}` was not taken (delivery {delivery} of {most}): {failure}; it comes again in {wait:?}"
        );
        Err((failure, Next::Again(wait)))
    }

    async fn invoke(&self, message: &Arrived) -> Result<(), Failure> {
        let room = u32::try_from(message.body.len()).unwrap_or(u32::MAX);
        // It is never closed, and has room for the largest.
        let _room = self.room.acquire_many(room).await;
        let texts = |name: &'static str| message.headers.get_all(name).map(|value| value.as_str());
        let value = Message {
            subject: message.subject.clone(),
            body: message.body.clone(),
            reply_to: message.reply_to.clone(),
        };
        let invocation = Invocation {
            function: self.handler.function.clone(),
            params: vec![value.into_value()],
            depth: 0,
            deadline: None,
            trace: trace::parse(texts(TRACEPARENT), texts(TRACESTATE)),
        };
        let (network, target) = (&self.network, &self.handler.target);
        let limit = (self.messages.timeout, "timeout of the messages");
        network.lattice.run(network, target, limit, invocation).await.map(drop)
    }
}
