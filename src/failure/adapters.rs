//! What the adapters for generated error types share: how a table becomes a `Failure`, and texts of the runtimes.

/// Makes a generated type a [`Failure`](crate::Failure) by a table: case, cause, delivery. The cases of the type may be
/// given in brackets, as `bindgen!` does: then a version of the interface builds that lacks some. A case that is not in
/// the table is other and unknown.
#[doc(hidden)]
#[macro_export]
macro_rules! __failure_table {
    ($error:ty: $($case:ident => $cause:ident, $delivery:ident;)*) => {
        $crate::__failure_table! { $error [$($case)*]: $($case => $cause, $delivery;)* }
    };
    ($error:ty [$($present:ident)*]: $($case:ident => $cause:ident, $delivery:ident;)*) => {
        const _: () = {
            macro_rules! facts {
                $(($case) => { ($crate::Cause::$cause, $crate::Delivery::$delivery) };)*
                ($other:ident) => { ($crate::Cause::Other, $crate::Delivery::Unknown) };
            }

            impl $crate::Failure for $error {
                #[allow(unreachable_patterns)]
                fn cause(&self) -> $crate::Cause {
                    match self {
                        $(Self::$present { .. } => facts!($present).0,)*
                        _ => $crate::Cause::Other,
                    }
                }
                #[allow(unreachable_patterns)]
                fn delivery(&self) -> $crate::Delivery {
                    match self {
                        $(Self::$present { .. } => facts!($present).1,)*
                        _ => $crate::Delivery::Unknown,
                    }
                }
            }
        };
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
    use core::time::Duration;

    use crate::failure::{CAUSES, Cause, Delivery, cause_name, delivery_name};

    const DELIVERIES: [Delivery; 3] = [Delivery::NotSent, Delivery::Unknown, Delivery::Delivered];

    /// The facts that the host of this project puts in front: `no-target (not-sent): …`, or
    /// `overloaded (not-sent, retry after 1500 ms): …`.
    fn in_front(text: &str) -> Option<(Cause, Delivery, Option<Duration>)> {
        let find = |name: &str| text.strip_prefix(name)?.strip_prefix(" (");
        let (cause, text) = CAUSES.iter().find_map(|cause| Some((*cause, find(cause_name(*cause))?)))?;
        let find = |delivery: &Delivery| Some((*delivery, text.strip_prefix(delivery_name(*delivery))?));
        let (delivery, text) = DELIVERIES.iter().find_map(find)?;
        let Some(text) = text.strip_prefix(", retry after ") else {
            return text.starts_with("): ").then_some((cause, delivery, None));
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit);
        let (millis, length) = digits.fold((0_u64, 0), |(millis, length), digit| {
            (millis.saturating_mul(10).saturating_add(u64::from(digit - b'0')), length + 1)
        });
        let ends = length > 0 && text[length..].starts_with(" ms): ");
        ends.then_some((cause, delivery, Some(Duration::from_millis(millis))))
    }

    /// How long a callee asks to be left alone, in the text of a failed invocation.
    pub fn retry_after_of_text(text: &str) -> Option<Duration> {
        in_front(text)?.2
    }

    /// What the texts mean that released runtimes give for a failed invocation; every other text is `Other` and
    /// `Unknown`. They are outermost context first, `outer: inner`.
    ///
    /// Only a text that is complete says that nothing was sent. The others may have more around them, since they
    /// claim nothing that a repetition would rest on, or name a link, without which nothing can be sent.
    pub fn facts_of_text(text: &str) -> (Cause, Delivery) {
        if let Some((cause, delivery, _)) = in_front(text) {
            return (cause, delivery);
        }
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
        fn the_facts_that_a_host_puts_in_front_are_taken() {
            for cause in CAUSES {
                for delivery in DELIVERIES {
                    let (cause_name, delivery_name) = (cause_name(cause), delivery_name(delivery));
                    let text = format!("{cause_name} ({delivery_name}): a:b/c#d: why");
                    assert_eq!(facts_of_text(&text), (cause, delivery), "{text}");
                    assert_eq!(retry_after_of_text(&text), None, "{text}");
                    let text = format!("{cause_name} ({delivery_name}, retry after 1500 ms): a:b/c#d: why");
                    assert_eq!(facts_of_text(&text), (cause, delivery), "{text}");
                    assert_eq!(retry_after_of_text(&text), Some(Duration::from_millis(1500)), "{text}");
                }
            }
            let absurd = format!("timeout (unknown, retry after {} ms): why", "9".repeat(40));
            assert_eq!(retry_after_of_text(&absurd), Some(Duration::from_millis(u64::MAX)));
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
                // Not quite as the host writes it.
                "no-target",
                "no-target (not-sent)",
                "no-target (not-sent)): why",
                "no-target (never): why",
                "nothing (not-sent): why",
                "it said: no-target (not-sent): why",
                "no-target (not-sent, retry after ms): why",
                "no-target (not-sent, retry after 1 s): why",
                "no-target (not-sent, retry after -1 ms): why",
                "no-target (not-sent, retry after 1\u{fc} ms): why",
                "Invocation Timed Out",
                "\u{1f980}",
            ] {
                assert_eq!(facts_of_text(text), (Cause::Other, Delivery::Unknown), "{text}");
            }
        }
    }
}

#[cfg(any(feature = "wrpc", feature = "wasmcloud"))]
pub use texts::{facts_of_text, retry_after_of_text};
