//! What a fallback may be.

use std::future::{Ready, ready};

use steadfast::testing::block_on;
use steadfast::{Failed, RpcError, resilient};

use crate::target::Target;

#[resilient(retry(attempts = 2), fallback = stale, clock = &target.clock)]
async fn get(target: &Target, key: &str, owned: String) -> Result<String, RpcError> {
    target.call(format!("{key}{owned}"))
}

async fn stale(_: &Target, key: &str, owned: String, failed: Failed) -> String {
    ready(()).await;
    format!("{key} {owned} {}", failed.attempts())
}

#[test]
fn of_an_async_function_may_be_awaited() {
    assert_eq!(block_on(get(&Target::failing(2), "a", "b".into())), Ok("a b 2".into()));
    assert_eq!(block_on(get(&Target::failing(1), "a", "b".into())), Ok("ab".into()));
}

#[resilient(retry(attempts = 2), fallback = now, clock = &target.clock)]
async fn get_or_now(target: &Target) -> Result<u32, Failed> {
    target.call(1)
}

fn now(_: &Target, failed: Failed) -> u32 {
    failed.attempts()
}

#[resilient(retry(attempts = 2), fallback = soon, clock = &target.clock)]
async fn get_or_soon(target: &Target) -> Result<u32, Failed> {
    target.call(1)
}

fn soon(_: &Target, failed: Failed) -> Ready<u32> {
    ready(failed.attempts())
}

/// The value is a future itself.
#[resilient(retry(attempts = 2), fallback = soon, clock = &target.clock)]
async fn get_a_future(target: &Target) -> Result<Ready<u32>, Failed> {
    target.call(ready(1))
}

#[test]
fn may_answer_at_once_or_with_any_future() {
    assert_eq!(block_on(get_or_now(&Target::failing(2))), Ok(2));
    assert_eq!(block_on(get_or_soon(&Target::failing(2))), Ok(2));
    assert_eq!(block_on(block_on(get_a_future(&Target::failing(2))).unwrap()), 2);
}

struct Client(Target);

impl Client {
    #[resilient(retry(attempts = 2), fallback = Self::last, clock = &self.0.clock)]
    async fn get(&self, keys: &mut Vec<u32>) -> Result<u32, Failed> {
        keys.push(1);
        self.0.call(1)
    }

    async fn last(&self, keys: &mut Vec<u32>, _: Failed) -> u32 {
        keys.push(7);
        keys.len() as u32
    }

    #[resilient(retry(attempts = 2), fallback = generic, clock = &self.0.clock)]
    fn generic<T: Clone>(&self, value: T) -> Result<T, Failed> {
        self.0.call(value)
    }
}

fn generic<S, T>(_: S, value: T, _: Failed) -> T {
    value
}

#[test]
fn may_be_an_async_method_or_generic() {
    let mut keys = Vec::new();
    assert_eq!(block_on(Client(Target::failing(2)).get(&mut keys)), Ok(3));
    assert_eq!(Client(Target::failing(2)).generic("a"), Ok("a"));
}

#[resilient(breaker(failures = 2), fallback = lazily, clock = &target.clock)]
fn boxed(target: &Target) -> Result<Box<dyn Fn() -> u32>, Failed> {
    target.call(Box::new(|| 1))
}

fn lazily(_: &Target, failed: Failed) -> Box<dyn Fn() -> u32> {
    Box::new(move || failed.attempts() * 100)
}

#[test]
fn may_return_a_trait_object() {
    assert_eq!(boxed(&Target::failing(1)).map(|answer| answer()), Ok(100));
}
