//! The examples, each against the failures that it is about, in simulated time. `cargo demo --all` shows them in
//! real time; `handler` has the flagship.
#![cfg(not(target_family = "wasm"))]

mod chain;
mod cron;
mod http_proxy;
mod postgres;
#[path = "../stage/mod.rs"]
mod stage;
