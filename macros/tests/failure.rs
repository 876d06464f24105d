//! What an error says that derives `Failure`.

use std::time::Duration;

use steadfast::testing::TestClock;
use steadfast::{Cause, Delivery, Failed, Failure, Policy, Retry, RpcError};

fn facts(error: &impl Failure) -> (Cause, Delivery, Option<Duration>, Option<&str>) {
    (error.cause(), error.delivery(), error.retry_after(), error.target())
}

const SECOND: Duration = Duration::from_secs(1);

#[derive(Failure)]
#[allow(dead_code, reason = "fields that are not read")]
enum StoreError {
    #[failure(overloaded, not_sent, retry_after = after)]
    Busy {
        after: Duration,
        queue: u32,
    },
    #[failure(cause = overloaded, delivery = unknown, retry_after = 1, target = 0)]
    Throttled(String, Option<Duration>),
    #[failure(protocol)]
    BadKey(String),
    #[failure(delivered)]
    Odd,
    #[failure(transparent)]
    Rpc(RpcError),
    #[failure(transparent)]
    Named {
        inner: RpcError,
    },
    Anything(u32, u32),
}

#[test]
fn a_variant_says_what_it_means() {
    let busy = StoreError::Busy { after: SECOND, queue: 7 };
    assert_eq!(facts(&busy), (Cause::Overloaded, Delivery::NotSent, Some(SECOND), None));
    let throttled = StoreError::Throttled("acme:store/api#put".into(), Some(SECOND));
    let target = Some("acme:store/api#put");
    assert_eq!(facts(&throttled), (Cause::Overloaded, Delivery::Unknown, Some(SECOND), target));
    assert_eq!(facts(&StoreError::Throttled(String::new(), None)).2, None);
}

#[test]
fn what_a_variant_does_not_say_is_other_and_unknown() {
    assert_eq!(facts(&StoreError::BadKey("k".into())), (Cause::Protocol, Delivery::Unknown, None, None));
    assert_eq!(facts(&StoreError::Odd), (Cause::Other, Delivery::Delivered, None, None));
    assert_eq!(facts(&StoreError::Anything(1, 2)), (Cause::Other, Delivery::Unknown, None, None));
}

#[test]
fn a_transparent_variant_says_what_the_error_in_it_says() {
    let rpc = || RpcError {
        retry_after: Some(1_000_000_000),
        target: "acme:store/api#get".into(),
        ..RpcError::new(Cause::NoTarget, Delivery::NotSent)
    };
    let expected = (Cause::NoTarget, Delivery::NotSent, Some(SECOND), Some("acme:store/api#get"));
    assert_eq!(facts(&StoreError::Rpc(rpc())), expected);
    assert_eq!(facts(&StoreError::Named { inner: rpc() }), expected);
}

#[derive(Failure)]
enum Page {
    #[failure(transparent)]
    Greeter(Failed),
    #[failure(overloaded, not_sent)]
    Busy,
}

