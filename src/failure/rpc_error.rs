//! The well-known error as a failure, and as an error of Rust.

use core::fmt;
use core::time::Duration;

use super::{Cause, Delivery, Failure, RpcError, cause_words, delivery_words};

impl Failure for RpcError {
    fn cause(&self) -> Cause {
        self.cause
    }
    fn delivery(&self) -> Delivery {
        self.delivery
    }
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after.map(Duration::from_nanos)
    }
    fn target(&self) -> Option<&str> {
        Some(&self.target)
    }
    fn message(&self) -> Option<&str> {
        Some(&self.message)
    }
}

impl RpcError {
    /// An error that this component makes itself, with an empty target and message and no `retry-after`.
    ///
    /// ```
    /// use steadfast::{Cause, Delivery, RpcError};
    ///
    /// let error = RpcError { message: "the queue is full".into(), ..RpcError::new(Cause::Overloaded, Delivery::NotSent) };
    /// assert_eq!(error.cause, Cause::Overloaded);
    /// ```
    pub const fn new(cause: Cause, delivery: Delivery) -> Self {
        RpcError { cause, delivery, retry_after: None, target: String::new(), message: String::new() }
    }
}

// wit-bindgen derives neither for a record; the text is a log line, so it may carry internals.
impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.target.is_empty() {
            write!(f, "{}: ", self.target)?;
        }
        write!(f, "{} ({})", cause_words(self.cause), delivery_words(self.delivery))?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl core::error::Error for RpcError {}
