//! Connections that wait for their callers, and which of them makes place for another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

/// The most connections that wait for their callers: as many as calls that run by default, so that both together leave
/// half of the 1,024 file descriptors that a process has on most systems.
pub(super) const MAX_WAITING: usize = 256;

/// What a connection has for itself, however many others there are. One that says its call at once, as all good ones do,
/// needs some milliseconds of it.
const TURN: Duration = Duration::from_millis(200);

/// All that wait.
pub(super) struct Waiting {
    places: Arc<Semaphore>,
    queue: Mutex<Queue>,
}

/// Those that have a place, in the order in which they came. One that is taken out of it has lost its place.
#[derive(Default)]
struct Queue {
    next: u64,
    places: BTreeMap<u64, (Instant, oneshot::Sender<()>)>,
}

impl Waiting {
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Waiting { places: Arc::new(Semaphore::new(places)), queue: Mutex::default() })
    }

    /// A place. If there is none, the connection that has waited longest loses its own, once it had its turn.
    pub async fn place(self: &Arc<Self>) -> Place {
        let permit = loop {
            let oldest = self.queue().places.first_key_value().map(|(_, (since, _))| *since);
            let turn = async {
                match oldest {
                    Some(since) => tokio::time::sleep_until(since + TURN).await,
                    // All have lost their places, and are about to leave.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                permit = self.free() => break permit,
                () = turn => if self.displace(Instant::now() - TURN) {
                    break self.free().await;
                },
            }
        };
        let (kept, lost) = oneshot::channel();
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.places.insert(number, (Instant::now(), kept));
        drop(queue);
        Place { number, lost, waiting: self.clone(), _permit: permit }
    }

    async fn free(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.places.clone().acquire_owned().await.ok()
    }

    /// Takes its place from the connection that has waited longest, if since `before`.
    fn displace(&self, before: Instant) -> bool {
        let mut queue = self.queue();
        let Some(oldest) = queue.places.first_entry().filter(|oldest| oldest.get().0 <= before) else { return false };
        oldest.remove();
        true
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, until this is dropped.
pub(super) struct Place {
    number: u64,
    lost: oneshot::Receiver<()>,
    waiting: Arc<Waiting>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Ready when another connection is to have the place.
    pub async fn lost(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.queue().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_ends_once_it_had_its_turn() {
        let waiting = Waiting::new(2);
        let (mut first, mut second) = (waiting.place().await, waiting.place().await);
        let start = Instant::now();
        let mut third = std::pin::pin!(waiting.place());
        assert!(third.as_mut().now_or_never().is_none() && first.lost().now_or_never().is_none());
        let (third, ()) = tokio::join!(third, async {
            first.lost().await;
            drop(first);
        });
        assert_eq!(start.elapsed(), TURN);
        assert!(second.lost().now_or_never().is_none());
        // A place that becomes free is taken at once.
        drop(third);
        assert!(waiting.place().now_or_never().is_some() && second.lost().now_or_never().is_none());
    }
}
