//! A handler for the tests that exports `wasi:http` itself.
#![allow(unsafe_code, reason = "the export is generated")]

use steadfast::handler::{IncomingRequest, Reply};
use steadfast::{Cause, Delivery, Failed, Policy, RpcError, resilient};
use wasip2::exports::http::incoming_handler::Guest;

static PLAIN: Policy = Policy::new();

struct Replier;

#[resilient]
impl Guest for Replier {
    fn handle(request: IncomingRequest) -> Result<Reply, Failed> {
        Ok(match request.path_with_query().unwrap_or_default().as_str() {
            "/hello" => Reply::new("Hello!").status(201).header("content-type", "text/plain"),
            "/large" => vec![b'x'; 300_000].into(),
            "/bad-status" => Reply::new("?").status(1000),
            "/bad-header" => Reply::new("?").header("bad header", "?"),
            _ => PLAIN.call(|| {
                Err(RpcError {
                    retry_after: Some(6_500_000_000),
                    message: "queue at 10.0.0.7 is full".into(),
                    ..RpcError::new(Cause::Overloaded, Delivery::NotSent)
                })
            })?,
        })
    }
}

wasip2::http::proxy::export!(Replier);
