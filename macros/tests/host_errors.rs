//! The errors of what hosts provide: outgoing HTTP, messages, objects and secrets.
//!
//! The interfaces are those of the packages, with the functions and types that the errors need.

use steadfast::testing::TestClock;
use steadfast::{Cause, Delivery, Failed, Failure, Policy, Retry, Verdict};

fn facts(error: impl Failure) -> (Cause, Delivery) {
    (error.cause(), error.delivery())
}

mod http {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasi:http/outgoing-handler@0.2.3; }
            package wasi:http@0.2.3 {
                interface types {
                    record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
                    variant error-code {
                        DNS-timeout, DNS-error(DNS-error-payload), connection-refused, connection-terminated,
                        HTTP-request-URI-invalid, HTTP-response-incomplete, HTTP-protocol-error,
                        internal-error(option<string>),
                    }
                    resource future-incoming-response;
                }
                interface outgoing-handler {
                    use types.{future-incoming-response, error-code};
                    handle: func(url: string) -> result<future-incoming-response, error-code>;
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasi_http_from_bindings() {
    use http::wasi::http::types::{DnsErrorPayload, ErrorCode};
    use wstd::http::error::ErrorCode as Theirs;

    let no_name = DnsErrorPayload { rcode: Some("NXDOMAIN".into()), info_code: None };
    assert_eq!(facts(ErrorCode::DnsError(no_name)), (Cause::NoTarget, Delivery::NotSent));
    for (code, same) in [
        (ErrorCode::DnsTimeout, Theirs::DnsTimeout),
        (ErrorCode::ConnectionRefused, Theirs::ConnectionRefused),
        (ErrorCode::ConnectionTerminated, Theirs::ConnectionTerminated),
        (ErrorCode::HttpRequestUriInvalid, Theirs::HttpRequestUriInvalid),
        (ErrorCode::HttpResponseIncomplete, Theirs::HttpResponseIncomplete),
        (ErrorCode::HttpProtocolError, Theirs::HttpProtocolError),
        (ErrorCode::InternalError(None), Theirs::InternalError(None)),
    ] {
        assert_eq!(facts(code), facts(same));
    }
    static POLICY: Policy = Policy::new();
    let _ = || -> Result<_, Failed<ErrorCode>> { http::wasi::http::outgoing_handler::client(&POLICY).handle("url") };
}

mod messaging {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:messaging/consumer@0.2.0; }
            package wasmcloud:messaging@0.2.0 {
                interface types { record broker-message { subject: string, body: list<u8>, reply-to: option<string> } }
                interface consumer {
                    use types.{broker-message};
                    request: func(subject: string, body: list<u8>, timeout-ms: u32) -> result<broker-message, string>;
                    publish: func(msg: broker-message) -> result<_, string>;
                }
            }
        ",
    });
}

