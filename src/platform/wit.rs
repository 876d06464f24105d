//! The bindings of `wit/`: the well-known error, as every component that names it sees it.
#![allow(unsafe_code, missing_docs, reason = "generated")]

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package steadfast:guest;
            world rpc {
                import steadfast:rpc/types@0.1.0;
            }
        ",
        path: "wit",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq],
        // Else a component that generates the same interface itself fails to link in debug builds.
        type_section_suffix: "steadfast-rpc",
    });
}

/// The interface `steadfast:rpc/types@0.1.0`. [`bindgen!`](crate::bindgen) maps a component's own use of it
/// to this module, so that one `RpcError` serves a whole program.
///
/// ```
/// use steadfast::wit::types::{Cause, Delivery, RpcError};
///
/// let error = RpcError {
///     cause: Cause::NoTarget,
///     delivery: Delivery::NotSent,
///     retry_after: None,
///     target: "acme:greeter/api#greet".into(),
///     message: "no responders".into(),
/// };
/// assert_eq!(error.to_string(), "acme:greeter/api#greet: no target (not sent): no responders");
/// ```
pub use bindings::steadfast::rpc::types;
