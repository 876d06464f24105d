//! What a function with `#[resilient]` does when its call fails, and on what it may stand.

mod arguments;
mod awaited;
mod block;
mod cfg;
mod declared_error;
mod fallback;
mod fragments;
mod function;
mod method;
mod names;
mod observed;
mod other_attributes;
mod shared;
mod target;

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use steadfast::clock::AsyncClock;
use steadfast::testing::{ManualClock, TestClock, block_on};
use steadfast::{Cause, Delivery, Event, Failed, Failure, Observer, Reason, RpcError, resilient};
use target::{Target, no_target};

fn millis<const N: usize>(millis: [u64; N]) -> [Duration; N] {
    millis.map(Duration::from_millis)
}
