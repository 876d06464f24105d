//! The errors of the field mean what the adapters say, in the types that `bindgen!` generates from their WIT.
//!
//! The interfaces are those of the packages, with the functions and types that the errors need.

use steadfast::client::Calls;
use steadfast::{Cause, Delivery, Failed, Failure, Policy};

static POLICY: Policy = Policy::new();

/// What a policy, a log and an answer need of an error.
fn facts<E: Failure + std::error::Error + 'static>(error: E) -> (Cause, Delivery) {
    let facts = (Failure::cause(&error), error.delivery());
    let failed: Failed<E> = Calls::call(&&POLICY, {
        let mut error = Some(error);
        move || Err::<(), _>(error.take().expect("one attempt"))
    })
    .unwrap_err();
    assert!(std::error::Error::source(&failed).is_some());
    assert_eq!((Failure::cause(&failed), failed.delivery()), facts);
    facts
}

mod keyvalue {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
            }
            package wasi:keyvalue@0.2.0-draft {
                interface store {
                    variant error { no-such-store, access-denied, other(string) }
                    open: func(identifier: string) -> result<bucket, error>;
                    resource bucket {
                        get: func(key: string) -> result<option<list<u8>>, error>;
                        set: func(key: string, value: list<u8>) -> result<_, error>;
                    }
                }
                interface batch {
                    use store.{bucket, error};
                    delete-many: func(bucket: borrow<bucket>, keys: list<string>) -> result<_, error>;
                }
            }
        ",
    });
}

mod keyvalue_draft2 {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasi:keyvalue/store@0.2.0-draft2; }
            package wasi:keyvalue@0.2.0-draft2 {
                interface store {
                    variant error { no-such-store, access-denied, other(string) }
                    open: func(identifier: string) -> result<bucket, error>;
                    resource bucket { get: func(key: string) -> result<option<list<u8>>, error>; }
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasi_keyvalue() {
    use keyvalue::wasi::keyvalue::{batch, store};

    assert_eq!(facts(store::Error::NoSuchStore), (Cause::NoLink, Delivery::NotSent));
    assert_eq!(facts(store::Error::AccessDenied), (Cause::NoLink, Delivery::Unknown));
    assert_eq!(facts(store::Error::Other("reset".into())), (Cause::Other, Delivery::Unknown));
    // The functions and the resource have their clients.
    let _ = |bucket: &store::Bucket| -> Result<Option<Vec<u8>>, Failed<store::Error>> {
        batch::client(&POLICY).delete_many(bucket, &["key".into()])?;
        bucket.client(POLICY.idempotent()).get("key")
    };
    use keyvalue_draft2::wasi::keyvalue::store as draft2;
    assert_eq!(facts(draft2::Error::NoSuchStore), (Cause::NoLink, Delivery::NotSent));
}

mod wasmcloud_keyvalue {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:keyvalue/types@0.2.0; }
            package wasmcloud:keyvalue@0.2.0 {
                interface types {
                    variant error {
                        no-such-store, access-denied, invalid-argument, precondition-failed, timeout,
                        store-unavailable, quota-exceeded, other(string),
                    }
                    // Its functions are asynchronous, which these bindings are not set up for.
                    get: func() -> result<_, error>;
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasmcloud_keyvalue() {
    use wasmcloud_keyvalue::wasmcloud::keyvalue::types::Error;

    for (error, cause, delivery) in [
        (Error::NoSuchStore, Cause::NoLink, Delivery::NotSent),
        (Error::AccessDenied, Cause::NoLink, Delivery::Unknown),
        (Error::InvalidArgument, Cause::Protocol, Delivery::Delivered),
        (Error::PreconditionFailed, Cause::Protocol, Delivery::Delivered),
        (Error::Timeout, Cause::Timeout, Delivery::Unknown),
        (Error::StoreUnavailable, Cause::Disconnected, Delivery::Unknown),
        (Error::QuotaExceeded, Cause::Overloaded, Delivery::Unknown),
        (Error::Other("?".into()), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(error), (cause, delivery));
    }
}

mod postgres {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app {
                import wasmcloud:postgres/query@0.1.1-draft;
                import wasmcloud:postgres/prepared@0.1.1-draft;
            }
            package wasmcloud:postgres@0.1.1-draft {
                interface types {
                    variant query-error { invalid-params(string), invalid-query(string), unexpected(string) }
                    variant statement-prepare-error { unexpected(string) }
                    variant prepared-statement-exec-error {
                        unknown-prepared-query, query-error(query-error), unexpected(string),
                    }
                }
                interface query {
                    use types.{query-error};
                    query-batch: func(query: string) -> result<_, query-error>;
                }
                interface prepared {
                    use types.{statement-prepare-error, prepared-statement-exec-error};
                    type prepared-statement-token = string;
                    prepare: func(statement: string) -> result<prepared-statement-token, statement-prepare-error>;
                    exec: func(stmt-token: prepared-statement-token) -> result<u64, prepared-statement-exec-error>;
                }
            }
        ",
    });
}

/// Where a world does not use all of them, the others are not there.
mod postgres_query {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:postgres/query@0.1.0-draft; }
            package wasmcloud:postgres@0.1.0-draft {
                interface types {
                    variant query-error { invalid-params(string), invalid-query(string), unexpected(string) }
                    variant statement-prepare-error { unexpected(string) }
                }
                interface query {
                    use types.{query-error};
                    query-batch: func(query: string) -> result<_, query-error>;
                }
            }
        ",
    });
}

