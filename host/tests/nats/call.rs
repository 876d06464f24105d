//! A call of a provider of ours, message by message: for what no client of wRPC would send.

use async_nats::{Client, HeaderMap, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;

/// A call that was accepted.
pub struct Call {
    client: Client,
    /// Where the rest of the parameters goes.
    pub rest: String,
    results: Subscriber,
    outcome: Subscriber,
}

impl Call {
    /// Calls a function of `test:guests`, with the beginning of its parameters.
    pub async fn begin(client: &Client, function: &str, first: &[u8]) -> Self {
        Call::begin_with(client, function, None, first).await
    }

    /// The same with headers.
    pub async fn begin_with(client: &Client, function: &str, headers: Option<HeaderMap>, first: &[u8]) -> Self {
        let inbox = client.new_inbox();
        let mut accepted = client.subscribe(inbox.clone()).await.expect("it is a subject");
        let results = client.subscribe(format!("{inbox}.results")).await.expect("it is a subject");
        let outcome = client.subscribe(format!("{inbox}.results.0")).await.expect("it is a subject");
        let subject = format!("test.wrpc.0.0.1.test:guests/{function}");
        let (headers, first) = (headers.unwrap_or_default(), Bytes::copy_from_slice(first));
        client.publish_with_reply_and_headers(subject, inbox, headers, first).await.expect("it is a subject");
        let place = accepted.next().await.expect("an answer").reply.expect("a place for the rest");
        Call { client: client.clone(), rest: format!("{place}.params"), results, outcome }
    }

    /// Sends more of the parameters.
    pub async fn send(&mut self, part: Bytes) {
        self.client.publish(self.rest.clone(), part).await.expect("it is a subject");
    }

    /// Sends the rest of the parameters, and ends them.
    pub async fn end(&mut self, parts: &[&[u8]]) {
        for part in parts.iter().chain([&&[][..]]) {
            self.send(Bytes::copy_from_slice(part)).await;
        }
    }

    /// All results.
    pub async fn results(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(part) = self.results.next().await.filter(|part| !part.payload.is_empty()) {
            all.extend(part.payload);
        }
        all
    }

    /// The failure that comes in the place of results: the numbers of its cause and its delivery.
    pub async fn failure(&mut self) -> [u8; 2] {
        assert!(self.results().await.is_empty(), "it did not fail");
        self.said().await
    }

    /// The same, where it is known that there are no results.
    pub async fn said(&mut self) -> [u8; 2] {
        let said = self.outcome.next().await.expect("what the provider says of the end").payload;
        assert_eq!(said[0], 1, "an `err`");
        [said[1], said[2]]
    }
}
