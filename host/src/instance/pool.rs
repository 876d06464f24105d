//! The instances of one component: made in one way, wherever they work, and kept where they serve again.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::Store;
use wasmtime::component::{Component as Compiled, Instance, InstancePre, Linker};

use super::wasi::Output;
use super::{Guest, Sandbox, Work, engine, passing, polyfill, wasi};
use crate::clock::Time;
use crate::component::Component;
use crate::error::Error;
use crate::manifest::Instances;
use crate::metrics::{Present, State};

/// A component that is ready to run, and its instances that are kept for more work.
pub(crate) struct Pool<E> {
    pub name: String,
    pub sandbox: Arc<Sandbox>,
    output: Arc<Output>,
    component: Component,
    ready: Ready<E>,
    /// The same for instances of a simulation that find no room; made when the first one does.
    roomless: OnceLock<Ready<E>>,
    /// How much may be passed to the host in one call.
    fuel: usize,
    /// How many may wait.
    keeps: usize,
    idle: Mutex<Vec<Running<E>>>,
}

/// What is looked up in a component, once for all of its instances.
pub(super) trait Exports: Sized {
    /// # Errors
    /// [`Error`], where `component` has not what its instances are made for.
    fn find(component: &Component, pre: &InstancePre<Guest>) -> Result<Self, Error>;
}

/// A component, compiled and linked for one engine.
struct Ready<E> {
    pre: InstancePre<Guest>,
    exports: Arc<E>,
    /// How many slots of a pool an instance takes, where that is known before.
    slots: Option<u32>,
}

/// Why there is no instance. Nothing was asked of any.
pub(super) struct NoInstance {
    pub error: wasmtime::Error,
    /// Whether it is for want of room that others have at the moment.
    pub full: bool,
}

/// An instance that works.
pub(crate) struct Running<E> {
    pub store: Store<Guest>,
    pub instance: Instance,
    pub exports: Arc<E>,
    /// Its room, where it is one of a simulation. Given back after its memory, as the fields stand here.
    _seat: Option<engine::Seat>,
    /// How often it worked.
    uses: u64,
    /// After which of the restarts it was made.
    restarts: u64,
    /// That it is there, where that is counted.
    present: Option<Present>,
}

impl<E> Running<E> {
    fn is(&mut self, state: State) {
        if let Some(present) = &mut self.present {
            present.is(state);
        }
    }
}

impl<E: Exports> Ready<E> {
    fn new(component: &Component, compiled: &Compiled, time: Time) -> Result<Self, Error> {
        let mut linker = Linker::new(compiled.engine());
        wasi::add_to_linker(&mut linker, time).map_err(Error::Engine)?;
        let unlinkable = |error| component.unlinkable(error);
        polyfill::add_to_linker(&mut linker, component).map_err(unlinkable)?;
        let pre = linker.instantiate_pre(compiled).map_err(unlinkable)?;
        let exports = Arc::new(E::find(component, &pre)?);
        Ok(Ready { pre, exports, slots: engine::slots(compiled) })
    }
}

impl<E: Exports> Pool<E> {
    /// Makes `component` ready. Where it serves again, at most `keeps` of its instances wait.
    ///
    /// # Errors
    /// [`Error`], when the component cannot be compiled or linked, needs more than an instance may have, or lacks exports.
    pub fn new(
        component: &Component,
        sandbox: &Arc<Sandbox>,
        instances: Instances,
        keeps: usize,
    ) -> Result<Self, Error> {
        let compiled = engine::compile(sandbox.time, component.bytes());
        let compiled = compiled.map_err(|error| component.not_compiled(&error))?;
        check_memory(component, &compiled, sandbox)?;
        let name = component.name();
        Ok(Pool {
            ready: Ready::new(component, &compiled, sandbox.time)?,
            roomless: OnceLock::new(),
            component: component.clone(),
            sandbox: sandbox.clone(),
            output: sandbox.output(&name),
            name,
            fuel: passing::fuel(component),
            keeps: if instances == Instances::Reuse { keeps } else { 0 },
            idle: Mutex::default(),
        })
    }

