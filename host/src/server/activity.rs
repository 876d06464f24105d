//! What a connection waits for, and since when.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Bounds;

/// Written by the one task of the connection; read by the server, which looks for a connection that only waits.
pub(super) struct Activity {
    began: Instant,
    waits_for: AtomicU8,
    /// In microseconds after `began`.
    since: AtomicU64,
    /// Since when the client takes no bytes, likewise; 0 while it does.
    blocked: AtomicU64,
    /// The head of a request did not come in time.
    no_head: AtomicBool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The rest of a head.
    Head = 0,
    /// The first byte of the next request.
    Idle = 1,
    /// The client, to take the next byte.
    Write = 2,
}

/// Not for the client, but for an answer.
const AT_WORK: u8 = 3;

impl Activity {
    pub fn new() -> Self {
        Activity {
            began: Instant::now(),
            waits_for: AtomicU8::new(Wait::Head as u8),
            since: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            no_head: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    fn at(&self, micros: u64) -> Instant {
        self.began + Duration::from_micros(micros)
    }

    fn wait(&self, wait: Wait) {
        self.since.store(self.now(), Relaxed);
        self.waits_for.store(wait as u8, Relaxed);
    }

    /// A request is complete, as far as its head goes; until the [`Work`] is dropped, the client waits.
    pub fn work(self: &Arc<Self>) -> Work {
        self.waits_for.store(AT_WORK, Relaxed);
        Work(self.clone())
    }

    /// Since when this waits for its client to ask for something, if it does.
    pub fn waits_since(&self) -> Option<Instant> {
        (self.waits_for.load(Relaxed) != AT_WORK).then(|| self.at(self.since.load(Relaxed)))
    }

    /// Has the client told, when its connection is closed, that the head of its request came too late.
    pub fn no_head(&self) {
        self.no_head.store(true, Relaxed);
    }

    /// When the client is late, as it looks now, and with what.
    pub fn deadline(&self, bounds: &Bounds) -> Option<(Instant, Wait)> {
        let blocked = self.blocked.load(Relaxed);
        if blocked != 0 {
            return Some((self.at(blocked) + bounds.write, Wait::Write));
        }
        let (wait, limit) = match self.waits_for.load(Relaxed) {
            AT_WORK => return None,
            idle if idle == Wait::Idle as u8 => (Wait::Idle, bounds.idle),
            _ => (Wait::Head, bounds.head),
        };
        Some((self.at(self.since.load(Relaxed)) + limit, wait))
    }
}

/// A request at work. Dropped, its connection waits for the next.
pub(super) struct Work(Arc<Activity>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.wait(Wait::Idle);
    }
}

/// A connection whose activity is noted.
pub(super) struct Noted {
    pub stream: TcpStream,
    pub activity: Arc<Activity>,
}

impl Noted {
    fn written<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let blocked = &self.activity.blocked;
        match &written {
            Poll::Pending if blocked.load(Relaxed) == 0 => blocked.store(self.activity.now(), Relaxed),
            Poll::Pending => {}
            Poll::Ready(_) => blocked.store(0, Relaxed),
        }
        written
    }
}

/// Only here, since hyper does not give back what it serves.
impl Drop for Noted {
    fn drop(&mut self) {
        if self.activity.no_head.load(Relaxed) {
            // Where there is no room for so few bytes, the client does not read.
            let _ = self
                .stream
                .try_write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    }
}

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.activity.waits_for.load(Relaxed) == Wait::Idle as u8 {
            self.activity.wait(Wait::Head);
        }
        read
    }
}

impl AsyncWrite for Noted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
