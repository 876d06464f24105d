//! Peers that nobody here wrote: providers and clients that wRPC's own generator makes.

mod bindings;
mod failures;
mod hello;
mod parts;
mod peer;
mod values;
