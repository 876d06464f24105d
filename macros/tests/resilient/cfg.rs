//! What `#[cfg]` leaves out is not there.

use steadfast::{Event, Failed, RpcError, resilient};

use crate::target::Target;

#[resilient(retry(attempts = 2))]
fn gone(key: &str, #[cfg(any())] gone: u32) -> Result<u32, RpcError> {
    Ok(key.len() as u32)
}

#[resilient(retry(attempts = 2), fallback = zero, clock = &target.clock)]
fn mixed(
    target: &Target,
    #[cfg(any())] gone: Missing,
    #[cfg(test)] here: String,
    #[cfg(test)] (a, b): (u32, u32),
    #[cfg(not(test))] gone_too: Missing,
) -> Result<u32, Failed> {
    target.call(here.len() as u32 + a + b)
}

fn zero(_: &Target, here: String, (a, b): (u32, u32), failed: Failed) -> u32 {
    failed.attempts() * 100 + here.len() as u32 + a + b
}

#[test]
fn arguments_may_be_left_out() {
    assert_eq!(gone("key"), Ok(3));
    assert_eq!(mixed(&Target::failing(1), "key".into(), (4, 5)), Ok(12));
    assert_eq!(mixed(&Target::failing(2), "key".into(), (4, 5)), Ok(212));
}

struct Client;

#[resilient(retry(attempts = 2))]
impl Client {
    fn get(&self, #[cfg(any())] gone: Missing, #[cfg(test)] here: u32) -> Result<u32, RpcError> {
        Ok(here)
    }

    #[cfg(any())]
    fn gone(&self, missing: Missing) -> Result<u32, RpcError> {
        missing.get()
    }
}

#[test]
fn and_so_may_those_of_methods() {
    assert_eq!(Client.get(7), Ok(7));
}

fn log(_: &Event) {}

steadfast::policy! {
    #[cfg(any())]
    static GONE = retry(attempts = 2) + observer(gone_too);

    #[cfg(any())]
    static GONE_WITH_ITS_MISTAKES = retry(attempts = 0) + breker(failures = 3);

    #[cfg_attr(all(), cfg(any()))]
    static GONE_BY_CFG_ATTR = retry(attempts = 2) + observer(gone_too);

    #[cfg(any())]
    static SAME = retry(attempts = 2) + observer(gone_too);

    #[cfg_attr(all(), doc = "Two of one name.")]
    #[cfg(all())]
    static SAME = retry(attempts = 3) + observer(log);
}

#[test]
fn a_policy_may_be_left_out() {
    assert_eq!(SAME.call(|| Ok::<_, RpcError>(7)), Ok(7));
}
