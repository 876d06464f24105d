//! The calling end of `hello`, the example of wRPC: a handler whose answer is the greeting.

#[cfg(all(feature = "plain", not(feature = "typed")))]
mod plain;
#[cfg(feature = "typed")]
mod typed;
