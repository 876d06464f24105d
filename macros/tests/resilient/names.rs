//! Names of the caller's, which the expansions must not meet, and layouts that lints look at.
#![deny(warnings, clippy::all, nonstandard_style, unused)]
#![deny(missing_debug_implementations, missing_docs, unreachable_pub, unused_qualifications, unused_lifetimes)]
#![allow(non_upper_case_globals, reason = "that is what is tested")]

use steadfast::testing::{ManualClock, block_on};
use steadfast::{Event, Failed, RpcError, resilient};

use crate::target::Target;

/// Constants and statics in the place of a binding would be patterns.
mod constants {
    #![allow(dead_code, reason = "they are there, and that is all")]

    use super::*;

    const value: u32 = 1;
    const failed: u32 = 1;
    const inner: u32 = 1;
    const call: u32 = 1;
    const policy: u32 = 1;
    const result: u32 = 1;
    const attempt: u32 = 1;
    const __call: u32 = 1;
    const __failed: u32 = 1;
    static event: u32 = 1;
    static error: u32 = 1;

    #[resilient(retry(attempts = 2), fallback = zero, observer = log, clock = &target.clock)]
    fn get(target: &Target) -> Result<u32, RpcError> {
        target.call(value + failed + inner)
    }

    fn zero(_: &Target, _: Failed) -> u32 {
        0
    }

    fn log(_: &Event) {}

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    async fn get_async(target: &Target, owned: String) -> Result<usize, Failed> {
        target.call(owned.len())
    }

    steadfast::policy! {
        static greeter = retry(attempts = 2) + observer(log);
    }

    #[resilient(&greeter, clock = &target.clock)]
    fn shared(target: &Target) -> Result<u32, RpcError> {
        target.call(1)
    }

    #[test]
    fn do_not_meet_ours() {
        assert_eq!(get(&Target::failing(2)), Ok(0));
        assert_eq!(get(&Target::failing(1)), Ok(3));
        assert_eq!(block_on(get_async(&Target::failing(1), "key".into())), Ok(3));
        assert_eq!(shared(&Target::failing(1)), Ok(1));
    }
}

/// Types that are called as those that expansions use.
mod types {
    #![allow(dead_code, reason = "they are there, and that is all")]

    use super::{Target, resilient};

    struct Result;
    struct Ok;
    struct Err;
    struct Option;
    struct Box;
    struct Policy;
    struct Event;
    trait Future {}

    #[resilient(retry(attempts = 2), clock = &target.clock)]
    fn get(target: &Target) -> core::result::Result<u32, steadfast::Failed> {
        target.call(1)
    }

    #[resilient(retry(attempts = 2), fallback = zero, clock = &target.clock)]
    async fn get_async(target: &Target) -> core::result::Result<u32, steadfast::Failed> {
        target.call(1)
    }

    async fn zero(_: &Target, _: steadfast::Failed) -> u32 {
        0
    }

    fn log(_: &steadfast::Event) {}

    steadfast::policy! {
        static GREETER = deadline("1s") + retry(attempts = 2) + observer(log);
    }

    #[test]
    fn do_not_meet_ours() {
        assert_eq!(get(&Target::failing(1)).ok(), Some(1));
        assert_eq!(super::block_on(get_async(&Target::failing(2))).ok(), Some(0));
        assert_eq!(GREETER.call(|| core::result::Result::Ok::<_, steadfast::RpcError>(1)).ok(), Some(1));
    }
}

mod layouts {
    use super::*;

    #[rustfmt::skip]
    #[resilient(retry(attempts = 2))] fn one_line(owned: String) -> Result<usize, RpcError> { Ok(owned.len()) }

    #[rustfmt::skip]
    #[resilient(breaker(failures = 2), fallback = zero)] fn once(key: &str) -> Result<usize, Failed> { Ok(key.len()) }

    #[rustfmt::skip]
    fn zero(_: &str, _: Failed) -> usize { 0 }

    #[rustfmt::skip]
    #[resilient(retry(attempts = 2), clock = clock)] async fn awaited(clock: &ManualClock, owned: String) -> Result<usize, Failed> { let _ = clock; Ok(owned.len()) }

    struct Client(u32);

    #[rustfmt::skip]
    #[resilient(retry(attempts = 2))] impl Client { fn get(&self) -> Result<u32, RpcError> { Ok(self.0) } fn one(&self) -> u32 { self.0 } }

    #[resilient(retry(attempts = 2))]
    fn with_inner_attributes(owned: String) -> Result<usize, RpcError> {
        #![allow(unused_variables)]
        let unused = 1;
        Ok(owned.len())
    }

    #[resilient(retry(attempts = 2))]
    fn nothing() -> Result<(), RpcError> {
        Ok(())
    }

    #[derive(Clone)]
    struct Owned(u32);

    impl Owned {
        #[rustfmt::skip]
        #[resilient(retry(attempts = 2))]        fn take(self) -> Result<u32, RpcError> { Ok(self.0) }
    }

    fn log(_: &Event) {}

    /// What lints forbid, no expansion may allow.
    #[forbid(unused, nonstandard_style)]
    mod forbidden {
        use super::super::*;

        steadfast::policy! {
            pub static GREETER = retry(attempts = 2) + observer(super::log);
        }

        #[derive(Clone)]
        pub(super) struct Client(pub(super) u32);

        #[resilient(retry(attempts = 2), observer = super::log)]
        impl Client {
            pub(super) fn get(self, more: u32) -> Result<u32, RpcError> {
                Ok(self.0 + more)
            }

            pub(super) fn name(&self) -> String {
                String::from("client")
            }
        }
    }

    #[test]
    fn have_no_warnings() {
        assert_eq!(Owned(7).take(), Ok(7));
        assert_eq!((forbidden::Client(1).get(2), forbidden::Client(1).name()), (Ok(3), "client".into()));
        assert!(forbidden::GREETER.call(|| Ok::<_, RpcError>(1)).is_ok());
        assert_eq!((one_line("key".into()), once("key")), (Ok(3), Ok(3)));
        let clock = ManualClock::new();
        assert_eq!(clock.run(awaited(&clock, "key".into())), Ok(3));
        assert_eq!((Client(7).get(), Client(7).one()), (Ok(7), 7));
        assert_eq!((with_inner_attributes("key".into()), nothing()), (Ok(3), Ok(())));
    }
}

mod raw {
    use super::*;
    use steadfast::handler::WatchAs;

    fn log(_: &Event) {}

    steadfast::policy! {
        static r#static = retry(attempts = 2) + observer(log);
        pub static r#type = retry(attempts = 2);
    }

    #[resilient(r#static, clock = &r#match.clock)]
    fn r#fn(r#match: &Target) -> Result<u32, RpcError> {
        r#match.call(1)
    }

    #[resilient(retry(attempts = 2), fallback = r#else, clock = &r#match.clock)]
    fn r#if(r#match: &Target, r#let: String) -> Result<usize, Failed> {
        r#match.call(r#let.len())
    }

    fn r#else(_: &Target, r#let: String, _: Failed) -> usize {
        r#let.len() * 100
    }

    #[test]
    fn are_names_as_others() {
        assert_eq!(r#fn(&Target::failing(1)), Ok(1));
        assert_eq!(r#if(&Target::failing(2), "key".into()), Ok(300));
        assert!(r#static.call(|| Ok::<_, RpcError>(1)).is_ok());
        let debug = format!("{:?}", r#type);
        assert!(debug.contains(&format!("{:?}", WatchAs("type"))) || !debug.contains("r#"), "{debug}");
    }
}
