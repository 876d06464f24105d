//! The instances of one component: made in one way, wherever they work, and kept where they serve again.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Component as Compiled, Instance, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::wasi::Output;
use super::{Guest, Sandbox, Work, engine, passing, polyfill, wasi};
use crate::component::Component;
use crate::error::Error;
use crate::manifest::Instances;

/// A component that is ready to run, and its instances that are kept for more work.
pub(crate) struct Pool {
    pub name: String,
    pub sandbox: Arc<Sandbox>,
    output: Arc<Output>,
    pub pre: InstancePre<Guest>,
    /// How much may be passed to the host in one call.
    fuel: usize,
    /// How many may wait.
    keeps: usize,
    idle: Mutex<Vec<Running>>,
}

/// Why there is no instance. Nothing was asked of any.
pub(super) struct NoInstance {
    pub error: wasmtime::Error,
    /// Whether it is for want of room that others have at the moment.
    pub full: bool,
}

/// An instance that works.
pub(crate) struct Running {
    pub store: Store<Guest>,
    pub instance: Instance,
    /// How often it worked.
    uses: u64,
    /// After which of the restarts it was made.
    restarts: u64,
}

impl Pool {
    /// Makes `component` ready. Where it serves again, at most `keeps` of its instances wait.
    ///
    /// # Errors
    /// [`Error`], when the component cannot be compiled or linked, or needs more than an instance may have.
    pub fn new(
        component: &Component,
        sandbox: &Arc<Sandbox>,
        instances: Instances,
        keeps: usize,
    ) -> Result<Self, Error> {
        let compiled = engine::compile(sandbox.time, component.bytes());
        let compiled = compiled.map_err(|error| component.not_compiled(&error))?;
        check_memory(component, &compiled, sandbox)?;
        let mut linker = Linker::new(compiled.engine());
        wasi::add_to_linker(&mut linker, sandbox.time).map_err(Error::Engine)?;
        let unlinkable = |error| component.unlinkable(error);
        polyfill::add_to_linker(&mut linker, component).map_err(unlinkable)?;
        let pre = linker.instantiate_pre(&compiled).map_err(unlinkable)?;
        let keeps = match instances {
            Instances::Fresh => 0,
            Instances::Reuse => keeps,
        };
        let name = component.name();
        let (fuel, output) = (passing::fuel(component), sandbox.output(&name));
        Ok(Pool { name, sandbox: sandbox.clone(), output, pre, fuel, keeps, idle: Mutex::default() })
    }

    pub fn compiled(&self) -> &Compiled {
        self.pre.component()
    }

    fn engine(&self) -> &Engine {
        self.compiled().engine()
    }

    /// An instance that works for `work` and nothing else.
    ///
    /// # Errors
    /// Why none can be made.
    pub async fn take(&self, work: Work) -> Result<Running, NoInstance> {
        if let Some(mut running) = self.idle() {
            running.uses += 1;
            running.store.data_mut().works_for(work);
            self.sandbox.refuel(&mut running.store);
            return Ok(running);
        }
        let mut store = self.sandbox.store(self.engine(), &self.output, work);
        store.set_hostcall_fuel(self.fuel);
        match self.pre.instantiate_async(&mut store).await {
            Ok(instance) => Ok(Running { store, instance, uses: 1, restarts: self.sandbox.restarts() }),
            Err(error) => {
                let full = store.data().bounds.crowded || engine::is_full(&error);
                Err(NoInstance { error, full })
            }
        }
    }

    /// One that waits, and may serve once more.
    fn idle(&self) -> Option<Running> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let restarts = self.sandbox.restarts();
        idle.retain(|running| running.restarts == restarts);
        idle.pop()
    }

    /// Keeps an instance whose work is done, where instances are used again. One that still has a request, an answer or
    /// a body of that work is not kept.
    pub fn give_back(&self, mut running: Running) {
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
