//! Which of several hosts runs a job: the one that holds a lease in the store that they share.
//!
//! A host that holds it writes its name and a count, again and again. One that sees the same for as long as the lease lasts,
//! by its own clock, takes it. So clocks need not agree, and a host whose lease is over knows it before another takes it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::clock;
use crate::failure::Failure;
use crate::providers::keyvalue::{Answer, Keyvalue, Operation};

/// Where the leases are in the store.
const BUCKET: &str = "steadfast";

/// The lease of a job, as one host sees it.
pub(super) struct Lease {
    job: String,
    store: Arc<Keyvalue>,
    lasts: Duration,
    /// Until when this host holds it.
    held: Mutex<Option<Instant>>,
}

/// What is known of who holds it.
struct Holder {
    /// The name of this host.
    me: String,
    count: u64,
    /// What another host wrote, and since when it is seen.
    other: Option<(Vec<u8>, Instant)>,
}

impl Holder {
    /// What is to be written by who saw `value`; none while the lease is another host's.
    fn claim(&mut self, value: Option<&[u8]>, lasts: Duration, now: Instant) -> Option<Vec<u8>> {
        let is_mine = |value: &[u8]| value.strip_prefix(self.me.as_bytes()).is_some_and(|rest| rest.starts_with(b" "));
        if let Some(value) = value.filter(|value| !is_mine(value)) {
            let since = match &self.other {
                Some((seen, since)) if seen == value => *since,
                _ => {
                    self.other = Some((value.to_vec(), now));
                    now
                }
            };
            if now.saturating_duration_since(since) < lasts {
                return None;
            }
        }
        self.count = self.count.wrapping_add(1);
        Some(format!("{} {}", self.me, self.count).into_bytes())
    }
}

impl Lease {
    pub fn new(job: String, store: Arc<Keyvalue>, lasts: Duration) -> Arc<Self> {
        Arc::new(Lease { job, store, lasts, held: Mutex::default() })
    }

    /// Whether this host holds it now.
    pub fn is_held(&self) -> bool {
        self.held().is_some_and(|until| Instant::now() < until)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes it when it is free, and keeps it.
    pub async fn keep(self: Arc<Self>, mut names: StdRng) {
        let mut holder = Holder { me: format!("{:016x}", names.next_u64()), count: 0, other: None };
        let mut told = false;
        loop {
            let now = Instant::now();
            let asked = clock::timeout(self.lasts / 4, self.ask(&mut holder, now)).await;
            let had = self.is_held();
            match asked {
                Some(Ok(true)) => {
                    *self.held() = now.checked_add(self.lasts);
                    told = false;
                    if !had {
                        tracing::info!("this host runs the cron job `{}` from now on", self.job);
                    }
                }
                Some(Ok(false)) => {
                    *self.held() = None;
                    told = false;
                    if had {
                        tracing::info!("another host runs the cron job `{}` from now on", self.job);
                    }
                }
                // What it holds, it holds until it is over.
                None | Some(Err(_)) if told => {}
                None | Some(Err(_)) => {
                    told = true;
                    let why = match asked {
                        Some(Err(failure)) => failure.to_string(),
                        _ => "it does not answer".into(),
                    };
                    tracing::warn!(
                        "the store does not say which host runs the cron job `{}`: {why}; no host does, once its lease is over",
                        self.job
                    );
                }
            }
            clock::sleep(self.lasts / 4).await;
        }
    }

    /// Whether the store has it for this host.
    async fn ask(&self, holder: &mut Holder, now: Instant) -> Result<bool, Failure> {
        let key = format!("cron/{}", self.job);
        let Ok(Answer::Looked(value, seen)) = self.store.run(BUCKET, Operation::Look(key.clone())).await? else {
            return Ok(false);
        };
        let Some(claim) = holder.claim(value.as_deref(), self.lasts, now) else { return Ok(false) };
        Ok(matches!(self.store.run(BUCKET, Operation::Swap(key, seen, claim)).await?, Ok(Answer::Swapped(true))))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::providers::keyvalue::Options;

    #[test]
    fn a_lease_is_taken_when_it_is_free_or_over() {
        let mut holder = Holder { me: "me".into(), count: 0, other: None };
        let (lasts, begin) = (Duration::from_secs(10), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut claim = |value: Option<&str>, seconds| {
            let claim = holder.claim(value.map(str::as_bytes), lasts, at(seconds));
            claim.map(|claim| String::from_utf8(claim).unwrap())
        };
        assert_eq!(claim(None, 0).as_deref(), Some("me 1"));
        assert_eq!(claim(Some("me 1"), 1).as_deref(), Some("me 2"));
        // A host whose name begins alike.
        assert_eq!(claim(Some("met 1"), 2), None);
        assert_eq!(claim(Some("met 1"), 11), None);
        assert_eq!(claim(Some("met 2"), 11), None, "it is there");
        assert_eq!(claim(Some("met 2"), 20), None);
        assert_eq!(claim(Some("met 2"), 21).as_deref(), Some("me 3"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_host_holds_a_lease_and_the_next_when_it_is_gone() {
        let store = Arc::new(Keyvalue::new(&Options::Memory).unwrap());
        let lease = || Lease::new("a:b/c#d".into(), store.clone(), Duration::from_secs(10));
        let leases = [lease(), lease()];
        let keep = |index: usize| tokio::spawn(leases[index].clone().keep(StdRng::seed_from_u64(index as u64)));
        let (first, second) = (keep(0), keep(1));
        let mut holders = Vec::new();
        for second in 0..60 {
            clock::sleep(Duration::from_secs(1)).await;
            if second == 20 {
                first.abort();
            }
            holders.push([leases[0].is_held(), leases[1].is_held()]);
        }
        second.abort();
        let count = |holder| holders.iter().filter(|now| **now == holder).count();
        assert_eq!(count([true, true]), 0);
        let (one, other, none) = (count([true, false]), count([false, true]), count([false, false]));
        assert!(one >= 20 && other >= 20 && none <= 15, "{holders:?}");
        assert!(holders[5..20].iter().all(|now| *now == holders[5]), "it does not change hands: {holders:?}");
    }
}
