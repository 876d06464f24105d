//! wRPC's own framing over TCP: a connection for each call, and no server between the two ends.
//!
//! The caller sends a 0 (the version), the names of interface and function, and the parameters; the provider sends the
//! results and closes the connection. Both are frames: a path, which is empty for these two, and bytes. What is said of
//! the call's end (see [`outcome`](super::outcome)) has the path 0.

mod client;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod server;
mod waiting;

pub(crate) use client::Remote;
pub(crate) use server::Server;

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use wasm_tokio::CoreNameEncoder;
use wasm_tokio::tokio_util::codec::{Decoder as _, Encoder as _};
use wrpc_transport::frame::{Decoder, Encoder, Frame, FrameRef, PROTOCOL};

use super::budget::{Exhausted, Share};
use super::{MAX_BYTES, outcome};

/// The path of what is said of the call's end.
const ENDED: &[usize] = &[outcome::PATH];

/// The longest name of an interface or a function that is read, in bytes.
const MAX_NAME: usize = 4 << 10;

/// Frames from a peer whose lengths are only what it says, and whose bytes are counted as they come.
struct Frames<'s, R> {
    from: R,
    decoder: Decoder,
    read: BytesMut,
    share: &'s mut Share,
}

/// Why there are no more frames.
enum Broken {
    Connection(io::Error),
    /// The peer does not speak wRPC, or says too much.
    Protocol(String),
    Memory(Exhausted),
}

impl<'s, R: AsyncRead + Unpin> Frames<'s, R> {
    fn new(from: R, share: &'s mut Share) -> Self {
        let decoder = Decoder::new(ENDED.len() as u32, MAX_BYTES as u64);
        Frames { from, decoder, read: BytesMut::new(), share }
    }

    /// `None` when the peer has sent all.
    async fn next(&mut self) -> Result<Option<Frame>, Broken> {
        loop {
            let frame = self.decoder.decode(&mut self.read);
            if let Some(frame) = frame.map_err(|error| Broken::Protocol(error.to_string()))? {
                if self.read.is_empty() {
                    // What is left of it would keep the memory of the frame.
                    self.read = BytesMut::new();
                }
                return Ok(Some(frame));
            }
            self.read.reserve(8192);
            match self.from.read_buf(&mut self.read).await.map_err(Broken::Connection)? {
                0 if self.read.is_empty() => return Ok(None),
                0 => return Err(Broken::Connection(io::ErrorKind::UnexpectedEof.into())),
                count => self.share.take(count).map_err(Broken::Memory)?,
            }
        }
    }
}

/// Appends the data of a frame, which are copied only if they are not the first.
fn append(bytes: &mut BytesMut, data: Bytes) {
    if bytes.is_empty() {
        *bytes = data.into();
    } else {
        bytes.extend_from_slice(&data);
    }
}

fn put_frame(path: &[usize], data: &[u8], out: &mut BytesMut) -> io::Result<()> {
    Encoder.encode(FrameRef { path, data }, out)
}

fn put_names(instance: &str, function: &str, out: &mut BytesMut) -> io::Result<()> {
    out.put_u8(PROTOCOL);
    CoreNameEncoder.encode(instance, out)?;
    CoreNameEncoder.encode(function, out)
}
