//! What wRPC has no place for: how a call ended that has no result to show for it.
//!
//! Our providers say it on `rx.results.0`, before they end `rx.results`. In wRPC that subject belongs to a stream or a
//! future in the results; no function that crosses this lattice has any, so other clients do not listen to it, and
//! other providers do not write to it. It is one message, a `result<_, rpc-error>` of `steadfast:rpc/types@0.1.0`:
//! `ok` from a function that returns nothing and has returned, `err` from one that failed.

use std::sync::LazyLock;

use bytes::BytesMut;
use wasmtime::component::Val;

use super::budget::Share;
use super::codec;
use crate::component::Shape;
use crate::failure::{Cause, Delivery, Failure};

/// Where in the results it is.
pub(super) const PATH: usize = 0;

/// The longest that is sent, and read.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// The longest text in it, in bytes: so that two and the rest fit.
const MAX_TEXT: usize = 16 << 10;

static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let causes = ["no-link", "no-target", "timeout", "disconnected", "overloaded", "trapped", "protocol", "other"];
    let error = Shape::Record(vec![
        ("cause".into(), Shape::Enum(names(&causes))),
        ("delivery".into(), Shape::Enum(names(&["not-sent", "unknown", "delivered"]))),
        ("retry-after".into(), Shape::Option(Box::new(Shape::U64))),
        ("target".into(), Shape::String),
        ("message".into(), Shape::String),
    ]);
    Shape::Result(None, Some(Box::new(error)))
});

/// The message.
pub(super) fn encode(outcome: Result<(), Failure>) -> BytesMut {
    let value = Val::Result(match outcome {
        Ok(()) => Ok(None),
        Err(mut failure) => {
            shorten(&mut failure.message);
            failure.target.iter_mut().for_each(shorten);
            // An empty target is the function that was called.
            Err(Some(Box::new(failure.into_value(String::new()))))
        }
    });
    let mut bytes = BytesMut::new();
    if let Err(problem) = codec::encode(&SHAPE, &value, &mut bytes) {
        // The shape is that of the values above.
        tracing::error!("a failure could not be sent: {problem}");
    }
    bytes
}

/// The outcome in a message; a failure that says so, if it is none.
pub(super) fn decode(mut bytes: BytesMut, share: &mut Share) -> Result<(), Failure> {
    let wrong = |problem: String| {
        let message = format!("what the provider says of the call's end cannot be read: {problem}");
        Failure::new(Cause::Protocol, Delivery::Delivered, message)
    };
    match codec::decode([&*SHAPE], &mut bytes, share).map_err(|error| wrong(error.to_string()))?.as_slice() {
        [Val::Result(Ok(_))] => Ok(()),
        [Val::Result(Err(Some(error)))] if let Some(failure) = Failure::from_value(error) => Err(failure),
        other => Err(wrong(format!("{other:?}"))),
    }
}

fn shorten(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::budget::Budget;
    use super::*;

    fn decode(bytes: BytesMut) -> Result<(), Failure> {
        super::decode(bytes, &mut Budget::new().share())
    }

    #[test]
    fn an_outcome_survives_the_journey() {
        let failure = Failure {
            retry_after: Some(Duration::from_secs(7)),
            target: Some("a:b/c#d".into()),
            ..Failure::new(Cause::Overloaded, Delivery::NotSent, "later")
        };
        for outcome in [Ok(()), Err(failure), Err(Failure::new(Cause::Trapped, Delivery::Delivered, ""))] {
            assert_eq!(decode(encode(outcome.clone())), outcome);
        }
    }

    #[test]
    fn a_long_message_is_cut_so_that_it_fits() {
        let failure = Failure {
            target: Some("ä".repeat(MAX_BYTES)),
            ..Failure::new(Cause::Other, Delivery::Unknown, "x".repeat(MAX_BYTES))
        };
        let bytes = encode(Err(failure));
        assert!(bytes.len() < MAX_BYTES);
        assert_eq!(decode(bytes).unwrap_err().message, "x".repeat(MAX_TEXT));
    }

    #[test]
    fn garbage_is_an_error_of_the_protocol() {
        for garbage in [&[][..], &[2], &[1, 99], &[1, 0, 0, 0, 0xff]] {
            assert_eq!(decode(garbage.into()).unwrap_err().cause, Cause::Protocol, "{garbage:?}");
        }
    }
}
