//! What a function with `#[resilient]` does when its call fails, and on what it may stand.

mod cfg;
mod declared_error;
mod fallback;
mod fragments;
mod names;
mod other_attributes;
mod target;

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use steadfast::clock::AsyncClock;
use steadfast::testing::{ManualClock, TestClock, block_on};
use steadfast::{Cause, Delivery, Event, Failed, Failure, Observer, Reason, RpcError, resilient};
use target::{Target, no_target};

fn millis<const N: usize>(millis: [u64; N]) -> [Duration; N] {
    millis.map(Duration::from_millis)
}

mod function {
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
}

mod arguments {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Order {
        lines: Vec<String>,
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn send(target: &Target, mut order: Order, (a, b): (u32, u32), times: u32) -> Result<Order, RpcError> {
        order.lines.push(format!("{a} {b} {times}"));
        target.call(order)
    }

    #[test]
    fn that_are_owned_are_cloned_for_each_attempt() {
        let sent = send(&Target::failing(2), Order { lines: Vec::new() }, (1, 2), 3).unwrap();
        assert_eq!(sent.lines, ["1 2 3"]);
    }

    /// No `Clone`.
    #[derive(Debug, PartialEq)]
    struct Stream(u32);

    #[resilient(breaker(failures = 5), clock = &target.clock)]
    fn upload(target: &Target, stream: Stream, mut offset: u32) -> Result<Stream, RpcError> {
        offset += stream.0;
        target.call(())?;
        let Stream(_) = stream;
        Ok(Stream(offset))
    }

    #[test]
    fn that_cannot_be_cloned_are_moved_where_nothing_is_repeated() {
        assert_eq!(upload(&Target::failing(0), Stream(2), 5), Ok(Stream(7)));
        let error = upload(&Target::failing(1), Stream(2), 5).unwrap_err();
        assert_eq!(error.message, "gave up after 1 attempt");
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn anything<'a, T: Display, const N: usize>(
        target: &Target,
        items: &'a [&'a T; N],
        more: impl Into<String> + Clone,
    ) -> Result<(&'a T, String), RpcError>
    where
        [(); N]: Sized,
    {
        target.call((items[0], more.into()))
    }

    #[test]
    fn may_be_generic_with_lifetimes_and_impl_trait() {
        let (first, more) = anything(&Target::failing(1), &[&1, &2], "c").unwrap();
        assert_eq!((*first, more.as_str()), (1, "c"));
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn counted(target: &Target) -> Result<impl Iterator<Item = u32> + use<>, RpcError> {
        target.call(())?;
        Ok(0..3)
    }

    #[test]
    fn and_so_may_the_value_be() {
        assert_eq!(counted(&Target::failing(1)).unwrap().count(), 3);
    }

    #[resilient(retry(attempts = 3), clock = &target.clock)]
    fn collect(target: &Target, into: &mut Vec<u32>, &(a, _): &(u32, u32)) -> Result<(), RpcError> {
        let all = into;
        all.push(a);
        target.call(())
    }

    #[test]
    fn that_are_mutable_references_are_lent_to_each_attempt() {
        let mut all = Vec::new();
        collect(&Target::failing(2), &mut all, &(7, 8)).unwrap();
        assert_eq!(all, [7, 7, 7]);
    }
}

mod method {
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
}

mod awaited {
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
}

mod shared {
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
}

mod block {
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
}

mod observed {
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
}
