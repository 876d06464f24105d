//! A function with the attribute.

use super::*;

#[resilient(retry(attempts = 4), clock = &target.clock)]
fn greet(target: &Target, name: &str) -> Result<String, RpcError> {
    target.call(format!("Hello, {name}!"))
}

#[test]
fn is_retried() {
    let target = Target::failing(3);
    assert_eq!(greet(&target, "Ada"), Ok("Hello, Ada!".into()));
    assert_eq!(target.calls(), 4);
    assert_eq!(target.clock.slept(), millis([50, 100, 200]));
}

#[test]
fn returns_an_error_that_says_what_the_policy_did() {
    let error = greet(&Target::failing(4), "Ada").unwrap_err();
    assert_eq!((error.cause, error.delivery), (Cause::NoTarget, Delivery::NotSent));
    assert_eq!(error.target, "acme:greeter/api#greet");
    assert_eq!(error.message, "gave up after 4 attempts, 350 ms after the first failed");
}

#[resilient(retry(attempts = 2), clock = &target.clock)]
fn whole(target: &Target) -> Result<(), Failed> {
    target.call(())?;
    Ok(())
}

#[test]
fn hands_the_failure_on_whole_where_it_says_so() {
    let failed = whole(&Target::failing(2)).unwrap_err();
    assert_eq!((failed.reason(), failed.attempts()), (Reason::Attempts, 2));
    assert_eq!(failed.last(), Some(&no_target()));
}

fn exported(target: &Target) -> Result<(), RpcError> {
    Ok(whole(target)?)
}

#[test]
fn passes_its_failure_on_as_the_error_of_an_interface() {
    let error = exported(&Target::failing(2)).unwrap_err();
    assert_eq!((error.cause, error.target.as_str()), (Cause::NoTarget, "acme:greeter/api#greet"));
}

#[derive(Debug, PartialEq)]
enum StoreError {
    Busy,
}

impl Failure for StoreError {
    fn cause(&self) -> Cause {
        Cause::Overloaded
    }
    fn delivery(&self) -> Delivery {
        Delivery::NotSent
    }
}

#[resilient(retry(attempts = 3), clock = clock)]
fn store(clock: &TestClock, tries: &mut u32) -> Result<(), Failed<StoreError>> {
    *tries += 1;
    take(tries);
    Err(StoreError::Busy)
}

fn take(_: &mut u32) {}

#[test]
fn may_fail_with_any_error_that_classifies() {
    let (clock, mut tries) = (TestClock::new(), 0);
    assert_eq!(store(&clock, &mut tries).unwrap_err().last(), Some(&StoreError::Busy));
    assert_eq!(tries, 3);
}

type Answer<T> = Result<T, RpcError>;
type AnswerResult<T> = Answer<T>;

#[resilient(retry(attempts = 2), clock = &target.clock)]
fn through_an_alias(target: &Target) -> AnswerResult<u32> {
    target.call(7)
}

#[test]
fn may_return_an_alias_of_a_result() {
    assert_eq!(through_an_alias(&Target::failing(1)), Ok(7));
    assert!(through_an_alias(&Target::failing(2)).is_err());
}

#[resilient(breaker(failures = 1, open_for = "10s"), clock = &target.clock)]
fn broken(target: &Target) -> Result<u32, RpcError> {
    target.call(7)
}

#[test]
fn keeps_the_state_of_its_policy() {
    let target = Target::failing(1);
    assert!(broken(&target).is_err());
    assert_eq!(broken(&target).unwrap_err().message, "not called: the circuit breaker is open");
    assert_eq!(target.calls(), 1);
    // The attribute adds a jitter of up to 10 %, of which a test clock draws the highest.
    target.clock.advance(Duration::from_millis(10_999));
    assert!(broken(&target).is_err());
    target.clock.advance(Duration::from_millis(1));
    assert_eq!(broken(&target), Ok(7));
}

#[resilient(retry(attempts = 3), idempotent, clock = &target.clock)]
fn put(target: &Target) -> Result<u32, RpcError> {
    target.call(7).map_err(|error| RpcError { delivery: Delivery::Unknown, ..error })
}

#[resilient(retry(attempts = 3), clock = &target.clock)]
fn post(target: &Target) -> Result<u32, RpcError> {
    target.call(7).map_err(|error| RpcError { delivery: Delivery::Unknown, ..error })
}

#[test]
fn is_repeated_when_unsure_only_if_it_is_idempotent() {
    assert_eq!(put(&Target::failing(2)), Ok(7));
    let target = Target::failing(2);
    assert!(post(&target).is_err());
    assert_eq!(target.calls(), 1);
}
