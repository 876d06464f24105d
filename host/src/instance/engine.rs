//! Engines, and the machine code that they run, for all hosts of this process: a simulation, a demonstration or a test
//! loads the same few components again and again.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use crate::sim::Time;

/// Of so many components the code is kept, in each of the two times.
const KEPT: usize = 32;

/// How often a running guest in real time lets others run, and notices that it was abandoned.
const TICK: Duration = Duration::from_millis(10);

/// An engine and what it has compiled, by the bytes of the components.
#[derive(Default)]
struct Workshop {
    engine: Option<Engine>,
    code: HashMap<Vec<u8>, Component>,
}

static REAL: LazyLock<Mutex<Workshop>> = LazyLock::new(Mutex::default);
static SIMULATED: LazyLock<Mutex<Workshop>> = LazyLock::new(Mutex::default);

fn workshop(time: Time) -> std::sync::MutexGuard<'static, Workshop> {
    let workshop = match time {
        Time::Real => &REAL,
        Time::Simulated => &SIMULATED,
    };
    workshop.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine of all hosts that live in this time. In real time, a guest is interrupted by a clock; in simulated
/// time, which stands still while it computes, what it computes is counted.
pub(crate) fn engine(time: Time) -> wasmtime::Result<Engine> {
    let mut workshop = workshop(time);
    if let Some(engine) = &workshop.engine {
        return Ok(engine.clone());
    }
    let mut config = Config::new();
    match time {
        Time::Real => config.epoch_interruption(true),
        Time::Simulated => config.consume_fuel(true),
    };
    let engine = Engine::new(&config)?;
    if time == Time::Real {
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

/// Turns a component into machine code, once.
pub(super) fn compile(time: Time, bytes: &[u8]) -> wasmtime::Result<Component> {
    let engine = engine(time)?;
    if let Some(component) = workshop(time).code.get(bytes) {
        return Ok(component.clone());
    }
    // Without the lock: others compile meanwhile, maybe the same.
    let component = Component::new(&engine, bytes)?;
    let code = &mut workshop(time).code;
    if code.len() == KEPT {
        code.clear();
    }
    code.insert(bytes.to_vec(), component.clone());
    Ok(component)
}
