//! Messages of components, over subjects of NATS: `wasmcloud:messaging`, and `steadfast:messaging`, which is the same with
//! room for what a network adds.
//!
//! `options` is what a person says, and `value` are messages as components have them. Here they are published. Those that
//! come for a component are what the host calls it for: `host/src/messages`.

mod options;
mod value;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use wasmtime::component::Val;

use super::Service;
use crate::failure::{Cause, Delivery, Failure};
use crate::health::Health;
use crate::lattice::{Invocation, Reply};
use crate::nats::{Connection, is_subject};
use crate::trace::{self, SpanContext, TRACEPARENT, TRACESTATE};
pub(crate) use options::{FileOptions, Options};
pub(crate) use value::Message;

/// The packages, each after those that it uses.
pub(crate) const WIT: [&str; 3] = [
    include_str!("../../../wit/rpc.wit"),
    include_str!("../../../wit/messaging/wasmcloud.wit"),
    include_str!("../../../wit/messaging/steadfast.wit"),
];

/// What a component exports that takes messages: the first that it has is called.
pub(crate) const HANDLERS: [&str; 2] = ["steadfast:messaging/handler", "wasmcloud:messaging/handler"];

/// The one function of both.
pub(crate) const HANDLE: &str = "handle-message";

/// Where an answer is to go, of a message in a stream: there, the place for it is taken by the stream.
pub(crate) const REPLY_TO: &str = "Steadfast-Reply-To";

/// The most bytes of a body: what NATS servers take by default.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// The longest that a server is waited for, where the caller would wait longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A NATS server, as a service.
pub(crate) struct Messaging {
    options: Options,
    /// From the beginning of the service on.
    connection: OnceLock<Connection>,
}

impl Service for Messaging {
    fn wit(&self) -> &'static [&'static str] {
        &WIT
    }

    fn calls(&self) -> &'static [&'static str] {
        &HANDLERS
    }

    fn begin(&self, health: &Health) {
        let Options { address, options, .. } = &self.options;
        self.connection.get_or_init(|| Connection::open(address, options, health));
    }

    fn call(self: Arc<Self>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        Box::pin(async move {
            let Invocation { function, params, deadline, trace, .. } = invocation;
            let value = self.answer(&function.name, &params, deadline, &trace).await?;
            // Of the published interface, all of the result travels.
            Ok(match function.interface.package.as_str() {
                "steadfast:messaging" => value,
                _ => Some(Val::Result(Ok(value.map(Box::new)))),
            })
        })
    }
}

impl Messaging {
    pub fn new(options: &Options) -> Self {
        Messaging { options: options.clone(), connection: OnceLock::new() }
    }

    async fn answer(&self, function: &str, params: &[Val], deadline: Option<Instant>, trace: &SpanContext) -> Reply {
        let wrong = || {
            let message = format!("`{function}` was called with other parameters than it has; build against its WIT");
            Failure::new(Cause::Protocol, Delivery::NotSent, message)
        };
        let left = deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
        match (function, params) {
            ("request", [subject, body, Val::U32(millis)]) => {
                let (subject, body) = value::text(subject).zip(value::bytes(body)).ok_or_else(wrong)?;
                self.check(&subject, &body)?;
                let wait = Duration::from_millis((*millis).into()).min(left);
                let answer = self.ask(subject, traced(trace), body, wait).await?;
                if answer.payload.len() > MAX_BODY {
                    let message = format!("the answer has {} bytes, and {MAX_BODY} are the most", answer.payload.len());
                    return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
                }
                let async_nats::Message { subject, payload, reply, .. } = answer;
                let reply_to = reply.map(|subject| subject.to_string());
                Ok(Some(Message { subject: subject.to_string(), body: payload, reply_to }.into_value()))
            }
            ("publish", [message]) => {
                let message = Message::from_value(message).ok_or_else(wrong)?;
                self.publish(message, traced(trace), left.min(PATIENCE)).await.map(|()| None)
            }
            _ => Err(wrong()),
        }
    }

    /// What cannot be published, or may not be.
    fn check(&self, subject: &str, body: &Bytes) -> Result<(), Failure> {
        let shown: String = subject.chars().take(64).collect();
        let (cause, problem) = if !is_subject(subject) {
            (Cause::Protocol, format!("{shown:?} is no subject to publish to: words with dots between them"))
        } else if !self.options.allows(subject) {
            (Cause::NoLink, format!("the link allows no messages to `{shown}`; `subjects` in it says which it allows"))
        } else if body.len() > MAX_BODY {
            (Cause::Protocol, format!("the body has {} bytes, and {MAX_BODY} are the most", body.len()))
        } else {
            return Ok(());
        };
        Err(Failure::new(cause, Delivery::NotSent, problem))
    }

