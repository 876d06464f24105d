//! With `crate = path`, nothing that the macros make looks for a crate `steadfast`.

// What `Cargo.toml` calls `sf`.
extern crate steadfast as sf;
// Where a path that is not replaced would lead.
extern crate std as steadfast;

use sf::testing::{TestClock, block_on};
use sf::{Cause, Delivery, Event, Failed, Failure, RpcError};

fn log(_: &Event) {}

sf::policy! {
    crate = sf;

    static GREETER = deadline("3s") + retry(attempts = 3, backoff = exponential("50ms")) + breaker(failures = 5)
        + concurrency(aimd(max = 5)) + rate_limit(per_second = 100) + observer(log);
}

#[derive(Debug, PartialEq, sf::Failure)]
#[failure(crate = sf, overloaded)]
enum StoreError {
    #[failure(not_sent)]
    Busy,
    #[failure(transparent)]
    Rpc(RpcError),
}

#[derive(Debug, sf::Failure)]
#[failure(crate = "sf")]
struct Plain;

fn no_target() -> RpcError {
    RpcError::new(Cause::NoTarget, Delivery::NotSent)
}

#[sf::resilient(crate = sf, retry(attempts = 2), observer = log, clock = clock)]
fn get(clock: &TestClock, owned: String) -> Result<String, Failed<StoreError>> {
    if owned.is_empty() { Err(StoreError::Busy) } else { Err(StoreError::Rpc(no_target())) }
}

#[sf::resilient(crate = ::sf, GREETER, fallback = zero, clock = clock)]
async fn shared(clock: &TestClock) -> Result<u32, RpcError> {
    Err(no_target())
}

async fn zero(_: &TestClock, failed: Failed) -> u32 {
    failed.attempts()
}

#[sf::resilient(crate = "sf", policy = "greeter", retry(attempts = 4), clock = clock)]
fn named(clock: &TestClock) -> Result<u32, Failed> {
    Err(no_target())
}

struct Client;

#[sf::resilient(crate = sf, retry(attempts = 2), clock = clock)]
impl Client {
    fn get(&self, clock: &TestClock) -> Result<u32, Failed> {
        Err(no_target())
    }

    fn name(&self) -> String {
        "client".into()
    }
}

mod handler {
    use sf::Failed;
    use wstd::http::{Body, Request, Response};

    #[sf::resilient(crate = sf, deadline = "5s")]
    pub async fn main(_request: Request<Body>) -> Result<Response<Body>, Failed> {
        Err(super::no_target())?
    }
}

mod bindings {
    #![allow(dead_code, reason = "it compiles")]

    sf::bindgen!({
        crate: "sf",
        inline: "
            package acme:shop;
            interface stock {
                use steadfast:rpc/types@0.1.0.{rpc-error};
                left: func(what: string) -> result<u32, rpc-error>;
                later: async func() -> result<stream<u8>, rpc-error>;
            }
            world caller { import stock; import wasi:keyvalue/store@0.2.0-draft; }
            package wasi:keyvalue@0.2.0-draft {
                interface store {
                    variant error { no-such-store, access-denied, other(string) }
                    open: func(identifier: string) -> result<_, error>;
                }
            }
        ",
    });

    mod without_a_client {
        sf::bindgen!({
            crate: ::sf,
            inline: "package acme:log; world local { import log: func(line: string); }",
        });
    }
}

#[test]
fn the_macros_find_the_crate_under_another_name() {
    let clock = TestClock::new();
    assert_eq!(get(&clock, String::new()).unwrap_err().last(), Some(&StoreError::Busy));
    assert_eq!(get(&clock, "key".into()).unwrap_err().attempts(), 2);
    assert_eq!(block_on(shared(&clock)), Ok(3));
    assert_eq!(named(&clock).unwrap_err().attempts(), 4);
    assert_eq!((Client.get(&clock).unwrap_err().attempts(), Client.name().as_str()), (2, "client"));
    assert_eq!((StoreError::Busy.cause(), StoreError::Busy.delivery()), (Cause::Overloaded, Delivery::NotSent));
    assert_eq!(Plain.cause(), Cause::Other);
    let response = block_on(handler::main(wstd::http::Request::new(().into()))).unwrap();
    assert_eq!(response.status(), 503);
    let _ = || bindings::acme::shop::stock::client(&GREETER).left("tea");
    fn is_failure<E: Failure>() {}
    is_failure::<bindings::wasi::keyvalue::store::Error>();
}
