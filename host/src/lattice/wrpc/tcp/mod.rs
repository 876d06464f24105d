//! wRPC's own framing over TCP: a connection for each call, and no server between the two ends.
//!
//! The caller sends a 0 (the version), the names of interface and function, and the parameters; the provider sends the
//! results and closes the connection. Both are frames: a path, which is empty for these two, and bytes. What is said of
//! the call's end (see [`outcome`](super::outcome)) has the path 0.

mod client;
mod server;

pub(crate) use client::Remote;
pub(crate) use server::Server;

use bytes::{BufMut, BytesMut};
use wasm_tokio::CoreNameEncoder;
use wasm_tokio::tokio_util::codec::Encoder as _;
use wrpc_transport::frame::{Decoder, Encoder, FrameRef, PROTOCOL};

use super::{MAX_BYTES, outcome};

/// The path of what is said of the call's end.
const ENDED: &[usize] = &[outcome::PATH];

/// The longest name of an interface or a function that is read, in bytes.
const MAX_NAME: usize = 4 << 10;

/// Frames within bounds: a peer's lengths are only what it says.
fn decoder() -> Decoder {
    Decoder::new(ENDED.len() as u32, MAX_BYTES as u64)
}

fn put_frame(path: &[usize], data: &[u8], out: &mut BytesMut) -> std::io::Result<()> {
    Encoder.encode(FrameRef { path, data }, out)
}

fn put_names(instance: &str, function: &str, out: &mut BytesMut) -> std::io::Result<()> {
    out.put_u8(PROTOCOL);
    CoreNameEncoder.encode(instance, out)?;
    CoreNameEncoder.encode(function, out)
}
