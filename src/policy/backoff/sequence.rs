//! The waits of a backoff, before cap and jitter: a function for each sequence.

use core::time::Duration;

use super::Backoff;
use crate::platform::clock::nanos;

/// The nanoseconds before a retry (from 1), given those before the previous one.
pub(super) type Wait = fn(&Backoff, retry: u32, previous: u64) -> u64;

/// Which function gives the waits, for whoever compares, prints or checks a backoff.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sequence {
    Constant,
    Linear,
    Exponential,
    Fibonacci,
    Decorrelated,
    Custom(fn(u32) -> Duration),
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Sequence::Custom(one), Sequence::Custom(other)) => core::ptr::fn_addr_eq(*one, *other),
            _ => core::mem::discriminant(self) == core::mem::discriminant(other),
        }
    }
}

pub(super) fn constant(backoff: &Backoff, _: u32, _: u64) -> u64 {
    backoff.base
}

pub(super) fn linear(backoff: &Backoff, retry: u32, _: u64) -> u64 {
    backoff.base.saturating_mul(u64::from(retry))
}

pub(super) fn exponential(backoff: &Backoff, retry: u32, _: u64) -> u64 {
    // By squaring: `f64::powi` does the same in a function of its own, which is larger than this one.
    let (mut growth, mut power, mut exponent) = (1.0, backoff.factor, retry - 1);
    while exponent > 0 {
        if exponent % 2 == 1 {
            growth *= power;
        }
        power *= power;
        exponent /= 2;
    }
    // A float beyond the integers becomes the highest one, and zero times infinity, which is no number, zero.
    (backoff.base as f64 * growth) as u64
}

pub(super) fn fibonacci(backoff: &Backoff, retry: u32, _: u64) -> u64 {
    /// The first whose Fibonacci number is above `u64::MAX`: from here on even a base of 1 ns stands still.
    const SATURATED: u32 = 94;

    let (mut wait, mut next) = (backoff.base, backoff.base);
    for _ in 1..retry.min(SATURATED) {
        (wait, next) = (next, wait.saturating_add(next));
    }
    wait
}

/// What a decorrelated backoff draws up to.
pub(super) fn tripled(backoff: &Backoff, _: u32, previous: u64) -> u64 {
    previous.max(backoff.base).saturating_mul(3)
}

pub(super) fn custom(backoff: &Backoff, retry: u32, _: u64) -> u64 {
    match backoff.sequence {
        Sequence::Custom(wait) => nanos(wait(retry)),
        _ => 0,
    }
}
