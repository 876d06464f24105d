//! What a host gives its guests beside links: requests to the outside, settings, and calls on schedule.
#![cfg(not(target_family = "wasm"))]

mod connections;
mod deadline;
mod jobs;
mod outgoing;
mod settings;
#[path = "../stage/mod.rs"]
mod stage;