#[test]
fn a_transparent_variant_is_answered_as_the_error_in_it_is() {
    static GREETER: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
    let no_target = || {
        Err::<(), _>(RpcError {
            target: "acme:greeter/api#greet".into(),
            message: "nobody is there".into(),
            ..RpcError::new(Cause::NoTarget, Delivery::NotSent)
        })
    };
    let failed = GREETER.with(&TestClock::new()).call(no_target).unwrap_err();
    let expected = failed.problem("/hello");
    assert!(expected.body().contains(r#""attempts":3"#), "{}", expected.body());
    let page = Page::Greeter(failed);
    assert_eq!(page.problem("/hello").body(), expected.body());
    assert_eq!(page.message(), Some("nobody is there"));
    // However deep it is.
    let wrapped = Wrapper(Box::new(&page));
    assert_eq!(wrapped.problem("/hello").body(), expected.body());
    assert_eq!(wrapped.message(), Some("nobody is there"));

    // A variant beside it is answered by its own facts.
    let busy = Page::Busy.problem("/hello");
    assert_eq!((busy.status(), Page::Busy.message()), (503, None));
    assert!(busy.body().contains(r#""cause":"overloaded","attempts":1"#), "{}", busy.body());
}

#[derive(Failure)]
#[failure(timeout, not_sent)]
enum Defaults {
    One,
    #[failure(delivered)]
    Two,
    #[failure(no_link)]
    #[failure(unknown)]
    Three,
    #[failure(transparent)]
    Four(RpcError),
}

#[test]
fn an_enum_says_what_its_variants_do_not() {
    assert_eq!(facts(&Defaults::One), (Cause::Timeout, Delivery::NotSent, None, None));
    assert_eq!(facts(&Defaults::Two), (Cause::Timeout, Delivery::Delivered, None, None));
    assert_eq!(facts(&Defaults::Three), (Cause::NoLink, Delivery::Unknown, None, None));
    let rpc = RpcError::new(Cause::Trapped, Delivery::Delivered);
    assert_eq!(facts(&Defaults::Four(rpc)).0, Cause::Trapped);
}

#[derive(Failure)]
#[failure(disconnected, unknown, target = r#type, retry_after = wait)]
struct Lost<'a> {
    r#type: &'a str,
    wait: Duration,
}

#[derive(Failure)]
struct Unit;

#[derive(Failure)]
#[failure(transparent)]
struct Wrapper<E>(E);

#[derive(Failure)]
enum Generic<E, T: Copy>
where
    T: Default,
{
    #[failure(transparent)]
    Inner(Box<E>),
    #[failure(target = 1)]
    Else(T, Option<&'static str>),
}

#[derive(Failure)]
enum Never {}

#[test]
fn structs_and_generic_types_are_failures_too() {
    let lost = Lost { r#type: "acme:store/api#get", wait: SECOND };
    assert_eq!(facts(&lost), (Cause::Disconnected, Delivery::Unknown, Some(SECOND), Some("acme:store/api#get")));
    assert_eq!(facts(&Unit), (Cause::Other, Delivery::Unknown, None, None));
    assert_eq!(facts(&Wrapper(lost)).0, Cause::Disconnected);
    assert_eq!(facts(&Generic::<Unit, u8>::Else(7, Some("here"))).3, Some("here"));
    assert_eq!(facts(&Generic::<_, u8>::Inner(Box::new(Wrapper(Unit)))).0, Cause::Other);
    fn is_failure<E: Failure>() {}
    is_failure::<Never>();
}

/// Every word there is.
#[derive(Failure)]
enum Words {
    #[failure(no_link, not_sent)]
    NoLink,
    #[failure(no_target, not_sent)]
    NoTarget,
    #[failure(timeout, unknown)]
    Timeout,
    #[failure(disconnected, unknown)]
    Disconnected,
    #[failure(overloaded, not_sent)]
    Overloaded,
    #[failure(trapped, delivered)]
    Trapped,
    #[failure(protocol, delivered)]
    Protocol,
    #[failure(other, unknown)]
    Other,
}

#[test]
fn every_cause_and_every_delivery_has_its_word() {
    for (error, cause, delivery) in [
        (Words::NoLink, Cause::NoLink, Delivery::NotSent),
        (Words::NoTarget, Cause::NoTarget, Delivery::NotSent),
        (Words::Timeout, Cause::Timeout, Delivery::Unknown),
        (Words::Disconnected, Cause::Disconnected, Delivery::Unknown),
        (Words::Overloaded, Cause::Overloaded, Delivery::NotSent),
        (Words::Trapped, Cause::Trapped, Delivery::Delivered),
        (Words::Protocol, Cause::Protocol, Delivery::Delivered),
        (Words::Other, Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!((error.cause(), error.delivery()), (cause, delivery));
    }
}

/// Mistakes of the caller, beside failures of the call.
#[derive(Debug, Failure)]
#[allow(dead_code, reason = "fields that are not read")]
enum Order {
    #[failure(caller_error, detail = "The count is from 1 to 10")]
    BadCount(u32),
    #[failure(caller_error, status = 404, detail = what)]
    NotFound { what: Option<String> },
    #[failure(caller_error)]
    Silent,
    #[failure(timeout, not_sent)]
    Timeout,
    #[failure(transparent)]
    Inner(Box<Order>),
}

/// A whole enum of them, but for one.
#[derive(Failure)]
#[failure(caller_error, status = 409)]
enum Conflict {
    Taken,
    #[failure(detail = 0)]
    TakenBy(&'static str),
    #[failure(caller_error, status = 403)]
    Forbidden,
    #[failure(overloaded)]
    Busy,
}

#[derive(Failure)]
#[failure(caller_error, status = 422, detail = 0)]
struct Invalid(&'static str);

fn status_of(error: impl Failure) -> u16 {
    error.problem("/").status()
}

#[test]
fn a_mistake_of_the_caller_is_answered_with_its_status_and_detail() {
    let problem = Order::BadCount(11).problem("/orders");
    assert_eq!((problem.status(), problem.retry_after()), (400, None));
    assert_eq!(
        problem.body(),
        concat!(
            r#"{"type":"urn:problem-type:steadfast:caller-error","title":"The request is wrong","status":400,"#,
            r#""detail":"The count is from 1 to 10","instance":"/orders"}"#
        )
    );
    let found = Order::NotFound { what: Some("no order 7".into()) }.problem("/");
    assert_eq!(found.status(), 404);
    assert!(found.body().contains(r#""detail":"no order 7""#), "{}", found.body());
    for error in [Order::Silent, Order::NotFound { what: None }] {
        assert!(!error.problem("/").body().contains("detail"), "{error:?}");
    }
    let wrapped = Order::Inner(Box::new(Order::Inner(Box::new(Order::BadCount(0)))));
    assert_eq!(wrapped.problem("/orders"), problem);
    assert_eq!(Failed::from(&wrapped).problem("/orders"), problem);
    assert_eq!(status_of(Conflict::Taken), 409);
    assert_eq!(status_of(Conflict::TakenBy("Ada")), 409);
    assert_eq!(status_of(Conflict::Forbidden), 403);
    assert_eq!(status_of(Conflict::Busy), 503);
    assert_eq!(status_of(Invalid("why")), 422);
    assert_eq!(facts(&Order::BadCount(0)), (Cause::Protocol, Delivery::Delivered, None, None));
    assert_eq!(Order::Timeout.caller_error(), None);
}

#[test]
fn a_mistake_of_the_caller_stays_one_through_a_chain() {
    let inner = Policy::new().retry(Retry::attempts(3));
    let outer = Policy::new().retry(Retry::attempts(3));
    let clock = TestClock::new();
    let mut calls = 0;
    let failed = outer
        .with(&clock)
        .idempotent()
        .call(|| {
            inner.with(&clock).idempotent().call(|| {
                calls += 1;
                if calls == 1 { Err::<(), _>(Order::Timeout) } else { Err(Order::BadCount(11)) }
            })
        })
        .unwrap_err();
    assert_eq!((calls, failed.attempts(), failed.problem("/").status()), (2, 1, 400));
    assert_eq!((failed.cause(), failed.delivery()), (Cause::Protocol, Delivery::Delivered));
    assert_eq!(
        failed.into_last().unwrap().to_string(),
        "the caller is wrong; gave up after 2 attempts, 50 ms after the first failed: trying again would not help"
    );
    // One that knows this type no more is told that it is not to try again, and why.
    let rpc = RpcError::from(Failed::from(Order::BadCount(11)));
    assert_eq!((rpc.cause, rpc.delivery), (Cause::Protocol, Delivery::Delivered));
    assert_eq!(rpc.message, "the caller is wrong: The count is from 1 to 10; gave up after 1 attempt");
    assert_eq!(status_of(rpc), 502);
}