    /// What its instances export.
    pub fn exports(&self) -> &E {
        &self.ready.exports
    }

    /// An instance that works for `work` and nothing else.
    ///
    /// # Errors
    /// Why none can be made.
    pub async fn take(&self, work: Work) -> Result<Running<E>, NoInstance> {
        if let Some(mut running) = self.idle() {
            running.uses += 1;
            running.is(State::Busy);
            running.store.data_mut().works_for(work);
            self.sandbox.refuel(&mut running.store);
            return Ok(running);
        }
        let (ready, seat) = self.room().map_err(|error| NoInstance { error, full: false })?;
        let mut store = self.sandbox.store(ready.pre.engine(), &self.output, work);
        store.set_hostcall_fuel(self.fuel);
        match ready.pre.instantiate_async(&mut store).await {
            Ok(instance) => Ok(Running {
                store,
                instance,
                exports: ready.exports.clone(),
                _seat: seat,
                uses: 1,
                restarts: self.sandbox.restarts(),
                present: Present::new(&self.name),
            }),
            Err(error) => {
                let full = store.data().bounds.crowded || engine::is_full(&error);
                Err(NoInstance { error, full })
            }
        }
    }

    /// What an instance is made of, and its room. In real time, the pool says itself that it is full.
    fn room(&self) -> wasmtime::Result<(&Ready<E>, Option<engine::Seat>)> {
        if self.sandbox.time == Time::Real {
            return Ok((&self.ready, None));
        }
        if let Some(seat) = self.ready.slots.and_then(engine::seat) {
            return Ok((&self.ready, Some(seat)));
        }
        if self.roomless.get().is_none() {
            let compiled = engine::compile_on_demand(self.sandbox.time, self.component.bytes())?;
            let ready = Ready::new(&self.component, &compiled, self.sandbox.time).map_err(wasmtime::Error::new)?;
            tracing::debug!(
                component = self.name,
                "some instances find no room in the pool; these take longer to make"
            );
            // Another may have been faster, with the same.
            let _ = self.roomless.set(ready);
        }
        self.roomless.get().map(|ready| (ready, None)).ok_or_else(|| wasmtime::Error::msg("it was made just now"))
    }

    /// One that waits, and may serve once more.
    fn idle(&self) -> Option<Running<E>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let restarts = self.sandbox.restarts();
        idle.retain(|running| running.restarts == restarts);
        idle.pop()
    }

    /// Keeps an instance whose work is done, where instances are used again. One that still has a request, an answer or
    /// a body of that work is not kept.
    pub fn give_back(&self, mut running: Running<E>) {
        if self.keeps == 0 || running.uses >= self.sandbox.limits.uses {
            return;
        }
        if running.store.data_mut().has_exchange() {
            tracing::debug!(
                target: "steadfast::guest",
                component = self.name,
                "an instance is not used again: a part of its last request is still open"
            );
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keeps {
            running.is(State::Idle);
            idle.push(running);
        }
    }
}

/// A component whose first memory is larger than an instance may have would trap at every call.
fn check_memory(component: &Component, compiled: &Compiled, sandbox: &Sandbox) -> Result<(), Error> {
    /// Of all memories that this host runs.
    const PAGE: u64 = 64 * 1024;
    let Some(pages) = compiled.resources_required().and_then(|needs| needs.max_initial_memory_size) else {
        return Ok(());
    };
    let (needed, limit) = (pages.saturating_mul(PAGE), sandbox.limits.memory as u64);
    if needed <= limit {
        return Ok(());
    }
    Err(component.unsuitable(format!(
        "needs {} MiB of memory to begin with, and `memory-mib` allows an instance {}; raise `memory-mib`",
        needed.div_ceil(1 << 20),
        limit >> 20
    )))
}
