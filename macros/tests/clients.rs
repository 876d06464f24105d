//! Bindings with clients compile wherever bindings are wanted, and their methods go through the policy.

use std::cell::Cell;

use steadfast::{Cause, Delivery, Failed, Failure, Policy, Retry, RpcError, Verdict};

static POLICY: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));

/// Bindings that others map to, and several in one crate.
mod shared {
    steadfast::bindgen!({
        inline: "
            package acme:shared;
            interface names {
                use steadfast:rpc/types@0.1.0.{rpc-error};
                record name { first: string, last: string }
                find: func(name: name) -> result<name, rpc-error>;
            }
            world shared { import names; }
        ",
    });
}

mod nested {
    pub mod deeper {
        steadfast::bindgen!({
            inline: "
                package acme:shared;
                interface names {
                    use steadfast:rpc/types@0.1.0.{rpc-error};
                    record name { first: string, last: string }
                    find: func(name: name) -> result<name, rpc-error>;
                }
                interface users {
                    use names.{name};
                    variant user-error { nobody, banned(string) }
                    who: func(name: name) -> result<u32, user-error>;
                    guess: func() -> result<name, string>;
                }
                world app { import users; }
            ",
            with: { "acme:shared/names": super::super::shared::acme::shared::names },
            additional_derives: [PartialEq],
        });
    }
}

mod borrowing {
    #![allow(dead_code, reason = "it compiles")]

    steadfast::bindgen!({
        inline: "
            package acme:borrowing;
            interface items {
                use steadfast:rpc/types@0.1.0.{rpc-error};
                record item { name: string, sizes: list<u32> }
                put: func(item: item, all: list<item>, maybe: option<item>, pair: tuple<string, item>)
                    -> result<item, rpc-error>;
                small: func(size: u32, letter: char, yes: bool) -> result<_, rpc-error>;
            }
            world borrowing { import items; }
        ",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// Names of the WIT that are those of type parameters, fields and methods of clients.
mod clashing {
    #![allow(dead_code, reason = "it compiles")]
    #![deny(warnings)]

    steadfast::bindgen!({
        inline: "
            package acme:names;
            interface an-enum {
                enum p { low, high }
                send: func(priority: p, p: u32, policy: string) -> result<p, string>;
            }
            interface some-flags {
                flags p { low, high }
                flags client { one }
                send: func(priority: p, attempt: client) -> result<_, string>;
                match: func(self: u32) -> result<u32, p>;
            }
            interface a-resource {
                resource p {
                    constructor();
                    policy: func(%resource: u32, r: string) -> result<u32, string>;
                    client: func() -> result<_, string>;
                }
                record through { failed: u32 }
                type outcome = result<through, string>;
                give: func(p: borrow<p>) -> outcome;
            }
            world names { import an-enum; import some-flags; import a-resource; }
        ",
    });
}

/// What is asynchronous needs nothing but this crate.
mod asynchronous {
    #![allow(dead_code, reason = "it compiles")]

    steadfast::bindgen!({
        inline: "
            package a:b;
            interface i {
                use steadfast:rpc/types@0.1.0.{rpc-error};
                f: async func() -> result<_, string>;
                g: async func(name: string) -> result<string, rpc-error>;
                lines: func() -> result<stream<string>, rpc-error>;
                later: func(given: future<u32>) -> result<future<u32>, rpc-error>;
                resource bucket { get: async func(key: string) -> result<stream<u8>, rpc-error>; }
            }
            interface exported { f: async func(bytes: stream<u8>) -> result<_, string>; }
            world w { import i; export exported; }
        ",
    });

    /// Without a client, `generate!` has it all.
    mod without_a_client {
        steadfast::bindgen!({
            inline: "
                package a:c;
                interface i { bytes: async func(bytes: stream<u8>) -> future<u32>; }
                world w { import i; }
            ",
        });
    }

    async fn calls(clock: &steadfast::testing::TestClock) -> Result<String, steadfast::Failed> {
        a::b::i::client(super::POLICY.with(clock)).g_async("key".into()).await
    }
}

use nested::deeper::acme::shared::users;
use shared::acme::shared::names::{self, Name};

#[test]
fn a_client_has_the_types_of_the_bindings() {
    let _: fn(&names::Client<_>, &Name) -> Result<Name, Failed> = names::Client::<&Policy<(Retry,)>>::find;
    let _idempotent = names::client(POLICY.idempotent());
}

/// An error of the interface's own means what its user says.
impl Failure for users::UserError {
    fn cause(&self) -> Cause {
        Cause::Overloaded
    }
    fn delivery(&self) -> Delivery {
        Delivery::NotSent
    }
}

#[test]
fn a_client_has_methods_for_any_error_that_the_policy_can_judge() {
    let _ = |name: &Name| -> Result<u32, Failed<users::UserError>> { users::client(&POLICY).who(name) };
    let judge = |_: &Result<Name, String>| Verdict::failure(Cause::Other, Delivery::Unknown);
    let _ = || -> Result<Name, Failed<String>> { users::client(POLICY.judge(judge)).guess() };
}

#[test]
fn a_client_calls_through_its_policy() {
    use steadfast::client::{Calls, CallsAsync};
    use steadfast::testing::{TestClock, block_on};

    let clock = TestClock::new();
    let calls = Cell::new(0);
    let no_target = || {
        calls.set(calls.get() + 1);
        Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent))
    };
    let failed = Calls::call(&POLICY.with(&clock), no_target).unwrap_err();
    assert_eq!((failed.attempts(), calls.get()), (3, 3));
    let failed = block_on(CallsAsync::call_async(&POLICY.with(&clock), async || no_target())).unwrap_err();
    assert_eq!((failed.attempts(), calls.get()), (3, 6));
}
