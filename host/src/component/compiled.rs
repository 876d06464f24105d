//! Machine code, which is kept for as long as its engine: simulations load the same components again and again.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// Of so many components, all of which may be in use by other hosts.
const KEPT: usize = 64;

/// What all hosts in simulated time share.
static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);
static CODE: LazyLock<Mutex<HashMap<Vec<u8>, Component>>> = LazyLock::new(Mutex::default);

/// The engine of simulations: it counts what a guest computes.
pub(crate) fn simulating_engine() -> wasmtime::Result<Engine> {
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = &*engine {
        return Ok(engine.clone());
    }
    let mut config = Config::new();
    config.consume_fuel(true);
    Ok(engine.insert(Engine::new(&config)?).clone())
}

/// Turns a component into machine code, once for all simulations.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    let kept = || CODE.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = ENGINE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if !shared.is_some_and(|shared| Engine::same(&shared, engine)) {
        return Component::new(engine, bytes);
    }
    if let Some(component) = kept().get(bytes) {
        return Ok(component.clone());
    }
    // Without the lock: others compile meanwhile, maybe the same.
    let component = Component::new(engine, bytes)?;
    let mut kept = kept();
    if kept.len() == KEPT {
        kept.clear();
    }
    kept.insert(bytes.to_vec(), component.clone());
    Ok(component)
}
