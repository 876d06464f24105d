//! What the host provides itself, and the bounds within which a guest runs.

pub(crate) mod http;
mod outgoing;
mod output;
pub(crate) mod wrpc;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::Error;
use crate::lattice::Lattice;
use crate::manifest::Limits;
use crate::sim::{self, RuntimeClock, Time};
use crate::trace::SpanContext;
use outgoing::Outgoing;

/// Where guests run, and what each may take.
pub(crate) struct Sandbox {
    engine: Engine,
    time: Time,
    limits: Limits,
    clock: RuntimeClock,
    seed: Option<u64>,
    /// What guests read from `wasi:config`.
    config: Arc<WasiConfigVariables>,
    instances: AtomicU64,
}

/// More functions in tables than any component has, and still only some megabytes.
const MAX_TABLE_ELEMENTS: usize = 100_000;

impl Sandbox {
    pub fn new(
        time: Time,
        limits: Limits,
        seed: Option<u64>,
        settings: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let engine = crate::component::engine(time).map_err(Error::Engine)?;
        let seed = seed.or((time == Time::Simulated).then_some(0));
        Ok(Sandbox {
            engine,
            time,
            limits,
            clock: RuntimeClock::new(),
            seed,
            config: Arc::new(settings.into_iter().collect()),
            instances: AtomicU64::new(0),
        })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn time(&self) -> Time {
        self.time
    }

    /// A store for one instance of the component `name`, which runs `depth` calls deep.
    pub fn store(&self, name: &str, lattice: Arc<Lattice>, depth: u32) -> Store<Guest> {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output::Log::new(name, "stdout")).stderr(output::Log::new(name, "stderr"));
        // The sleeps of WASI follow the runtime's clock, so its readings do too, paused or not.
        wasi.monotonic_clock(self.clock);
        if self.time == Time::Simulated {
            wasi.wall_clock(self.clock);
        }
        if let Some(seed) = self.seed {
            // Instances differ, or callers that failed together would come back together.
            let instance = self.instances.fetch_add(1, Ordering::Relaxed);
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(instance));
            wasi.insecure_random_seed(rand::Rng::next_u64(&mut rng).into());
            wasi.insecure_random(StdRng::from_rng(&mut rng)).secure_random(rng);
        }
        let limits =
            StoreLimitsBuilder::new().memory_size(self.limits.memory).table_elements(MAX_TABLE_ELEMENTS).build();
        let guest = Guest {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing { lattice: lattice.clone(), depth, trace: SpanContext::NONE },
            config: self.config.clone(),
            table: ResourceTable::new(),
            limits,
            lattice,
            depth,
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        self.refuel(&mut store);
        store
    }

    /// Gives a guest its time for the next request.
    pub fn refuel(&self, store: &mut Store<Guest>) {
        match self.time {
            Time::Real => {
                store.set_epoch_deadline(1);
                store.epoch_deadline_async_yield_and_update(1);
            }
            Time::Simulated => {
                if let Err(error) = store.set_fuel(sim::FUEL) {
                    // Only an engine without fuel refuses it, and `new` gave it some.
                    tracing::error!("{error:#}");
                }
            }
        }
    }
}

/// Adds what the host provides itself.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, |guest: &mut Guest| WasiConfig::from(&*guest.config))?;
    wrpc::add_to_linker(linker)
}

/// One instance's side of the host.
pub(crate) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    config: Arc<WasiConfigVariables>,
    table: ResourceTable,
    limits: StoreLimits,
    pub lattice: Arc<Lattice>,
    pub depth: u32,
}

impl Guest {
    /// The span that its calls are a part of.
    pub fn trace(&self) -> &SpanContext {
        &self.outgoing.trace
    }

    /// From now on, it works for the call or the request with this span.
    pub fn works_for(&mut self, trace: SpanContext) {
        self.outgoing.trace = trace;
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}