mod postgres_02 {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:postgres/types@0.2.0; }
            package wasmcloud:postgres@0.2.0 {
                interface types {
                    record db-error {
                        code: string,
                        severity: string,
                        message: string,
                        detail: option<string>,
                        extras: list<tuple<string, string>>,
                    }
                    variant error {
                        connection-failed(string), invalid-params(string), invalid-query(string),
                        query-failed(db-error), value-conversion-failed(string), unknown-prepared-statement,
                        access-denied, timeout, other(string),
                    }
                    // Its functions are asynchronous, which these bindings are not set up for.
                    query: func() -> result<_, error>;
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasmcloud_postgres() {
    use postgres::wasmcloud::postgres::types::{PreparedStatementExecError, QueryError, StatementPrepareError};

    let text = || "text".to_string();
    let (refused, unknown) = ((Cause::Protocol, Delivery::Delivered), (Cause::Other, Delivery::Unknown));
    assert_eq!(facts(QueryError::InvalidParams(text())), refused);
    assert_eq!(facts(QueryError::InvalidQuery(text())), refused);
    assert_eq!(facts(QueryError::Unexpected(text())), unknown);
    assert_eq!(facts(StatementPrepareError::Unexpected(text())), unknown);
    assert_eq!(facts(PreparedStatementExecError::UnknownPreparedQuery), refused);
    assert_eq!(facts(PreparedStatementExecError::QueryError(QueryError::InvalidQuery(text()))), refused);
    assert_eq!(facts(PreparedStatementExecError::QueryError(QueryError::Unexpected(text()))), unknown);
    assert_eq!(facts(PreparedStatementExecError::Unexpected(text())), unknown);
    use postgres_query::wasmcloud::postgres::types as alone;
    assert_eq!(facts(alone::QueryError::Unexpected(text())), unknown);

    use postgres_02::wasmcloud::postgres::types::{DbError, Error};
    let unique =
        DbError { code: "23505".into(), severity: "ERROR".into(), message: text(), detail: None, extras: Vec::new() };
    for (error, cause, delivery) in [
        (Error::ConnectionFailed(text()), Cause::Disconnected, Delivery::Unknown),
        (Error::InvalidParams(text()), Cause::Protocol, Delivery::Delivered),
        (Error::InvalidQuery(text()), Cause::Protocol, Delivery::NotSent),
        (Error::QueryFailed(unique), Cause::Other, Delivery::Delivered),
        (Error::ValueConversionFailed(text()), Cause::Protocol, Delivery::Delivered),
        (Error::UnknownPreparedStatement, Cause::Protocol, Delivery::Delivered),
        (Error::AccessDenied, Cause::NoLink, Delivery::NotSent),
        (Error::Timeout, Cause::Timeout, Delivery::Unknown),
        (Error::Other(text()), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(error), (cause, delivery));
    }
}

mod wasmcloud {
    steadfast::bindgen!({
        inline: "
            package test:app;
            interface ping {
                use wasmcloud:bus/lattice@2.0.0.{rpc-error};
                use wasmcloud:bus/error@2.0.1.{error};
                use wasmcloud:host/types@0.1.3.{call-error};
                ping: func() -> result<string, rpc-error>;
                pong: func() -> result<string, call-error>;
                pang: func() -> result<string, error>;
            }
            world app { import ping; }
            package wasmcloud:bus@2.0.0 {
                interface lattice {
                    variant error { transport(string), wasmcloud(string), wrpc(string) }
                    record rpc-error { wasmcloud-error: error }
                }
            }
            package wasmcloud:bus@2.0.1 {
                interface error { resource error { to-debug-string: func() -> string; } }
            }
            package wasmcloud:host@0.1.3 {
                interface types {
                    variant call-error {
                        no-target(option<string>), not-running(option<string>), not-exported(option<string>),
                        failed(option<string>), other(option<string>),
                    }
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasmcloud() {
    use wasmcloud::test::app::ping;
    use wasmcloud::wasmcloud::bus2_0_0::lattice::{Error, RpcError};
    use wasmcloud::wasmcloud::host::types::CallError;

    let no_link = || "link `default` not found for instance `acme:greeter/api`".to_string();
    let timeout = || "data receipt timed out: deadline has elapsed".to_string();
    for (error, cause, delivery) in [
        (Error::Wasmcloud(no_link()), Cause::NoLink, Delivery::NotSent),
        (Error::Wrpc(timeout()), Cause::Timeout, Delivery::Unknown),
        (Error::Transport(timeout()), Cause::Timeout, Delivery::Unknown),
        (Error::Wrpc("broken pipe".into()), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(RpcError { wasmcloud_error: error }), (cause, delivery));
    }
    for (error, cause, delivery) in [
        (CallError::NoTarget(None), Cause::NoLink, Delivery::NotSent),
        (CallError::NotRunning(None), Cause::NoTarget, Delivery::NotSent),
        (CallError::NotExported(Some("metrics".into())), Cause::Protocol, Delivery::NotSent),
        (CallError::Failed(None), Cause::Trapped, Delivery::Unknown),
        (CallError::Other(None), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(error), (cause, delivery));
    }
    let _ = || -> Result<String, Failed<RpcError>> { ping::client(&POLICY).ping() };
    let _ = || -> Result<String, Failed<CallError>> { ping::client(&POLICY).pong() };
    let _ = || -> Result<String, Failed<ping::Error>> { ping::client(&POLICY).pang() };
}

mod wrpc {
    steadfast::bindgen!({
        inline: "
            package wrpc-examples:hello;
            interface handler {
                use wrpc:rpc/error@0.1.0.{error};
                hello: func() -> result<string, error>;
            }
            world client { import handler; }
            package wrpc:rpc@0.1.0 {
                interface error {
                    use wasi:io/error@0.2.0.{error as io-error};
                    resource error {
                        from-io-error: static func(error: io-error) -> result<error, io-error>;
                        to-debug-string: func() -> string;
                    }
                }
            }
            package wasi:io@0.2.0 {
                interface error { resource error { to-debug-string: func() -> string; } }
            }
        ",
    });
}

/// A resource exists in a component only: there, `tests/errors.rs` has one tell its text.
#[test]
fn the_error_of_wrpc_is_a_failure_and_an_error() {
    use wrpc::wrpc_examples::hello::handler::{self, Error as RpcError};

    fn is_understood<E: Failure + std::error::Error>() {}
    is_understood::<RpcError>();
    is_understood::<Failed<RpcError>>();
    let _ = || -> Result<String, Failed<RpcError>> { handler::client(&POLICY).hello() };
}
