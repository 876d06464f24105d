//! Attributes of other crates, above `#[resilient]` and below it.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use steadfast::testing::{ManualClock, TestClock, block_on};
use steadfast::{Failed, Reason, RpcError, resilient};
use tracing::instrument;

use crate::target::{Target, no_target};

mod tracing_above {
    use super::*;

    #[instrument(skip(clock))]
    #[resilient(retry(attempts = 3), clock = clock)]
    async fn get(clock: &ManualClock, key: &str) -> Result<u32, Failed> {
        Ok(key.len() as u32)
    }

    #[instrument(skip_all, err)]
    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn blocking(target: &Target, owned: String) -> Result<usize, Failed> {
        target.call(owned.len())?;
        Ok(target.call(owned.len())?)
    }

    #[instrument(skip_all, ret, err(Debug))]
    #[resilient(retry(attempts = 3), fallback = zero, clock = &target.clock)]
    async fn with_fallback(target: &Target, owned: String) -> Result<usize, RpcError> {
        target.call(owned.len())
    }

    fn zero(_: &Target, _: String, failed: Failed) -> usize {
        failed.attempts() as usize
    }

    #[instrument(skip_all)]
    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn items(target: &Target) -> Result<impl Iterator<Item = u32> + use<>, Failed> {
        target.call(())?;
        Ok(0..3)
    }

    #[test]
    fn makes_a_span_for_each_attempt() {
        let clock = ManualClock::new();
        assert_eq!(clock.run(get(&clock, "key")), Ok(3));
        assert_eq!(blocking(&Target::failing(2), "key".into()), Ok(3));
        let failed = blocking(&Target::failing(3), "key".into()).unwrap_err();
        assert_eq!((failed.reason(), failed.attempts(), failed.last()), (Reason::Attempts, 3, Some(&no_target())));
        assert_eq!(block_on(with_fallback(&Target::failing(3), "long key".into())), Ok(3));
        assert_eq!(items(&Target::failing(2)).unwrap().count(), 3);
    }

    struct Client<'t> {
        target: &'t Target,
        tries: u32,
    }

    impl Client<'_> {
        #[instrument(skip(self))]
        #[resilient(retry(attempts = 3), clock = &self.target.clock)]
        async fn count(&mut self) -> Result<u32, Failed> {
            self.tries += 1;
            Ok(self.target.call(self.tries)?)
        }

        #[instrument(skip(self))]
        #[resilient(retry(attempts = 3), clock = &self.target.clock)]
        fn get(&self, key: String) -> Result<String, Failed> {
            Ok(self.target.call(key)?)
        }
    }

    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    impl Client<'_> {
        #[instrument(skip_all)]
        async fn in_a_block(&mut self, key: String) -> Result<String, Failed> {
            self.tries += 1;
            self.target.call(key)?;
            Ok(self.tries.to_string())
        }
    }

    #[test]
    fn may_stand_on_a_method() {
        let target = Target::failing(2);
        let mut client = Client { target: &target, tries: 0 };
        assert_eq!(block_on(client.count()), Ok(3));
        target.fail(2);
        assert_eq!(client.get("key".into()), Ok("key".into()));
        target.fail(2);
        assert_eq!(block_on(client.in_a_block("key".into())).unwrap(), "6");
    }
}

mod tracing_below {
    use super::*;

    #[resilient(retry(attempts = 3), clock = clock)]
    #[instrument(skip(clock))]
    async fn get(clock: &TestClock, key: &str) -> Result<u32, Failed> {
        Ok(key.len() as u32)
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    #[instrument(skip_all, err)]
    fn blocking(target: &Target, owned: String) -> Result<usize, Failed> {
        target.call(owned.len())
    }

    #[test]
    fn makes_a_span_for_the_call() {
        assert_eq!(block_on(get(&TestClock::new(), "key")), Ok(3));
        assert_eq!(blocking(&Target::failing(2), "key".into()), Ok(3));
    }
}

#[async_trait(?Send)]
trait Store {
    async fn get(&self, key: &str) -> Result<u32, Failed>;
    async fn put(&mut self, key: String, value: u32) -> Result<u32, RpcError>;
}

macro_rules! stores {
    ($($name:ident)*) => { $(
        struct $name<'t> { target: &'t Target, tries: u32 }

        impl<'t> $name<'t> {
            fn new(target: &'t Target) -> Self {
                $name { target, tries: 0 }
            }
        }
    )* };
}

stores!(TraitAbove BlockAbove BlockBelow);

#[async_trait(?Send)]
impl Store for TraitAbove<'_> {
    #[resilient(retry(attempts = 3), clock = &self.target.clock)]
    async fn get(&self, key: &str) -> Result<u32, Failed> {
        self.target.call(())?;
        Ok(key.len() as u32)
    }

    #[instrument(skip(self))]
    #[resilient(retry(attempts = 3), fallback = Self::fallback, clock = &self.target.clock)]
    async fn put(&mut self, key: String, value: u32) -> Result<u32, RpcError> {
        self.tries += 1;
        self.target.call(key.len() as u32 + value + self.tries)
    }
}

