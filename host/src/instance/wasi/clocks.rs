//! The sleeps of guests in simulated time, to the nanosecond. Wasmtime's own are those of the runtime, whose timers are
//! rounded up to a millisecond: a hundred sleeps of 300 µs would take 100 ms.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::clocks::{WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Host};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::clock;
use crate::instance::Guest;

/// Takes the place of `wasi:clocks/monotonic-clock`, which is linked already.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    linker.allow_shadowing(true);
    let linked = monotonic_clock::add_to_linker::<Guest, HasClocks>(linker, |guest| Clocks(guest.clocks()));
    linker.allow_shadowing(false);
    linked
}

struct Clocks<'g>(WasiClocksCtxView<'g>);

struct HasClocks;

impl HasData for HasClocks {
    type Data<'g> = Clocks<'g>;
}

impl Host for Clocks<'_> {
    fn now(&mut self) -> Result<u64> {
        self.0.now()
    }

    fn resolution(&mut self) -> Result<u64> {
        self.0.resolution()
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let now = self.0.now()?;
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let end = Instant::now().checked_add(Duration::from_nanos(duration));
        let sleep = self.0.table.push(Sleep { end, asked: false })?;
        subscribe(self.0.table, sleep)
    }
}

/// What a guest waits for.
struct Sleep {
    /// None for one beyond what a clock can show.
    end: Option<Instant>,
    asked: bool,
}

#[async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        match self.end {
            // A guest that asks for no sleep in a loop lets others run.
            Some(end) if end <= Instant::now() && !self.asked => {
                self.asked = true;
                tokio::task::yield_now().await;
            }
            Some(end) => clock::sleep_until(end).await,
            None => std::future::pending().await,
        }
    }
}
