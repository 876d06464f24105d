//! Settings and functions that are made of the fragments of `macro_rules!`.

use std::time::Duration;

use steadfast::testing::TestClock;
use steadfast::{Failed, RpcError, resilient};

use crate::target::{Target, no_target};

macro_rules! get {
    ($name:ident, $attempts:literal, $wait:literal) => {
        #[resilient(retry(attempts = $attempts, backoff = constant($wait)), clock = &target.clock)]
        fn $name(target: &Target) -> Result<u32, RpcError> {
            target.call(1)
        }
    };
}

get!(literals, 3, "10ms");

macro_rules! get_by_expressions {
    ($name:ident, $attempts:expr, $wait:expr, $backoff:expr, $clock:expr) => {
        #[resilient(deadline = $wait, retry(attempts = $attempts, backoff = $backoff), clock = $clock)]
        fn $name() -> Result<u32, Failed> {
            Err(no_target())
        }
    };
}

const TWO: u32 = 2;

std::thread_local! {
    static CLOCK: &'static TestClock = Box::leak(Box::new(TestClock::new()));
}

fn clock() -> &'static TestClock {
    CLOCK.with(|clock| *clock)
}

get_by_expressions!(expressions, TWO + 1, "1m", constant("10ms", jitter = none), clock());

macro_rules! policies {
    ($($(#[$meta:meta])* $visibility:vis $name:ident: $part:expr;)*) => {
        steadfast::policy! { $($(#[$meta])* $visibility static $name = $part;)* }
    };
}

policies! {
    /// Whole parts.
    pub WHOLE: retry(attempts = 2) + breaker(failures = 3);
    ONE: retry(attempts = 4);
}

macro_rules! through {
    ($policy:path, $fallback:path, $name:ident, $target:ident, $ty:ty, $output:ty, $body:block) => {
        #[resilient($policy, fallback = $fallback, clock = &$target.clock)]
        fn $name($target: $ty) -> $output $body
    };
}

through!(self::WHOLE, self::zero, by_path, target, &Target, Result<u32, Failed>, { target.call(1) });
through!(ONE, zero, by_name, target, &Target, Result<u32, Failed>, { target.call(1) });

fn zero(_: &Target, failed: Failed) -> u32 {
    failed.attempts() * 100
}

macro_rules! with_meta {
    ($name:ident, $($setting:meta),*) => {
        #[resilient($($setting),*)]
        fn $name(target: &Target) -> Result<u32, RpcError> {
            target.call(1)
        }
    };
}

with_meta!(metas, retry(attempts = 3, backoff = constant("1ns")), idempotent);

macro_rules! client {
    ($ty:ty, $observer:path, $name:ident) => {
        #[resilient(retry(attempts = 2), observer = $observer, clock = &self.0.clock)]
        impl $ty {
            fn $name(&self) -> Result<u32, RpcError> {
                self.0.call(1)
            }

            #[resilient(skip)]
            fn bare(&self) -> Result<u32, RpcError> {
                self.0.call(1)
            }
        }
    };
}

struct Client(Target);

mod observers {
    pub fn none(_: &steadfast::Event) {}
}

client!(Client, observers::none, get);

#[test]
fn may_be_literals() {
    let target = Target::failing(3);
    assert!(literals(&target).is_err());
    assert_eq!(target.clock.slept(), [Duration::from_millis(10); 2]);
}

#[test]
fn may_be_expressions() {
    assert_eq!(expressions().unwrap_err().attempts(), 3);
    assert_eq!(clock().slept(), [Duration::from_millis(10); 2]);
}

#[test]
fn may_be_parts_paths_types_blocks_and_metas() {
    assert_eq!(by_path(&Target::failing(2)), Ok(200));
    assert_eq!(by_name(&Target::failing(4)), Ok(400));
    assert_eq!(metas(&Target::failing(2)), Ok(1));
    let client = Client(Target::failing(1));
    assert_eq!(client.get(), Ok(1));
    client.0.fail(1);
    assert!(client.bare().is_err());
}
