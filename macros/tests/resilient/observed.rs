//! What an observer of a function is told.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};
use steadfast::testing::Recorder;

static RETRIES: AtomicU32 = AtomicU32::new(0);
static SEEN: Recorder = Recorder::new();

fn count(event: &Event) {
    if matches!(event, Event::Delayed { .. }) {
        RETRIES.fetch_add(1, Ordering::Relaxed);
    }
}

#[resilient(retry(attempts = 3), observer = count, clock = &target.clock)]
fn counted(target: &Target) -> Result<u32, RpcError> {
    target.call(1)
}

#[resilient(retry(attempts = 2), fallback = zero, observer = &SEEN, clock = &target.clock)]
fn seen(target: &Target) -> Result<u32, RpcError> {
    target.call(1)
}

fn zero(_: &Target, _: Failed) -> u32 {
    0
}

#[derive(Clone, Copy)]
struct Log;

impl Observer for Log {
    fn observe(&self, event: &Event) {
        count(event);
    }
}

#[resilient(retry(attempts = 3), observer = Log, clock = &target.clock)]
fn logged(target: &Target) -> Result<u32, RpcError> {
    target.call(1)
}

#[test]
fn by_a_function_a_struct_or_a_static() {
    assert_eq!(counted(&Target::failing(2)), Ok(1));
    assert_eq!(RETRIES.load(Ordering::Relaxed), 2);
    assert_eq!(logged(&Target::failing(1)), Ok(1));
    assert_eq!(RETRIES.load(Ordering::Relaxed), 3);
    assert_eq!(seen(&Target::failing(2)), Ok(0));
    assert_eq!(SEEN.take().last(), Some(&Event::FallbackUsed));
}
