//! Where guests run, and what surrounds each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
    HostResponseOutparam,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bounds::{MAX_HANDLES, TotalMemory};
use super::wasi::{Log, Outgoing, Output, Stream, WorksFor, keyvalue};
use super::{Bounds, Network};
use crate::clock::{self, RuntimeClock, Time, WallClock};
use crate::manifest::Limits;
use crate::trace::SpanContext;

/// What surrounds all instances of a host.
pub(crate) struct Sandbox {
    pub time: Time,
    pub limits: Limits,
    memory: Arc<TotalMemory>,
    clock: RuntimeClock,
    pub wall_clock: WallClock,
    pub seed: Option<u64>,
    /// What guests read from `wasi:config`.
    config: Arc<WasiConfigVariables>,
    /// What they have in their environment.
    env: Vec<(String, String)>,
    instances: AtomicU64,
    /// How often all instances began anew.
    restarts: AtomicU64,
    /// What the components print, by their names.
    outputs: Mutex<BTreeMap<String, Arc<Output>>>,
}

impl Sandbox {
    pub fn new(
        time: Time,
        limits: Limits,
        seed: Option<u64>,
        settings: BTreeMap<String, String>,
        env: Vec<(String, String)>,
    ) -> Self {
        let clock = RuntimeClock::new();
        Sandbox {
            time,
            limits,
            memory: Arc::new(TotalMemory::new(limits.total_memory)),
            clock,
            wall_clock: WallClock::new(time, clock),
            seed: seed.or((time == Time::Simulated).then_some(0)),
            config: Arc::new(settings.into_iter().collect()),
            env,
            instances: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            outputs: Mutex::default(),
        }
    }

    /// Where the instances of the component `name` print, wherever they work.
    pub(super) fn output(&self, name: &str) -> Arc<Output> {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.entry(name.into()).or_insert_with(|| Output::of(name)).clone()
    }

    /// A store for one instance of a component that prints to `output`.
    pub(super) fn store(&self, engine: &Engine, output: &Arc<Output>, work: Work) -> Store<Guest> {
        let mut wasi = WasiCtx::builder();
        let works_for = WorksFor::new(&work.trace);
        let log = |stream| Log::new(output, &works_for, stream);
        wasi.stdout(log(Stream::Stdout)).stderr(log(Stream::Stderr)).envs(&self.env);
        // The sleeps of WASI follow the runtime's clock, so its readings do too, paused or not.
        wasi.monotonic_clock(self.clock).wall_clock(self.wall_clock);
        if let Some(seed) = self.seed {
            // Instances differ, or callers that failed together would come back together.
            let instance = self.instances.fetch_add(1, Ordering::Relaxed);
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(instance));
            wasi.insecure_random_seed(rand::Rng::next_u64(&mut rng).into());
            wasi.insecure_random(StdRng::from_rng(&mut rng)).secure_random(rng);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let guest = Guest {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing { work },
            works_for,
            config: self.config.clone(),
            table,
            bounds: Bounds::new(self.limits.memory, self.memory.clone()),
            failed: Vec::new(),
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.bounds);
        self.refuel(&mut store);
        store
    }

    /// From now on, no instance that there is serves once more. What they keep in `wasi:keyvalue` stays.
    pub fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was asked for.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Gives a guest its time for the next request.
    pub fn refuel(&self, store: &mut Store<Guest>) {
        match self.time {
            Time::Real => {
                store.set_epoch_deadline(1);
                store.epoch_deadline_async_yield_and_update(1);
            }
            Time::Simulated => {
                if let Err(error) = store.set_fuel(clock::FUEL) {
                    // Only an engine without fuel refuses it, and that of simulated time has some.
                    tracing::error!("{error:#}");
                }
            }
        }
    }
}

/// What an instance works for: one request, or one call.
#[derive(Clone)]
pub(crate) struct Work {
    pub network: Arc<Network>,
    /// How many calls deep it is.
    pub depth: u32,
    /// When its caller waits no longer, where that is known.
    pub deadline: Option<Instant>,
    /// The span that its calls and requests are a part of.
    pub trace: SpanContext,
}

/// One instance's side of the host.
pub(crate) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    works_for: WorksFor,
    pub(super) config: Arc<WasiConfigVariables>,
    pub(super) table: ResourceTable,
    pub(super) bounds: Bounds,
    /// The functions whose last call for this work failed, where that is counted.
    failed: Vec<String>,
}

impl Guest {
    /// Whether the last call of `target` failed, for what it works for now.
    pub(super) fn has_failed(&self, target: &str) -> bool {
        self.failed.iter().any(|failed| failed == target)
    }

    /// A call of `target` is over. A component imports so many functions and no more.
    pub(super) fn called(&mut self, target: &str, failed: bool) {
        match self.failed.iter().position(|known| known == target) {
            Some(known) if !failed => drop(self.failed.swap_remove(known)),
            None if failed => self.failed.push(target.into()),
            _ => {}
        }
    }

    /// What its calls of `wasi:keyvalue` work on.
    pub(super) fn keyvalue(&mut self) -> keyvalue::View<'_> {
        keyvalue::View { work: &self.outgoing.work, table: &mut self.table }
    }

    pub fn work(&self) -> &Work {
        &self.outgoing.work
    }

    /// From now on, it works for this; nothing is left of what it worked for before.
    pub fn works_for(&mut self, work: Work) {
        self.works_for.set(&work.trace);
        self.outgoing.work = work;
        self.failed.clear();
    }

    /// Whether it has a part of an HTTP request or of an answer.
    pub fn has_exchange(&mut self) -> bool {
        self.table.iter_mut().any(|entry| {
            entry.is::<HostIncomingRequest>()
                || entry.is::<HostIncomingBody>()
                || entry.is::<HostResponseOutparam>()
                || entry.is::<HostOutgoingResponse>()
                || entry.is::<HostOutgoingBody>()
                || entry.is::<HostOutgoingRequest>()
                || entry.is::<HostFutureIncomingResponse>()
                || entry.is::<HostIncomingResponse>()
        })
    }

    /// Ends the bodies that it did not finish, so that who reads them does not take them for whole. Whether there were
    /// any.
    pub fn abort_bodies(&mut self) -> bool {
        let unfinished = self.table.iter_mut().filter_map(|entry| entry.downcast_mut::<HostOutgoingBody>());
        let aborted = unfinished.map(|body| {
            let (nothing, _) = HostOutgoingBody::new(StreamContext::Response, None, 1, 1);
            std::mem::replace(body, nothing).abort();
        });
        aborted.count() > 0
    }
}

impl Drop for Guest {
    /// However an instance ends: `wasmtime-wasi-http` takes a body whose end is gone for one that is finished.
    fn drop(&mut self) {
        self.abort_bodies();
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
