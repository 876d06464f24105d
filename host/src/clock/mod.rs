//! Simulated time: a guest's clocks and sleeps follow the runtime's paused clock, so that nothing waits.

mod timers;

use std::future::Future;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wasmtime::Trap;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

pub(crate) use timers::{sleep, sleep_until, timeout};

/// Whose time it is that guests and faults live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The machine's.
    Real,
    /// The runtime's, which must be paused (see [`run`]): it jumps to the next event whenever all are waiting.
    /// A guest's randomness is pinned too, and its work costs no time, so one seed has one outcome.
    Simulated,
}

/// Runs `future` on simulated time.
///
/// ```
/// use std::time::Duration;
///
/// let slept = steadfast_host::sim::run(async {
///     let start = tokio::time::Instant::now();
///     tokio::time::sleep(Duration::from_secs(3600)).await;
///     start.elapsed()
/// });
/// assert_eq!(slept, Duration::from_secs(3600));
/// ```
///
/// # Panics
/// When the system refuses the resources of a runtime, or a runtime is running on this thread already.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .on_thread_park(timers::idle)
        .build()
        .expect("the system refused a timer");
    // Gone before the runtime, whose timers it uses.
    let _exact = timers::Exact::begin();
    runtime.block_on(future)
}

/// How much a guest may compute in one go under simulated time, in Wasm operations: about a second's worth.
/// There, no clock moves while it computes, so this is what ends a loop without end.
pub(crate) const FUEL: u64 = 1_000_000_000;

/// Whether a guest trapped since it used up its [`FUEL`]: in real time, it would still be running.
pub(crate) fn ran_out_of_time(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel)
}

/// A guest's clocks, on the runtime's clock.
#[derive(Clone, Copy)]
pub(crate) struct RuntimeClock {
    start: Instant,
}

impl RuntimeClock {
    pub fn new() -> Self {
        RuntimeClock { start: Instant::now() }
    }
}

impl HostMonotonicClock for RuntimeClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What date it is for a host and its guests: by the machine's clock, or by the runtime's in simulated time.
#[derive(Clone, Copy)]
pub(crate) struct WallClock {
    simulated: Option<RuntimeClock>,
}

impl WallClock {
    pub fn new(time: Time, clock: RuntimeClock) -> Self {
        WallClock { simulated: (time == Time::Simulated).then_some(clock) }
    }

    /// The time since the year 1970 began in UTC.
    pub fn now(&self) -> Duration {
        /// Simulations begin with the year 2026.
        const NEW_YEAR: Duration = Duration::from_secs(1_767_225_600);
        match self.simulated {
            Some(clock) => NEW_YEAR + clock.start.elapsed(),
            // A machine whose clock says less has none; its time begins here.
            None => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
        }
    }

    /// How long one may sleep before reading it again. Sleeps do not notice when the machine's clock is set.
    pub fn trusted_for(&self) -> Duration {
        if self.simulated.is_some() { Duration::MAX } else { Duration::from_secs(30) }
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        WallClock::now(self)
    }
}
