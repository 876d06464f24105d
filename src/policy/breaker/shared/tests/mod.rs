//! Instances that share a breaker.

mod calls;
