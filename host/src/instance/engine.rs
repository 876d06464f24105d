//! Engines, and the machine code that they run, for all hosts of this process: a simulation, a demonstration or a test
//! loads the same few components again and again.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::Component;
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, PoolConcurrencyLimitError, PoolingAllocationConfig, Result,
};

use super::bounds::MAX_TABLE_ELEMENTS;
use crate::clock::Time;

/// Of so many components the code is kept, for each kind of engine.
const KEPT: usize = 32;

/// How often a running guest in real time lets others run, and notices that it was abandoned.
const TICK: Duration = Duration::from_millis(10);

/// How many instances there may be at a time in one process; as many memories, and as many tables. A slot is reserved
/// for each, which takes address space and no memory.
const MAX_INSTANCES: u32 = 4_000;

/// Of the memory of a slot that is free again, so much is cleared and stays with the process; the rest goes back to the
/// system. It is about what a request touches: with it, a process answers 7,200 requests/s with a composed component;
/// with none 5,300, and with a MiB, which takes longer to clear than to map again, 4,800.
const KEPT_MEMORY: usize = 64 << 10;

/// The same of its tables.
const KEPT_TABLES: usize = 16 << 10;

/// As many slots there are for all simulations of this process; an instance takes one or two of them. Those that find none
/// are made on demand, which takes longer.
const SIMULATED_SLOTS: u32 = 2_000;

/// In simulations, only the pages of a slot are cleared that were written to. So all of them stay.
const KEPT_SIMULATED: usize = 4 << 20;

/// The variable that names the folder with the machine code of components, or is `off`.
const CACHE_VARIABLE: &str = "STEADFAST_CACHE";

/// What an engine is for.
#[derive(Clone, Copy)]
struct Kind {
    /// Simulated time stands still while a guest computes, so what it computes is counted.
    time: Time,
    /// Whether instances have their memory from a pool of slots, which are mapped once. Not those of a component that a slot
    /// cannot hold, and not where there is no address space for a pool.
    pooled: bool,
}

/// An engine and what it has compiled, by the bytes of the components.
#[derive(Default)]
struct Workshop {
    engine: Option<Engine>,
    code: HashMap<Vec<u8>, Component>,
}

/// The machine code that is kept for the next process.
static CODE_CACHE: LazyLock<Option<Cache>> = LazyLock::new(cache);

/// Two for each time: without a pool, and with one.
static WORKSHOPS: [[LazyLock<Mutex<Workshop>>; 2]; 2] = [const { [const { LazyLock::new(Mutex::default) }; 2] }; 2];

fn workshop(kind: Kind) -> MutexGuard<'static, Workshop> {
    WORKSHOPS[kind.time as usize][usize::from(kind.pooled)].lock().unwrap_or_else(PoisonError::into_inner)
}

fn engine(kind: Kind) -> Result<Engine> {
    let mut workshop = workshop(kind);
    if let Some(engine) = &workshop.engine {
        return Ok(engine.clone());
    }
    let mut config = Config::new();
    // A component may use 512 KiB of it. The rest is for what the host does meanwhile: a first connection to a NATS server
    // took more than the 1.5 MiB that are the default. Only pages that are touched are memory.
    config.async_stack_size(8 << 20);
    config.cache(CODE_CACHE.clone());
    match kind.time {
        Time::Simulated => config.consume_fuel(true),
        Time::Real => config.epoch_interruption(true),
    };
    if kind.pooled {
        config.allocation_strategy(match kind.time {
            Time::Simulated => simulated_pool(),
            Time::Real => pool(),
        });
    }
    let engine = Engine::new(&config)?;
    if kind.time == Time::Real {
        let engine = engine.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        });
    }
    Ok(workshop.engine.insert(engine).clone())
}

/// Where the machine code of components stays for the next process: with that of Wasmtime's own command, or in the folder
/// that is asked for.
fn cache() -> Option<Cache> {
    let mut config = CacheConfig::new();
    let asked = std::env::var_os(CACHE_VARIABLE);
    match &asked {
        Some(folder) if folder == "off" => return None,
        Some(folder) => drop(config.with_directory(folder)),
        None => {}
    }
    Cache::new(config)
        .inspect_err(|error| match asked {
            Some(_) => tracing::warn!("{CACHE_VARIABLE} names no folder for machine code, so none is kept: {error:#}"),
            None => tracing::debug!("no machine code is kept for the next start: {error:#}"),
        })
        .ok()
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(MAX_INSTANCES)
        .total_stacks(MAX_INSTANCES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLES)
        .max_unused_warm_slots(100);
    pool
}

/// One whose limits no simulation meets: it has a [`seat`] for each of its instances.
fn simulated_pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SIMULATED_SLOTS)
        // Only a number: they are no part of the pool.
        .total_core_instances(u32::MAX)
        .total_memories(SIMULATED_SLOTS)
        .total_tables(SIMULATED_SLOTS)
        .total_stacks(SIMULATED_SLOTS)
        .table_elements(MAX_TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT_SIMULATED)
        .table_keep_resident(KEPT_SIMULATED)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(SIMULATED_SLOTS);
    pool
}

/// Room in the pool of simulations for one instance.
pub(super) type Seat = SemaphorePermit<'static>;

/// How many slots an instance of `component` takes.
pub(super) fn slots(component: &Component) -> Option<u32> {
    let needs = component.resources_required()?;
    Some(needs.num_memories.max(needs.num_tables).max(1))
}

/// So many of the slots for simulations, if they are free. Whether they are depends on how many simulations run at a time.
/// So an instance without them is made on demand, and does the same.
pub(super) fn seat(slots: u32) -> Option<Seat> {
    static SLOTS: Semaphore = Semaphore::const_new(SIMULATED_SLOTS as usize);
    SLOTS.try_acquire_many(slots).ok()
}

/// Turns a component into machine code, once, for the engine that suits it.
pub(super) fn compile(time: Time, bytes: &[u8]) -> Result<Component> {
    match compile_for(Kind { time, pooled: true }, bytes) {
        Ok(component) => Ok(component),
        // There is no address space for the pool, or no slot holds the component; or it is damaged, which the other
        // engine says as well.
        Err(error) => {
            let component = compile_on_demand(time, bytes)?;
            tracing::debug!("instances are made without the pool, which takes longer: {error:#}");
            Ok(component)
        }
    }
}

/// The same, for instances that need no room in a pool.
pub(super) fn compile_on_demand(time: Time, bytes: &[u8]) -> Result<Component> {
    compile_for(Kind { time, pooled: false }, bytes)
}

fn compile_for(kind: Kind, bytes: &[u8]) -> Result<Component> {
    let engine = engine(kind)?;
    if let Some(component) = workshop(kind).code.get(bytes) {
        return Ok(component.clone());
    }
    // Without the lock: others compile meanwhile, maybe the same.
    let component = Component::new(&engine, bytes)?;
    let code = &mut workshop(kind).code;
    if code.len() == KEPT {
        code.clear();
    }
    code.insert(bytes.to_vec(), component.clone());
    Ok(component)
}

/// Whether no instance could be made since too many are there at once.
pub(super) fn is_full(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>()
}