    async fn publish(&self, message: Message, mut headers: HeaderMap, wait: Duration) -> Result<(), Failure> {
        let Message { subject, body, reply_to } = message;
        self.check(&subject, &body)?;
        if let Some(reply_to) = reply_to.as_ref().filter(|subject| !is_subject(subject) || subject.starts_with('$')) {
            let shown: String = reply_to.chars().take(64).collect();
            let problem = format!("{shown:?} is no subject for an answer: words with dots between them");
            return Err(Failure::new(Cause::Protocol, Delivery::NotSent, problem));
        }
        if self.options.is_kept(&subject) {
            if let Some(reply_to) = reply_to {
                headers.insert(REPLY_TO, reply_to);
            }
            let answer =
                self.ask(subject.clone(), headers, body, wait).await.map_err(|failure| match failure.cause {
                    Cause::NoTarget => Failure { message: format!("no stream keeps `{subject}`"), ..failure },
                    _ => failure,
                })?;
            return kept(&answer.payload);
        }
        let (client, lost) = self.connected().await?;
        let connects = || client.statistics().connects.load(Ordering::Relaxed);
        let before = connects();
        // Who asked knows by the answer itself whether it came.
        let is_answer = self.options.is_inbox(&subject);
        let taken = async {
            let sent = match reply_to {
                Some(reply_to) => client.publish_with_reply_and_headers(subject, reply_to, headers, body).await,
                None => client.publish_with_headers(subject, headers, body).await,
            };
            sent.map_err(|error| Failure::new(Cause::Protocol, Delivery::NotSent, crate::error::quote(&error)))?;
            if is_answer {
                return Ok(());
            }
            // The server answers this itself, after what came before it: no other knows the subject.
            let answer = client.send_request(client.new_inbox(), Request::new().timeout(Some(wait))).await;
            match answer.map_err(|error| error.kind()) {
                Ok(_) | Err(RequestErrorKind::NoResponders) if connects() == before => Ok(()),
                Err(RequestErrorKind::TimedOut) => {
                    let message = format!(
                        "{} did not confirm within {} ms that it has the message",
                        self.options.address,
                        wait.as_millis()
                    );
                    Err(Failure::new(Cause::Timeout, Delivery::Unknown, message))
                }
                _ => Err(self.lost_it()),
            }
        };
        tokio::select! {
            biased;
            () = lost => Err(self.lost_it()),
            taken = taken => taken,
        }
    }

    /// Publishes a message, and waits for the first answer.
    async fn ask(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
        wait: Duration,
    ) -> Result<async_nats::Message, Failure> {
        let (client, lost) = self.connected().await?;
        let mut request = Request::new().payload(body).timeout(Some(wait));
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        let shown = subject.clone();
        let answer = tokio::select! {
            biased;
            answer = client.send_request(subject, request) => answer,
            () = lost => return Err(self.lost_it()),
        };
        answer.map_err(|error| {
            let (cause, delivery, message) = match error.kind() {
                RequestErrorKind::TimedOut => (
                    Cause::Timeout,
                    Delivery::Unknown,
                    format!("no answer from `{shown}` within {} ms", wait.as_millis()),
                ),
                RequestErrorKind::NoResponders => {
                    (Cause::NoTarget, Delivery::NotSent, format!("`{shown}` has no subscriber"))
                }
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    (Cause::Protocol, Delivery::NotSent, crate::error::quote(&error))
                }
                RequestErrorKind::Other => return self.lost_it(),
            };
            Failure::new(cause, delivery, message)
        })
    }

    /// The connection, and when it is lost.
    async fn connected(&self) -> Result<(Client, impl Future<Output = ()> + Send + use<>), Failure> {
        let connection = self.connection.get();
        let found = async {
            let lost = connection?.lost()?;
            Some((connection?.client().await?, lost))
        };
        found.await.ok_or_else(|| {
            let message = format!("there is no connection to {}", self.options.address);
            Failure::new(Cause::Disconnected, Delivery::NotSent, message)
        })
    }

    fn lost_it(&self) -> Failure {
        let message = format!("the connection to {} was lost before the message was confirmed", self.options.address);
        Failure::new(Cause::Disconnected, Delivery::Unknown, message)
    }
}

/// The headers that say which trace a message belongs to.
fn traced(context: &SpanContext) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some((parent, state)) = trace::format(context) {
        headers.insert(TRACEPARENT, parent);
        if let Some(state) = state {
            headers.insert(TRACESTATE, state);
        }
    }
    headers
}

/// What a stream says of a message.
///
/// # Errors
/// Why it does not keep it.
pub(crate) fn kept(answer: &[u8]) -> Result<(), Failure> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let error = &answer["error"];
    if !error.is_object() {
        if answer["stream"].is_string() && answer["seq"].is_u64() {
            return Ok(());
        }
        let message = "something that is no stream answered; leave the subject out of `jetstream` in the link";
        return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
    }
    let said = error["description"].as_str().unwrap_or("it does not say why");
    let (cause, delivery) = match error["code"].as_u64() {
        // Full, or for now without what it needs.
        Some(503) => (Cause::Overloaded, Delivery::NotSent),
        Some(400..500) => (Cause::Other, Delivery::NotSent),
        _ => (Cause::Other, Delivery::Unknown),
    };
    Err(Failure::new(cause, delivery, format!("the stream does not keep the message: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stream_answers_says_whether_it_keeps_the_message() {
        let failed = |answer: &str| kept(answer.as_bytes()).map_err(|failure| (failure.cause, failure.delivery));
        assert_eq!(failed(r#"{"stream":"ORDERS","seq":7}"#), Ok(()));
        assert_eq!(failed(r#"{"stream":"ORDERS","seq":7,"duplicate":true}"#), Ok(()));
        for (answer, expected) in [
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"O","seq":0}"#,
                (Cause::Overloaded, Delivery::NotSent),
            ),
            (
                r#"{"error":{"code":400,"description":"expected stream does not match"}}"#,
                (Cause::Other, Delivery::NotSent),
            ),
            (r#"{"error":{"code":500,"description":"raft"}}"#, (Cause::Other, Delivery::Unknown)),
            ("", (Cause::Protocol, Delivery::Delivered)),
            ("42", (Cause::Protocol, Delivery::Delivered)),
            (r#"{"stream":7}"#, (Cause::Protocol, Delivery::Delivered)),
        ] {
            assert_eq!(failed(answer), Err(expected), "{answer}");
        }
    }
}
