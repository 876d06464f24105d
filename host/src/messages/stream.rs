//! Messages from a stream of JetStream, which keeps each until it is told that it was taken.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, AckKind};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;

use super::backoff::LONGEST;
use super::handling::{Handling, Next};
use super::seen::Seen;
use super::stopped;
use crate::nats::{delay, round_trip};

/// How long the server keeps a wish for messages.
const EXPIRES: Duration = Duration::from_secs(30);

/// The messages of a stream, for one consumer.
pub(super) struct Stream {
    handling: Arc<Handling>,
    name: String,
    durable: String,
    ack_wait: Duration,
    seen: Mutex<Seen>,
}

/// Why no more messages come.
enum End {
    Stop,
    Lost,
    Problem(String),
}

impl Stream {
    pub fn new(handling: Arc<Handling>, name: String, durable: String, ack_wait: Duration) -> Arc<Self> {
        Arc::new(Stream { handling, name, durable, ack_wait, seen: Mutex::default() })
    }

    /// Takes messages until the end is asked for; then it finishes those that came.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let client = tokio::select! {
            client = self.handling.connection.client() => client,
            () = stopped(&mut stop) => None,
        };
        let Some(client) = client else { return };
        let mut taking = JoinSet::new();
        let mut prepared = false;
        let mut told = String::new();
        let mut attempt = 0;
        loop {
            let lost = tokio::select! {
                lost = self.handling.connection.connected() => lost,
                () = stopped(&mut stop) => break,
            };
            let mut lost = std::pin::pin!(lost);
            let consumer = tokio::select! {
                consumer = self.consumer(&client) => consumer,
                () = &mut lost => continue,
                () = stopped(&mut stop) => break,
            };
            let problem = match consumer {
                Ok(consumer) => {
                    if !std::mem::replace(&mut prepared, true) {
                        self.handling.connection.preparing(-1);
                    }
                    attempt = 0;
                    told.clear();
                    match self.receive(&consumer, &mut taking, lost, &mut stop).await {
                        End::Stop => break,
                        End::Lost => continue,
                        End::Problem(problem) => problem,
                    }
                }
                Err(problem) => problem,
            };
            // It is told once: a stream that is missing may be for long.
            if told != problem {
                tracing::warn!(
                    "no messages come from the stream `{}` at {}: {problem}; trying again until they do",
                    self.name,
                    self.handling.connection.name
                );
                told = problem;
            }
            attempt += 1;
            tokio::select! {
                () = tokio::time::sleep(delay(attempt)) => {}
                () = stopped(&mut stop) => break,
            }
        }
        while taking.join_next().await.is_some() {}
        // What was said of them is not left on its way.
        if let Some(lost) = self.handling.connection.lost() {
            tokio::select! {
                _ = round_trip(&client) => {}
                () = lost => {}
            }
        }
    }

    /// The consumer, which is made if there is none, and so is the stream.
    async fn consumer(&self, client: &Client) -> Result<Consumer<pull::Config>, String> {
        let messages = &self.handling.messages;
        let jetstream = jetstream::new(client.clone());
        let stream = Config {
            name: self.name.clone(),
            subjects: [Some(messages.subject.clone()), messages.dead_letter.clone()].into_iter().flatten().collect(),
            // What is taken is gone.
            retention: RetentionPolicy::WorkQueue,
            ..Config::default()
        };
        let stream = jetstream.get_or_create_stream(stream).await.map_err(|error| crate::error::quote(&error))?;
        let consumer = pull::Config {
            durable_name: Some(self.durable.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait,
            filter_subject: messages.subject.clone(),
            // It is here that it is decided that a message came too often, and only when it is put away.
            max_deliver: -1,
            ..pull::Config::default()
        };
        stream.create_consumer(consumer).await.map_err(|error| crate::error::quote(&error))
    }

    /// Takes messages, as many as there are places for.
    async fn receive(
        self: &Arc<Self>,
        consumer: &Consumer<pull::Config>,
        taking: &mut JoinSet<()>,
        mut lost: Pin<&mut impl Future<Output = ()>>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        loop {
            let place = tokio::select! {
                place = self.handling.place() => place,
                () = stopped(stop) => return End::Stop,
                () = &mut lost => return End::Lost,
            };
            let Some(first) = place else { return End::Stop };
            let mut places = vec![first];
            places.extend(std::iter::from_fn(|| self.handling.places.clone().try_acquire_owned().ok()));
            let asked = consumer.batch().max_messages(places.len()).expires(EXPIRES).messages();
            let asked = tokio::select! {
                asked = asked => asked,
                () = &mut lost => return End::Lost,
            };
            let mut batch = match asked {
                Ok(batch) => batch,
                Err(error) => return End::Problem(crate::error::quote(&error)),
            };
            loop {
                let message = tokio::select! {
                    biased;
                    () = stopped(stop) => {
                        // Those that are here go to another host at once.
                        while let Some(Some(Ok(message))) = batch.next().now_or_never() {
                            let _ = message.ack_with(AckKind::Nak(None)).await;
                        }
                        return End::Stop;
                    }
                    // Those that came before the connection was lost are taken.
                    message = batch.next() => message,
                    () = &mut lost => return End::Lost,
                };
                let Some(message) = message else { break };
                match (message, places.pop()) {
                    (Ok(message), Some(place)) => {
                        while taking.try_join_next().is_some() {}
                        taking.spawn(self.clone().take(message, place));
                    }
                    (Err(error), _) => return End::Problem(crate::error::quote(&error)),
                    // More than were asked for: it comes again.
                    (Ok(_), None) => break,
                }
            }
        }
    }

    /// Calls the component once, and says to the stream what became of the message.
    async fn take(self: Arc<Self>, message: jetstream::Message, _place: OwnedSemaphorePermit) {
        let handling = &self.handling;
        let Ok((deliveries, sequence)) = message.info().map(|info| (info.delivered, info.stream_sequence)) else {
            return tracing::warn!("a message without a number came from the stream `{}`, and is left out", self.name);
        };
        handling.counts.delivered(self.seen.lock().unwrap_or_else(PoisonError::into_inner).again(sequence));
        let delivery = u32::try_from(deliveries).unwrap_or(u32::MAX).max(1);
        let (message, acker) = message.split();
        let message = handling.arrived(message, None);
        let mut call = std::pin::pin!(handling.call(&message, delivery));
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut call => break outcome,
                // The stream would give it to another host.
                () = tokio::time::sleep(self.ack_wait / 3) => drop(acker.ack_with(AckKind::Progress).await),
            }
        };
        let said = match outcome {
            Ok(()) => AckKind::Ack,
            Err((_, Next::Again(wait))) => AckKind::Nak(Some(wait)),
            Err((failure, Next::Over)) => match handling.park_kept(&message, delivery, &failure).await {
                true => AckKind::Term,
                false => AckKind::Nak(Some(handling.messages.backoff.max(EXPIRES).min(LONGEST))),
            },
        };
        // Where it does not get there, the message comes again.
        if let Err(error) = acker.ack_with(said).await {
            tracing::warn!("the stream `{}` is not told what became of a message: {error}; it comes again", self.name);
        }
    }
}
