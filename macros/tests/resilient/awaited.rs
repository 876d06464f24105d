//! An awaited function with the attribute.

use super::*;

#[resilient(retry(attempts = 3), clock = &target.clock)]
async fn fetch(target: &Target, mut path: String) -> Result<String, RpcError> {
    path.push('!');
    std::future::ready(()).await;
    target.call(path)
}

#[test]
fn a_function_is_retried() {
    assert_eq!(block_on(fetch(&Target::failing(2), "a".into())), Ok("a!".into()));
}

struct Stream;

#[resilient(deadline = "1s", clock = clock)]
async fn upload(clock: &ManualClock, takes: u64, stream: Stream) -> Result<(), Failed> {
    clock.sleep_async(Duration::from_secs(takes)).await;
    let Stream = stream;
    Ok(())
}

#[test]
fn a_function_is_cancelled_at_its_deadline() {
    let clock = ManualClock::new();
    assert_eq!(clock.run(upload(&clock, 0, Stream)), Ok(()));
    let failed = clock.run(upload(&clock, 60, Stream)).unwrap_err();
    assert_eq!((failed.reason(), clock.passed()), (Reason::Deadline, Duration::from_secs(1)));
}

#[resilient(hedge(after = "100ms"), idempotent, clock = clock)]
async fn page(clock: &ManualClock, calls: &RefCell<u32>, path: String) -> Result<String, Failed> {
    *calls.borrow_mut() += 1;
    let first = *calls.borrow() == 1;
    if first {
        clock.sleep_async(Duration::from_secs(60)).await;
    }
    Ok(path)
}

#[test]
fn a_function_is_hedged() {
    let (clock, calls) = (ManualClock::new(), RefCell::new(0));
    assert_eq!(clock.run(page(&clock, &calls, "page".into())), Ok("page".into()));
    assert_eq!((clock.passed(), calls.into_inner()), (Duration::from_millis(100), 2));
}

#[resilient(attempt_timeout = "10ms", retry(attempts = 2), fallback = none, clock = clock)]
async fn slow(clock: &ManualClock) -> Result<u32, Failed> {
    clock.sleep_async(Duration::from_secs(60)).await;
    Ok(1)
}

fn none(_: &ManualClock, failed: Failed) -> u32 {
    assert_eq!(failed.cause(), Cause::Timeout);
    0
}

#[test]
fn a_function_has_a_fallback() {
    let clock = ManualClock::new();
    assert_eq!(clock.run(slow(&clock)), Ok(0));
}
