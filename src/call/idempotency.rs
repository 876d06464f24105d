//! Whether a call may be made again.

/// What is known of making a call twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Not at all: the operation uses up what it is given, such as the body of an HTTP request that is a stream.
    #[cfg(feature = "http")]
    Never,
    /// The default: the call may do harm when it happens twice, so only what was certainly not sent is repeated.
    WhenNotSent,
    /// The call is idempotent: it may also be repeated when it may have happened, and hedged.
    Always,
}
