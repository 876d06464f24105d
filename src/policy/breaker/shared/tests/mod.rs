//! Instances that share a breaker, one call after the other and in every order of their operations.

mod cached;
mod calls;
mod exits;
mod interleavings;
mod naive;