impl TraitAbove<'_> {
    fn fallback(&mut self, _: String, _: u32, failed: Failed) -> u32 {
        failed.attempts() * 100
    }
}

#[async_trait(?Send)]
#[resilient(retry(attempts = 3), clock = &self.target.clock)]
impl Store for BlockAbove<'_> {
    async fn get(&self, key: &str) -> Result<u32, Failed> {
        self.target.call(())?;
        Ok(key.len() as u32)
    }

    async fn put(&mut self, key: String, value: u32) -> Result<u32, RpcError> {
        self.tries += 1;
        self.target.call(key.len() as u32 + value + self.tries)
    }
}

#[resilient(retry(attempts = 3), clock = &self.target.clock)]
#[async_trait(?Send)]
impl Store for BlockBelow<'_> {
    async fn get(&self, key: &str) -> Result<u32, Failed> {
        self.target.call(())?;
        Ok(key.len() as u32)
    }

    async fn put(&mut self, key: String, value: u32) -> Result<u32, RpcError> {
        self.tries += 1;
        self.target.call(key.len() as u32 + value + self.tries)
    }
}

#[test]
fn async_trait_may_stand_above_and_below() {
    fn check<'t, S: Store + 't>(target: &'t Target, mut store: S) {
        target.fail(2);
        assert_eq!(block_on(store.get("key")), Ok(3));
        target.fail(3);
        let failed = block_on(store.get("key")).unwrap_err();
        assert_eq!((failed.attempts(), failed.last()), (3, Some(&no_target())));
        target.fail(2);
        assert_eq!(block_on(store.put("key".into(), 10)), Ok(16));
    }
    let target = Target::failing(0);
    check(&target, TraitAbove::new(&target));
    check(&target, BlockAbove::new(&target));
    check(&target, BlockBelow::new(&target));
    target.fail(3);
    assert_eq!(block_on(TraitAbove::new(&target).put("key".into(), 1)), Ok(300));
}

/// A method that the trait itself has.
#[async_trait(?Send)]
trait Defaults {
    fn target(&self) -> &Target;

    #[instrument(skip_all)]
    #[resilient(retry(attempts = 3), clock = &self.target().clock)]
    async fn get(&self, key: String) -> Result<usize, Failed> {
        Ok(self.target().call(key.len())?)
    }
}

#[async_trait(?Send)]
impl Defaults for Target {
    fn target(&self) -> &Target {
        self
    }
}

#[test]
fn async_trait_may_stand_on_a_trait() {
    assert_eq!(block_on(Defaults::get(&Target::failing(2), "key".into())), Ok(3));
}

mod a_future {
    use super::*;

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn opaque(target: &Target, owned: String) -> impl Future<Output = Result<usize, Failed>> {
        async move { Ok(target.call(owned.len())?) }
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn boxed<'a>(
        target: &'a Target,
        owned: String,
        into: &'a mut Vec<u32>,
    ) -> Pin<Box<dyn Future<Output = Result<usize, RpcError>> + 'a>> {
        if owned.is_empty() {
            return Box::pin(std::future::ready(Ok(0)));
        }
        Box::pin(async move {
            into.push(1);
            target.call(owned.len())
        })
    }

    #[resilient(breaker(failures = 3), clock = &target.clock)]
    fn once(target: &Target, lines: std::vec::IntoIter<u32>) -> impl Future<Output = Result<u32, RpcError>> {
        async move { target.call(lines.sum()) }
    }

    #[test]
    fn may_be_returned() {
        assert_eq!(block_on(opaque(&Target::failing(2), "key".into())), Ok(3));
        let failed = block_on(opaque(&Target::failing(3), "key".into())).unwrap_err();
        assert_eq!((failed.attempts(), failed.last()), (3, Some(&no_target())));
        let mut all = Vec::new();
        assert_eq!(block_on(boxed(&Target::failing(2), "key".into(), &mut all)), Ok(3));
        assert_eq!(all, [1, 1, 1]);
        assert_eq!(block_on(boxed(&Target::failing(0), String::new(), &mut all)), Ok(0));
        assert_eq!(block_on(once(&Target::failing(0), vec![1, 2].into_iter())), Ok(3));
    }

    struct Client<'t>(&'t Target);

    #[resilient(retry(attempts = 3), clock = &self.0.clock)]
    impl Client<'_> {
        fn get(&self, key: String) -> impl Future<Output = Result<usize, Failed>> {
            async move { Ok(self.0.call(key.len())?) }
        }
    }

    #[test]
    fn may_be_returned_by_a_method_of_a_block() {
        assert_eq!(block_on(Client(&Target::failing(2)).get("key".into())), Ok(3));
    }
}
