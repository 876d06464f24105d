//! A method with the attribute.

use super::*;

#[derive(Clone)]
struct Client<'t> {
    target: &'t Target,
    calls: u32,
}

impl Client<'_> {
    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    fn by_reference(&self) -> Result<u32, RpcError> {
        self.target.call(self.calls)
    }

    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    fn by_mutable_reference(&mut self) -> Result<u32, RpcError> {
        self.calls += 1;
        self.target.call(self.calls)
    }

    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    fn by_value(mut self) -> Result<u32, RpcError> {
        self.calls += 1;
        let Self { target, calls } = self;
        target.call(calls)
    }

    #[resilient(breaker(failures = 3), clock = &self.target.clock)]
    fn by_value_once(mut self) -> Result<u32, RpcError> {
        self.calls += 1;
        let Self { target, calls } = self;
        target.call(calls)
    }

    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    fn in_a_box(self: Box<Self>) -> Result<u32, RpcError> {
        self.target.call(self.calls)
    }

    #[resilient(retry(attempts = 2), fallback = Self::stale, clock = &self.target.clock)]
    fn with_fallback(&self, more: u32, name: String) -> Result<String, RpcError> {
        self.target.call(name + &more.to_string())
    }

    fn stale(&self, more: u32, name: String, failed: Failed) -> String {
        format!("{name} {} {more} {}", self.calls, failed.attempts())
    }
}

#[test]
fn takes_self_in_any_way() {
    let target = Target::failing(2);
    let mut client = Client { target: &target, calls: 0 };
    assert_eq!(client.by_reference(), Ok(0));
    target.fail(2);
    assert_eq!(client.by_mutable_reference(), Ok(3));
    target.fail(2);
    assert_eq!(client.clone().by_value(), Ok(4));
    assert_eq!(client.clone().by_value_once(), Ok(4));
    target.fail(2);
    assert_eq!(Box::new(client).in_a_box(), Ok(3));
}

#[test]
fn has_a_fallback_that_is_given_all_arguments() {
    let target = Target::failing(2);
    let client = Client { target: &target, calls: 5 };
    assert_eq!(client.with_fallback(7, "stale".into()), Ok("stale 5 7 2".into()));
    assert_eq!(client.with_fallback(7, "fresh".into()), Ok("fresh7".into()));
}
