//! Messages that came too often are put away on a subject of their own, for people to look at.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::client::Request;

use super::counts::Counts;
use super::handling::{Arrived, Handling};
use crate::escape::Escaped;
use crate::excerpt::excerpt;
use crate::failure::Failure;
use crate::nats::round_trip;
use crate::providers::messaging::{REPLY_TO, kept};

/// The longest that the server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the message was.
const SUBJECT: &str = "Steadfast-Subject";
/// How often it came.
const DELIVERIES: &str = "Steadfast-Deliveries";
/// Why it was not taken, the last time.
const FAILURE: &str = "Steadfast-Failure";

impl Handling {
    /// Puts a message away that came from a subject: it is lost where that fails.
    pub async fn park(&self, message: &Arrived, deliveries: u32, failure: &Failure) {
        let Some(dead) = &self.messages.dead_letter else { return self.dropped(message, deliveries, failure) };
        let published = async {
            let client = self.connection.client().await.ok_or("the connection was closed")?;
            let headers = headers(message, deliveries, failure);
            let sent = client.publish_with_headers(dead.clone(), headers, message.body.clone()).await;
            sent.map_err(|error| crate::error::quote(&error))?;
            round_trip(&client).await
        };
        let published = tokio::time::timeout(PATIENCE, published).await;
        match published.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))) {
            Ok(()) => self.parked(message, deliveries, failure),
            Err(problem) => {
                Counts::add(&self.counts.lost);
                tracing::error!(
                    "a message on `{}` is lost: it was not taken ({failure}), and could not be put away on `{dead}`: {problem}",
                    excerpt(&message.subject)
                );
            }
        }
    }

    /// Puts a message away that came from a stream, in a stream. Whether it may be gone from where it was.
    pub async fn park_kept(&self, message: &Arrived, deliveries: u32, failure: &Failure) -> bool {
        let Some(dead) = &self.messages.dead_letter else {
            self.dropped(message, deliveries, failure);
            return true;
        };
        let published = async {
            let client = self.connection.client().await.ok_or("the connection was closed")?;
            let request = Request::new().payload(message.body.clone()).timeout(Some(PATIENCE));
            let request = request.headers(headers(message, deliveries, failure));
            let answer = client.send_request(dead.clone(), request).await;
            let answer = answer.map_err(|error| crate::error::quote(&error))?;
            kept(&answer.payload).map_err(|failure| failure.message)
        };
        let published = tokio::time::timeout(PATIENCE, published).await;
        match published.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))) {
            Ok(()) => {
                self.parked(message, deliveries, failure);
                true
            }
            Err(problem) => {
                tracing::error!(
                    "a message on `{}` was not taken ({failure}), and no stream has put it away on `{dead}`: {problem}; it \
                     comes again",
                    excerpt(&message.subject)
                );
                false
            }
        }
    }

    fn parked(&self, message: &Arrived, deliveries: u32, failure: &Failure) {
        Counts::add(&self.counts.parked);
        let dead = self.messages.dead_letter.as_deref().unwrap_or_default();
        tracing::error!(
            "a message on `{}` was not taken (delivery {deliveries}): {failure}; it is put away on `{dead}`",
            excerpt(&message.subject)
        );
    }

    fn dropped(&self, message: &Arrived, deliveries: u32, failure: &Failure) {
        Counts::add(&self.counts.lost);
        tracing::error!(
            "a message on `{}` is lost: it was not taken (delivery {deliveries}): {failure}; a `dead-letter` subject keeps such \
             messages",
            excerpt(&message.subject)
        );
    }
}

/// Those of the message, and what became of it.
fn headers(message: &Arrived, deliveries: u32, failure: &Failure) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in message.headers.iter() {
        // Those are words to the server. One would have it take the message for one that it has already.
        if !AsRef::<str>::as_ref(name).to_ascii_lowercase().starts_with("nats-") {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
    }
    headers.insert(SUBJECT, Escaped(&message.subject).to_string());
    headers.insert(DELIVERIES, deliveries.to_string());
    headers.insert(FAILURE, Escaped(excerpt(&failure.to_string())).to_string());
    if let Some(reply_to) = &message.reply_to {
        headers.insert(REPLY_TO, Escaped(reply_to).to_string());
    }
    headers
}
