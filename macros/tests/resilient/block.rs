//! A block of methods with the attribute.

use super::*;

struct Client<'t>(&'t Target);

#[resilient(breaker(failures = 2), clock = &self.0.clock)]
impl Client<'_> {
    const ANSWER: u32 = 42;

    fn one(&self) -> Result<u32, RpcError> {
        self.0.call(1)
    }

    /// Documented.
    #[must_use]
    pub async fn two(&self, value: Vec<u32>) -> Result<Vec<u32>, Failed> {
        self.0.call(value)
    }

    #[resilient(retry(attempts = 5), clock = &self.0.clock)]
    fn patient(&self) -> Result<u32, RpcError> {
        self.0.call(3)
    }

    #[resilient(skip)]
    fn bare(&self) -> Result<u32, RpcError> {
        self.0.call(4)
    }

    fn answer(&self) -> u32 {
        Self::ANSWER
    }
}

#[test]
fn methods_share_one_policy() {
    let target = Target::failing(2);
    let client = Client(&target);
    assert!(client.one().is_err());
    assert!(block_on(client.two(Vec::new())).is_err());
    assert_eq!(client.one().unwrap_err().message, "not called: the circuit breaker is open");
    assert_eq!(target.calls(), 2);
    target.fail(4);
    assert_eq!(client.patient(), Ok(3), "it has its own");
    assert_eq!(client.bare(), Ok(4));
    assert_eq!(client.answer(), 42);
}

trait Guest {
    type Handle;
    fn greet(target: &Target, name: String) -> Result<String, RpcError>;
    fn plain() -> u32;
}

struct Component;

#[resilient(retry(attempts = 2), clock = &target.clock)]
impl Guest for Component {
    type Handle = u32;

    fn greet(target: &Target, name: String) -> Result<String, RpcError> {
        target.call(name)
    }

    fn plain() -> u32 {
        7
    }
}

#[test]
fn methods_of_a_trait_are_resilient() {
    assert_eq!(Component::greet(&Target::failing(1), "Ada".into()), Ok("Ada".into()));
    assert_eq!(Component::plain(), 7);
}

struct Chained;

#[resilient(retry(attempts = 2), clock = &target.clock)]
fn inner(target: &Target) -> Result<String, Failed> {
    target.call(String::new())
}

#[resilient]
impl Guest for Chained {
    type Handle = ();

    fn greet(target: &Target, _: String) -> Result<String, RpcError> {
        Ok(inner(target)?)
    }

    fn plain() -> u32 {
        7
    }
}

#[test]
fn an_exported_interface_reports_the_original_cause() {
    let error = Chained::greet(&Target::failing(2), String::new()).unwrap_err();
    assert_eq!((error.cause, error.target.as_str()), (Cause::NoTarget, "acme:greeter/api#greet"));
    assert_eq!(error.message, "gave up after 2 attempts, 50 ms after the first failed");
}

#[test]
fn a_block_may_stand_in_a_function() {
    struct Local;
    #[resilient(retry(attempts = 2), clock = &target.clock)]
    impl Local {
        fn call(&self, target: &Target) -> Result<u32, RpcError> {
            target.call(1)
        }
    }
    assert_eq!(Local.call(&Target::failing(1)), Ok(1));
}