mod messaging_03 {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:messaging/types@0.3.0; }
            package wasmcloud:messaging@0.3.0 {
                interface types {
                    variant error {
                        subject-invalid, access-denied, timeout, broker-unavailable, message-too-large, quota-exceeded,
                        other(string),
                    }
                    // Its functions are asynchronous, which these bindings are not set up for.
                    publish: func() -> result<_, error>;
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasmcloud_messaging() {
    use messaging_03::wasmcloud::messaging::types::Error;

    for (error, cause, delivery) in [
        (Error::SubjectInvalid, Cause::Protocol, Delivery::Delivered),
        (Error::AccessDenied, Cause::NoLink, Delivery::Delivered),
        (Error::Timeout, Cause::Timeout, Delivery::Unknown),
        (Error::BrokerUnavailable, Cause::Disconnected, Delivery::Unknown),
        (Error::MessageTooLarge, Cause::Protocol, Delivery::Delivered),
        (Error::QuotaExceeded, Cause::Overloaded, Delivery::Unknown),
        (Error::Other("?".into()), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(error), (cause, delivery));
    }
}

/// What a policy makes of an error that is a string.
fn by_text<T>(result: &Result<T, String>) -> Verdict {
    match result {
        Ok(_) => Verdict::Success,
        Err(text) if text.contains("no responders") => Verdict::failure(Cause::NoTarget, Delivery::NotSent),
        Err(_) => Verdict::failure(Cause::Other, Delivery::Unknown),
    }
}

#[test]
fn a_policy_judges_an_error_that_is_a_string() {
    use messaging::wasmcloud::messaging::consumer;

    static POLICY: Policy = Policy::new();
    let _ = || consumer::client(POLICY.judge(by_text)).request("greet", b"Ada", 1_000).map(|reply| reply.body);
    let _ = || -> Result<(), Failed<String>> {
        let message = consumer::BrokerMessage { subject: "greet".into(), body: Vec::new(), reply_to: None };
        consumer::client(POLICY.judge(by_text)).publish(&message)
    };

    let twice = Policy::new().retry(Retry::attempts(2));
    for (text, attempts) in [("no responders", 2), ("broken pipe", 1)] {
        let failed = twice.with(&TestClock::new()).judge(by_text).call(|| Err::<(), _>(text.to_string())).unwrap_err();
        assert_eq!(failed.attempts(), attempts, "{text}");
    }
}

mod blobstore {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app {
                import wasi:blobstore/blobstore@0.2.0-draft;
                import wasmcloud:blobstore/types@0.1.0;
            }
            package wasi:blobstore@0.2.0-draft {
                interface types { type error = string; type container-name = string; }
                interface blobstore {
                    use types.{error, container-name};
                    container-exists: func(name: container-name) -> result<bool, error>;
                }
            }
            package wasmcloud:blobstore@0.1.0 {
                interface types {
                    variant error {
                        no-such-container, container-already-exists, no-such-object, access-denied, timeout,
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
fn errors_of_blobstores() {
    use blobstore::wasi::blobstore::blobstore as wasi;
    use blobstore::wasmcloud::blobstore::types::Error;

    for (error, cause, delivery) in [
        (Error::NoSuchContainer, Cause::Protocol, Delivery::Delivered),
        (Error::ContainerAlreadyExists, Cause::Protocol, Delivery::Delivered),
        (Error::NoSuchObject, Cause::Protocol, Delivery::Delivered),
        (Error::AccessDenied, Cause::NoLink, Delivery::Unknown),
        (Error::Timeout, Cause::Timeout, Delivery::Unknown),
        (Error::StoreUnavailable, Cause::Disconnected, Delivery::Unknown),
        (Error::QuotaExceeded, Cause::Overloaded, Delivery::Unknown),
        (Error::Other("?".into()), Cause::Other, Delivery::Unknown),
    ] {
        assert_eq!(facts(error), (cause, delivery));
    }
    static POLICY: Policy = Policy::new();
    let _ = || wasi::client(POLICY.idempotent().judge(by_text)).container_exists("photos");
}

mod secrets {
    steadfast::bindgen!({
        inline: "
            package test:app;
            world app { import wasmcloud:secrets/store@0.1.0-draft; }
            package wasmcloud:secrets@0.1.0-draft {
                interface store {
                    variant secrets-error { upstream(string), io(string), not-found }
                    resource secret;
                    get: func(key: string) -> result<secret, secrets-error>;
                }
            }
        ",
    });
}

#[test]
fn errors_of_wasmcloud_secrets() {
    use secrets::wasmcloud::secrets::store::{self, SecretsError};

    assert_eq!(facts(SecretsError::NotFound), (Cause::NoLink, Delivery::Delivered));
    assert_eq!(facts(SecretsError::Upstream("sealed".into())), (Cause::Other, Delivery::Unknown));
    assert_eq!(facts(SecretsError::Io("reset".into())), (Cause::Other, Delivery::Unknown));
    static POLICY: Policy = Policy::new();
    let _ = || -> Result<_, Failed<SecretsError>> { store::client(POLICY.idempotent()).get("key") };
}
