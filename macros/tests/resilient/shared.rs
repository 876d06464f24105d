//! Functions that share one policy.

use super::*;

steadfast::policy! {
    /// How we talk to the store.
    static STORE = retry(attempts = 2) + breaker(failures = 2, open_for = "10s");
}

#[resilient(STORE, clock = &target.clock)]
fn get(target: &Target) -> Result<u32, RpcError> {
    target.call(1)
}

#[resilient(self::STORE, idempotent, fallback = zero, clock = &target.clock)]
fn put(target: &Target, value: u32) -> Result<u32, RpcError> {
    target.call(value)
}

fn zero(_: &Target, _: u32, _: Failed) -> u32 {
    0
}

#[test]
fn a_policy_remembers_all_calls() {
    let target = Target::failing(2);
    assert!(get(&target).is_err());
    assert_eq!(put(&target, 7), Ok(0), "the breaker is open");
    assert_eq!(target.calls(), 2);
}

struct Holder {
    policy: steadfast::Policy<(steadfast::Retry,)>,
}

impl Holder {
    #[resilient(self.policy, clock = &target.clock)]
    fn get(&self, target: &Target) -> Result<u32, RpcError> {
        target.call(1)
    }
}

#[test]
fn a_policy_may_be_a_field() {
    let holder = Holder { policy: steadfast::Policy::new().retry(steadfast::Retry::attempts(5)) };
    assert_eq!(holder.get(&Target::failing(4)), Ok(1));
}
