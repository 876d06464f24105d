//! Instances that share a breaker, one call after the other and in every order of their operations.

mod cached;
mod cached_interleavings;
mod calls;
mod exits;
mod interleavings;
mod naive;
