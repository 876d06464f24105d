//! Messages from whoever publishes on a subject. They are nowhere else, so those that fail wait here to come again.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::counts::Counts;
use super::handling::{Arrived, Handling, Next};
use super::stopped;
use crate::nats::{delay, round_trip};

/// The most bytes of bodies that one subscription holds at a time.
const MAX_HELD: usize = 64 << 20;

/// It is told so often that messages are lost.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Ends a subscription at the server, and not yet here, so that what the server has sent until then is taken.
const NO_MORE: u64 = u64::MAX;

/// Takes messages as a member of `group` until the end is asked for; then it finishes those that came.
pub(super) async fn run(handling: Arc<Handling>, group: String, queue: usize, mut stop: watch::Receiver<bool>) {
    let subscribed = tokio::select! {
        subscribed = subscribe(&handling, &group) => subscribed,
        () = stopped(&mut stop) => None,
    };
    let Some((client, mut subscription)) = subscribed else { return };
    let mut inbox = Inbox {
        places: Arc::new(Semaphore::new(queue + handling.messages.concurrency)),
        room: Arc::new(Semaphore::new(MAX_HELD)),
        taking: JoinSet::new(),
        told: None,
        stop: stop.clone(),
        handling: handling.clone(),
    };
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            message = subscription.next() => match message {
                Some(message) => inbox.put(message),
                None => return,
            },
        }
    }
    let _ = subscription.unsubscribe_after(NO_MORE).await;
    if let Some(lost) = handling.connection.lost() {
        let known = async {
            tokio::select! {
                _ = round_trip(&client) => {}
                () = lost => {}
            }
        };
        let mut known = std::pin::pin!(known);
        loop {
            tokio::select! {
                biased;
                Some(message) = subscription.next() => inbox.put(message),
                () = &mut known => break,
            }
        }
    }
    let _ = subscription.unsubscribe().await;
    while let Some(message) = subscription.next().await {
        inbox.put(message);
    }
    while inbox.taking.join_next().await.is_some() {}
    // What handlers published is not left on its way.
    if let Some(lost) = handling.connection.lost() {
        tokio::select! {
            _ = round_trip(&client) => {}
            () = lost => {}
        }
    }
}

/// Subscribes, and waits until the server knows of it. A connection that comes again has its subscriptions.
async fn subscribe(handling: &Handling, group: &str) -> Option<(Client, Subscriber)> {
    let client = handling.connection.client().await?;
    for attempt in 1.. {
        let subject = handling.messages.subject.clone();
        let lost = handling.connection.connected().await;
        let subscribed = async {
            let subscribed = client.queue_subscribe(subject, group.to_string()).await;
            let subscription = subscribed.map_err(|error| crate::error::quote(&error))?;
            round_trip(&client).await.map(|()| subscription)
        };
        let subscribed = tokio::select! {
            subscribed = subscribed => subscribed,
            () = lost => continue,
        };
        match subscribed {
            Ok(subscription) => {
                handling.connection.preparing(-1);
                return Some((client, subscription));
            }
            Err(error) => tracing::warn!(
                "cannot subscribe to `{}` at {}: {error}; trying again until it works",
                handling.messages.subject,
                handling.connection.name
            ),
        }
        tokio::time::sleep(delay(attempt)).await;
    }
    None
}

/// The messages that are here.
struct Inbox {
    /// One for each message.
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    taking: JoinSet<()>,
    /// When it was last told that one is lost.
    told: Option<Instant>,
    stop: watch::Receiver<bool>,
    handling: Arc<Handling>,
}

impl Inbox {
    fn put(&mut self, mut message: async_nats::Message) {
        while self.taking.try_join_next().is_some() {}
        let handling = self.handling.clone();
        handling.counts.delivered(false);
        let Some(held) = self.hold(message.payload.len()) else {
            Counts::add(&handling.counts.lost);
            if self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
                self.told = Some(Instant::now());
                tracing::error!(
                    "messages on `{}` are lost: as many wait as `queue` allows, or they hold {MAX_HELD} bytes",
                    handling.messages.subject
                );
            }
            return;
        };
        let reply = message.reply.take().map(|subject| subject.to_string());
        let (arrived, stop) = (handling.arrived(message, reply), self.stop.clone());
        self.taking.spawn(async move {
            let _held = held;
            take(&handling, arrived, stop).await;
        });
    }

    fn hold(&self, bytes: usize) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let room = self.room.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        Some((place, room))
    }
}

/// Calls the component until it has taken the message, or was called often enough.
async fn take(handling: &Handling, message: Arrived, mut stop: watch::Receiver<bool>) {
    // Its own for as long as the message is not over, so that those that fail hold the others up, and are not piled up.
    let Some(_place) = handling.place().await else { return };
    for delivery in 1.. {
        if delivery > 1 {
            handling.counts.delivered(true);
        }
        match handling.call(&message, delivery).await {
            Ok(()) => return,
            Err((failure, Next::Over)) => return handling.park(&message, delivery, &failure).await,
            Err((_, Next::Again(wait))) => {
                // A host that stops has no time to wait.
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stopped(&mut stop) => {}
                }
            }
        }
    }
}
