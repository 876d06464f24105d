//! A version of a package with other cases than the adapters know builds, and what is not known is `other`, `unknown`.

use steadfast::{Cause, Delivery, Failure};

fn facts(error: impl Failure) -> (Cause, Delivery) {
    (error.cause(), error.delivery())
}

const UNKNOWN: (Cause, Delivery) = (Cause::Other, Delivery::Unknown);

/// With a case more, a case less, and one with another payload.
mod newer {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app {
                import wasmcloud:keyvalue/types@0.2.1;
                import wasmcloud:postgres/types@0.2.7;
                import wasmcloud:host/types@0.1.9;
                import wasmcloud:secrets/store@1.1.0;
                import wasmcloud:bus/lattice@2.0.4;
                import wasi:keyvalue/store@0.2.0-draft3;
                import wasi:http/types@0.2.99;
            }
            package wasmcloud:keyvalue@0.2.1 {
                interface types {
                    variant error {
                        no-such-store, access-denied, invalid-argument, precondition-failed, timeout,
                        store-unavailable, quota-exceeded, other(string), moved(string),
                    }
                    get: func() -> result<_, error>;
                }
            }
            package wasmcloud:postgres@0.2.7 {
                interface types {
                    variant error { connection-failed, timeout(u32), read-only, other(string) }
                    query: func() -> result<_, error>;
                }
            }
            package wasmcloud:host@0.1.9 {
                interface types {
                    variant call-error { no-target, failed(u32), suspended }
                    call: func() -> result<_, call-error>;
                }
            }
            package wasmcloud:secrets@1.1.0 {
                interface store {
                    enum secrets-error { not-found, expired }
                    get: func() -> result<_, secrets-error>;
                }
            }
            package wasmcloud:bus@2.0.4 {
                interface lattice {
                    variant error { transport(string), wasmcloud(string), wrpc(string), quic(u32) }
                    record rpc-error { wasmcloud-error: error }
                    call: func() -> result<_, rpc-error>;
                }
            }
            package wasi:keyvalue@0.2.0-draft3 {
                interface store {
                    variant error { no-such-store, other(string), conflict }
                    get: func() -> result<_, error>;
                }
            }
            package wasi:http@0.2.99 {
                interface types {
                    variant error-code { connection-refused(string), internal-error(option<string>), quic-error }
                    send: func() -> result<_, error-code>;
                }
            }
        ",
    });
}

#[test]
fn a_case_that_is_not_known_is_other_and_unknown() {
    use newer::{wasi, wasmcloud};

    assert_eq!(facts(wasmcloud::keyvalue::types::Error::Moved("away".into())), UNKNOWN);
    assert_eq!(facts(wasmcloud::postgres::types::Error::ReadOnly), UNKNOWN);
    assert_eq!(facts(wasmcloud::host::types::CallError::Suspended), UNKNOWN);
    assert_eq!(facts(wasmcloud::secrets::store::SecretsError::Expired), UNKNOWN);
    assert_eq!(facts(wasi::keyvalue::store::Error::Conflict), UNKNOWN);
    assert_eq!(facts(wasi::http::types::ErrorCode::QuicError), UNKNOWN);
    use wasmcloud::bus::lattice;
    assert_eq!(facts(lattice::RpcError { wasmcloud_error: lattice::Error::Quic(7) }), UNKNOWN);
}

#[test]
fn the_other_cases_keep_their_meaning() {
    use newer::{wasi, wasmcloud};

    let disconnected = (Cause::Disconnected, Delivery::Unknown);
    assert_eq!(facts(wasmcloud::keyvalue::types::Error::StoreUnavailable), disconnected);
    assert_eq!(facts(wasmcloud::postgres::types::Error::ConnectionFailed), disconnected);
    assert_eq!(facts(wasmcloud::postgres::types::Error::Timeout(7)), (Cause::Timeout, Delivery::Unknown));
    assert_eq!(facts(wasmcloud::host::types::CallError::NoTarget), (Cause::NoLink, Delivery::NotSent));
    assert_eq!(facts(wasmcloud::host::types::CallError::Failed(7)), (Cause::Trapped, Delivery::Unknown));
    assert_eq!(facts(wasmcloud::secrets::store::SecretsError::NotFound), (Cause::NoLink, Delivery::Delivered));
    assert_eq!(facts(wasi::keyvalue::store::Error::NoSuchStore), (Cause::NoLink, Delivery::NotSent));
    let refused = wasi::http::types::ErrorCode::ConnectionRefused("by the peer".into());
    assert_eq!(facts(refused), (Cause::NoTarget, Delivery::NotSent));
}

/// A version that an adapter is not for, and a resource without the function that one calls.
mod other {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app {
                import wasmcloud:postgres/types@0.1.2-draft;
                import wrpc:rpc/error@0.1.1;
                import wasmcloud:keyvalue/types@0.3.0;
            }
            package wasmcloud:postgres@0.1.2-draft {
                interface types {
                    variant query-error { invalid-query(string), busy }
                    variant prepared-statement-exec-error { query-error, unexpected(string) }
                    exec: func() -> result<query-error, prepared-statement-exec-error>;
                }
            }
            package wrpc:rpc@0.1.1 {
                interface error {
                    resource error { kind: func() -> u32; }
                    last: func() -> result<_, error>;
                }
            }
            package wasmcloud:keyvalue@0.3.0 {
                interface types {
                    record error { code: u32 }
                    get: func() -> result<_, error>;
                }
            }
        ",
    });
}

#[test]
fn what_no_adapter_is_for_builds_without_one() {
    use other::wasmcloud;

    assert_eq!(facts(wasmcloud::postgres::types::QueryError::Busy), UNKNOWN);
    let _ = wasmcloud::postgres::types::PreparedStatementExecError::QueryError;
    let _ = wasmcloud::keyvalue::types::Error { code: 7 };
}
