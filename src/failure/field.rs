//! What the adapters for generated error types share: how a table becomes a `Failure`, and texts of the runtimes.

/// Makes a generated type a [`Failure`](crate::Failure) by a table: case, cause, delivery. Every case stands in it, so
/// that a version of the interface with another set of cases is a compile error, and not a wrong judgement.
#[doc(hidden)]
#[macro_export]
macro_rules! __failure_table {
    ($error:ty: $($case:pat => $cause:ident, $delivery:ident;)*) => {
        impl $crate::Failure for $error {
            fn cause(&self) -> $crate::Cause {
                match self { $($case => $crate::Cause::$cause,)* }
            }
            fn delivery(&self) -> $crate::Delivery {
                match self { $($case => $crate::Delivery::$delivery,)* }
            }
        }
    };
}

/// What [`bindgen!`](crate::bindgen) calls for an error whose feature is off.
#[doc(hidden)]
#[macro_export]
macro_rules! __no_adapter {
    ($($types:tt)*) => {};
}

#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
mod texts {
    use crate::failure::{Cause, Delivery};

    /// What the texts mean that released runtimes give for a failed invocation; every other text is `Other` and
    /// `Unknown`. They are outermost context first, `outer: inner`.
    ///
    /// Only a text that is complete says that nothing was sent. The others may have more around them, since they
    /// claim nothing that a repetition would rest on, or name a link, without which nothing can be sent.
    pub fn facts_of_text(text: &str) -> (Cause, Delivery) {
        // wRPC over NATS has no responders, and says so when the parameters are flushed.
        if text == "failed to flush outgoing stream: not connected" {
            return (Cause::NoTarget, Delivery::NotSent);
        }
        // wasmCloud looks for a link before it connects to anything.
        if has(text, "link `") && has(text, "` not found for instance `")
            || has(text, "failed to find a configured link")
        {
            return (Cause::NoLink, Delivery::NotSent);
        }
        // wRPC's timers of the invocation, of its parameters and of its results.
        if has(text, "invocation timed out")
            || has(text, "data receipt timed out")
            || has(text, "data transmission timed out")
        {
            return (Cause::Timeout, Delivery::Unknown);
        }
        // The callee went away with the stream still open: that is how its trap looks from here.
        if has(text, "failed to decode return value") && text.ends_with(": unexpected end of file") {
            return (Cause::Trapped, Delivery::Unknown);
        }
        (Cause::Other, Delivery::Unknown)
    }

    /// `str::contains` without its search for long needles in long texts, which is large.
    fn has(text: &str, part: &str) -> bool {
        text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn texts_of_released_runtimes_are_understood() {
            for (text, cause, delivery) in [
                ("failed to flush outgoing stream: not connected", Cause::NoTarget, Delivery::NotSent),
                (
                    "failed to invoke `acme:greeter/api.greet` polyfill via wRPC: invocation timed out: deadline has elapsed",
                    Cause::Timeout,
                    Delivery::Unknown,
                ),
                ("invocation timed out", Cause::Timeout, Delivery::Unknown),
                ("data receipt timed out: deadline has elapsed", Cause::Timeout, Delivery::Unknown),
                ("data transmission timed out: deadline has elapsed", Cause::Timeout, Delivery::Unknown),
                ("failed to decode return value 0: unexpected end of file", Cause::Trapped, Delivery::Unknown),
                ("link `default` not found for instance `acme:greeter/api`", Cause::NoLink, Delivery::NotSent),
                (
                    "failed to call interface `acme:greeter/api` (failed to find a configured link from component [http])",
                    Cause::NoLink,
                    Delivery::NotSent,
                ),
            ] {
                assert_eq!(facts_of_text(text), (cause, delivery), "{text}");
            }
        }

        #[test]
        fn any_other_text_says_nothing() {
            for text in [
                "",
                "not connected",
                "failed to flush outgoing stream",
                "failed to flush outgoing stream: broken pipe",
                // Something went on before it.
                "failed to write asynchronous parameters: failed to flush outgoing stream: not connected",
                "failed to decode return value 0: invalid discriminant",
                "unexpected end of file",
                "link `default` found",
                "Invocation Timed Out",
                "\u{1f980}",
            ] {
                assert_eq!(facts_of_text(text), (Cause::Other, Delivery::Unknown), "{text}");
            }
        }
    }
}

#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
pub use texts::facts_of_text;
