//! What a request carries, and whether it can be sent again.

use std::sync::{Mutex, PoisonError};

use wstd::http::body::{Bytes, util::combinators::UnsyncBoxBody};
use wstd::http::{Body, Error};

/// What the body of a request can be made of. Text, bytes and `()` can be sent again, and so can a [`Body`] that is
/// empty; any other [`Body`] may be a stream, which is used up by being sent, so a request with one is made once.
///
/// To send the bytes of such a [`Body`], read them first: `body.bytes_contents().await?`.
///
/// ```
/// fn can_be_sent(_: impl steadfast::http::RequestBody) {}
/// can_be_sent(());
/// can_be_sent(r#"{"name":"Ada"}"#);
/// can_be_sent(vec![1, 2, 3]);
/// ```
pub trait RequestBody: sealed::Sealed {
    #[doc(hidden)]
    fn into_outgoing(self) -> Outgoing;
}

/// The body of every attempt of one request.
#[derive(Debug)]
pub struct Outgoing(Inner);

#[derive(Debug)]
enum Inner {
    Again(Bytes),
    // A mutex and not a cell: the request is shared by its attempts, and `Send` asks for `Sync` there.
    Once(Mutex<Option<Stream>>),
}

/// A body of any kind: a component that sends none carries no code that reads it.
type Stream = UnsyncBoxBody<Bytes, Error>;

/// What one attempt sends: bytes, and what comes after them.
#[derive(Debug)]
pub(super) struct Content {
    pub bytes: Bytes,
    pub stream: Option<Stream>,
}

impl Content {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.stream.is_none()
    }
}

impl Outgoing {
    pub(super) fn can_be_sent_again(&self) -> bool {
        matches!(self.0, Inner::Again(_))
    }

    /// What the next attempt sends.
    pub(super) fn next(&self) -> Content {
        match &self.0 {
            Inner::Again(bytes) => Content { bytes: bytes.clone(), stream: None },
            Inner::Once(stream) => {
                Content { bytes: Bytes::new(), stream: stream.lock().unwrap_or_else(PoisonError::into_inner).take() }
            }
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! bytes {
    ($($type:ty),*) => {
        $(
            impl sealed::Sealed for $type {}
            impl RequestBody for $type {
                fn into_outgoing(self) -> Outgoing {
                    Outgoing(Inner::Again(self.into()))
                }
            }
        )*
    };
}

bytes!(Bytes, Vec<u8>, String);

impl sealed::Sealed for () {}
impl RequestBody for () {
    fn into_outgoing(self) -> Outgoing {
        Bytes::new().into_outgoing()
    }
}

impl sealed::Sealed for &str {}
impl RequestBody for &str {
    fn into_outgoing(self) -> Outgoing {
        self.as_bytes().into_outgoing()
    }
}

impl sealed::Sealed for &[u8] {}
impl RequestBody for &[u8] {
    fn into_outgoing(self) -> Outgoing {
        Bytes::copy_from_slice(self).into_outgoing()
    }
}

impl sealed::Sealed for Body {}
impl RequestBody for Body {
    fn into_outgoing(self) -> Outgoing {
        match self.content_length() {
            Some(0) => ().into_outgoing(),
            _ => Outgoing(Inner::Once(Mutex::new(Some(self.into_boxed_body())))),
        }
    }
}
