//! A store that failed is left alone for a while: a breaker for the store, of this instance.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::platform::state::StoreFailed;
use crate::policy::Moment;

/// After the first failure, in nanoseconds: short enough for a store that restarts.
const FIRST: u64 = 1_000_000_000;

/// The longest: a store that is back is asked again within this.
const LONGEST: u64 = 30 * FIRST;

#[derive(Debug)]
pub struct Rest {
    /// On the clock of this instance; zero for one that is asked.
    until: AtomicU64,
    /// Failures with no answer between them.
    failures: AtomicU32,
}

impl Rest {
    #[allow(clippy::declare_interior_mutable_const, reason = "each breaker has one of its own: a copy is meant")]
    pub const NEW: Self = Rest { until: AtomicU64::new(0), failures: AtomicU32::new(0) };

    /// Asks the store, unless it is left alone now. The error says whether it has failed just now.
    pub fn ask<T>(&self, moment: &impl Moment, operations: impl FnOnce() -> Result<T, StoreFailed>) -> Result<T, bool> {
        if self.is_on(moment) {
            return Err(false);
        }
        match operations() {
            Ok(answer) => {
                self.end();
                Ok(answer)
            }
            Err(StoreFailed) => {
                self.failed(moment);
                Err(true)
            }
        }
    }

    fn is_on(&self, moment: &impl Moment) -> bool {
        // The clock is not read while all is well.
        let until = self.until.load(Ordering::Relaxed);
        until != 0 && moment.now().as_nanos() < until
    }

    /// The store failed.
    pub fn failed(&self, moment: &impl Moment) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed).min(5);
        let rest = (FIRST << before).min(LONGEST);
        self.until.store(moment.now().as_nanos().saturating_add(rest), Ordering::Relaxed);
    }

    /// The store answered.
    fn end(&self) {
        if self.until.load(Ordering::Relaxed) != 0 {
            self.until.store(0, Ordering::Relaxed);
            self.failures.store(0, Ordering::Relaxed);
        }
    }
}
