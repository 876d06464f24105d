//! Where the answers to calls arrive: one subscription for all calls of a link, whose messages go to the call that they
//! answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_nats::{Client, Message};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Connection;

/// How many messages wait for one call, before those of others wait too.
const MESSAGES: usize = 16;

/// The calls that wait for answers, by the last part of their inbox.
type Calls = Mutex<HashMap<String, mpsc::Sender<(Part, Message)>>>;

/// What a message is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// That a provider has the call, and where it takes the rest of the parameters.
    Accepted,
    Results,
    /// What is said of the end.
    Ended,
}

/// The subscription, which needs a connection to be made.
pub(super) struct Inbox {
    open: Arc<OnceLock<Open>>,
    _making: JoinSet<()>,
}

/// A subscription that is made, and outlasts the connection.
pub(super) struct Open {
    pub client: Client,
    subject: String,
    calls: Arc<Calls>,
    _reading: JoinSet<()>,
}

impl Inbox {
    /// Begins to subscribe.
    pub fn new(connection: &Arc<Connection>) -> Self {
        let open = Arc::new(OnceLock::new());
        let mut making = JoinSet::new();
        let (connection, made) = (connection.clone(), open.clone());
        connection.preparing(1);
        making.spawn(async move {
            // A connection that is lost meanwhile fails it.
            for attempt in 1.. {
                let Some(client) = connection.client().await else { return };
                match Open::new(client).await {
                    Ok(open) => {
                        let _ = made.set(open);
                        connection.preparing(-1);
                        return;
                    }
                    Err(error) => tracing::warn!("cannot subscribe at {}: {error}", connection.name),
                }
                tokio::time::sleep(crate::nats::delay(attempt)).await;
            }
        });
        Inbox { open, _making: making }
    }

    /// The subscription, as soon as it is made.
    pub fn get(&self) -> Option<&Open> {
        self.open.get()
    }
}

impl Open {
    async fn new(client: Client) -> Result<Self, String> {
        let subject = client.new_inbox();
        let messages = client.subscribe(format!("{subject}.>")).await;
        let mut messages = messages.map_err(|error| crate::error::quote(&error))?;
        client.flush().await.map_err(|error| crate::error::quote(&error))?;
        let calls = Arc::new(Calls::default());
        let mut reading = JoinSet::new();
        let (subscribed, waiting) = (subject.clone(), calls.clone());
        reading.spawn(async move {
            while let Some(message) = messages.next().await {
                let Some((call, part)) = parse(&subscribed, &message.subject) else { continue };
                let call = waiting.lock().unwrap_or_else(PoisonError::into_inner).get(call).cloned();
                if let Some(call) = call {
                    // It fails for a call that is over.
                    let _ = call.send((part, message)).await;
                }
            }
        });
        Ok(Open { client, subject, calls, _reading: reading })
    }

    /// A place for the answers to one call.
    pub fn answers(&self) -> Answers<'_> {
        let subject = self.client.new_inbox();
        let id = subject.rsplit('.').next().unwrap_or_default().to_string();
        let (sender, messages) = mpsc::channel(MESSAGES);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), sender);
        Answers { subject: format!("{}.{id}", self.subject), id, messages, calls: &self.calls }
    }
}

/// Which call a message answers, and with what; `None` if with nothing that is known.
fn parse<'s>(inbox: &str, subject: &'s str) -> Option<(&'s str, Part)> {
    let rest = subject.strip_prefix(inbox)?.strip_prefix('.')?;
    match rest.split_once('.') {
        None => Some((rest, Part::Accepted)),
        Some((call, "results")) => Some((call, Part::Results)),
        Some((call, "results.0")) => Some((call, Part::Ended)),
        Some(_) => None,
    }
}

/// The answers to one call, until this is dropped.
pub(super) struct Answers<'o> {
    /// Where they are to be sent.
    pub subject: String,
    id: String,
    messages: mpsc::Receiver<(Part, Message)>,
    calls: &'o Calls,
}

impl Answers<'_> {
    /// The next message; `None` when there can be no more.
    pub async fn next(&mut self) -> Option<(Part, Message)> {
        self.messages.recv().await
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_part_of_the_call_that_its_subject_names() {
        for (subject, parsed) in [
            ("_INBOX.a.b", Some(("b", Part::Accepted))),
            ("_INBOX.a.b.results", Some(("b", Part::Results))),
            ("_INBOX.a.b.results.0", Some(("b", Part::Ended))),
            ("_INBOX.a.b.results.1", None),
            ("_INBOX.a.b.results.0.0", None),
            ("_INBOX.a.b.", None),
            ("_INBOX.ab.b", None),
            ("_INBOX.a", None),
        ] {
            assert_eq!(parse("_INBOX.a", subject), parsed, "{subject}");
        }
    }
}
