//! The error resource of wRPC, `wrpc:rpc/error@0.1.0`: opaque but for a text.

/// Makes the error resource of `wrpc:rpc/error@0.1.0` a [`Failure`](crate::Failure), and an error of Rust, whose text
/// is what the runtime says for debugging.
///
/// [`bindgen!`](crate::bindgen) calls it wherever it generates that interface; it is here for bindings of
/// `wit_bindgen::generate!`. The resource tells nothing but a text, so the texts that released runtimes produce are
/// understood, and every other one is [`Cause::Other`](crate::Cause::Other) and
/// [`Delivery::Unknown`](crate::Delivery::Unknown). `wasmcloud:bus/error`, which is the same, takes it too.
///
/// | text | cause | delivery |
/// | --- | --- | --- |
/// | `CAUSE (DELIVERY): …`, `CAUSE (DELIVERY, retry after N ms): …`, as the host of this project has it | as it says | as it says |
/// | `failed to flush outgoing stream: not connected`, and nothing else | no target | not sent |
/// | ``… link `…` not found for instance `…` ``, `… failed to find a configured link …` | no link | not sent |
/// | `… invocation timed out …`, `… data receipt timed out …`, `… data transmission timed out …` | timeout | unknown |
/// | `… failed to decode return value …: unexpected end of file` | trapped | unknown |
/// | any other | other | unknown |
///
/// ```
/// mod bindings {
///     # use steadfast::__private::wit_bindgen;
///     wit_bindgen::generate!({
///         inline: "
///             package acme:app;
///             world app { import acme:hello/handler; }
///             package wrpc:rpc@0.1.0 {
///                 interface error { resource error { to-debug-string: func() -> string; } }
///             }
///             package acme:hello {
///                 interface handler {
///                     use wrpc:rpc/error@0.1.0.{error};
///                     hello: func() -> result<string, error>;
///                 }
///             }
///         ",
///         generate_all,
///         # runtime_path: "::steadfast::__private::wit_bindgen::rt",
///     });
/// }
/// use bindings::acme::hello::handler;
/// use steadfast::{Failed, Policy, Retry};
///
/// steadfast::wrpc_failure!(bindings::wrpc::rpc::error::Error);
///
/// static HELLO: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));
///
/// fn hello() -> Result<String, Failed<handler::Error>> {
///     HELLO.call(handler::hello)
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! wrpc_failure {
    ($error:ty) => {
        impl $crate::Failure for $error {
            fn cause(&self) -> $crate::Cause {
                $crate::__private::facts_of_text(&self.to_debug_string()).0
            }
            fn delivery(&self) -> $crate::Delivery {
                $crate::__private::facts_of_text(&self.to_debug_string()).1
            }
            fn retry_after(&self) -> ::core::option::Option<::core::time::Duration> {
                $crate::__private::retry_after_of_text(&self.to_debug_string())
            }
        }

        // For people who run the system, as the message of an `RpcError` is.
        impl ::core::fmt::Display for $error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(&self.to_debug_string())
            }
        }

        impl ::core::error::Error for $error {}
    };
}
