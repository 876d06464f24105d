//! The calling side: a connection for each call, and what its failures are called.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::budget::Budget;
use super::super::client::{no_room, parameters, reply};
use super::super::{MAX_BYTES, instance, outcome};
use super::{Broken, Frames, append, put_frame, put_names};
use crate::failure::{Cause, Delivery, Failure};
use crate::lattice::{Invocation, Reply, Transport};

/// A provider at an address.
pub(crate) struct Remote {
    address: String,
    /// For the connection alone.
    patience: Duration,
    budget: Budget,
}

impl Remote {
    /// The provider at `address`, whose calls are bounded by `limit`.
    pub fn new(address: &str, limit: Duration) -> Self {
        // The last tenth is left, so that the caller is told that nothing was sent.
        Remote { address: address.into(), patience: limit.mul_f32(0.9), budget: Budget::new() }
    }

    async fn call(&self, invocation: Invocation) -> Reply {
        let params = parameters(&invocation)?;
        let stream = self.connect().await?;
        let (incoming, mut outgoing) = stream.into_split();
        let call = call(&invocation, &params).map_err(|error| {
            Failure::new(Cause::Protocol, Delivery::NotSent, format!("the call cannot be sent: {error}"))
        })?;
        // A provider may answer before it has read all, and close the connection.
        let send = async {
            outgoing.write_all(&call).await?;
            // That this fails says nothing of the call, which has left.
            let _ = outgoing.shutdown().await;
            Ok(())
        };
        let mut share = self.budget.share();
        let mut received = Received::default();
        let (sent, end) = tokio::join!(send, received.read(Frames::new(incoming, &mut share)));
        if received.is_nothing()
            && let Err(error) = sent
        {
            // Without its last byte the provider had no call.
            return Err(self.lost(Delivery::NotSent, &error));
        }
        let Received { results, ended } = received;
        match end {
            Ok(()) => {}
            // What was said before the connection was lost was said.
            Err(Broken::Connection(_)) if ended.is_some() => {}
            Err(Broken::Connection(error)) => return Err(self.lost(Delivery::Unknown, &error)),
            Err(Broken::Memory(exhausted)) => return Err(no_room(exhausted)),
            Err(Broken::Protocol(problem)) => {
                let message = format!("{} answered with what is no wRPC: {problem}", self.address);
                return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
            }
        }
        let message = format!("{} closed the connection and did not say how the call ended", self.address);
        let early = Failure::new(Cause::Disconnected, Delivery::Unknown, message);
        if ended.is_none() && invocation.function.signature.payload().is_none() {
            return Err(early);
        }
        reply(&invocation.function.signature, results, ended, &mut share, early)
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let failed = |cause, why: &dyn std::fmt::Display| {
            Failure::new(cause, Delivery::NotSent, format!("{}: {why}", self.address))
        };
        let stream = tokio::time::timeout(self.patience, TcpStream::connect(&self.address)).await;
        let stream = stream
            .map_err(|_| failed(Cause::Timeout, &format_args!("no connection within {:?}", self.patience)))?
            .map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => failed(Cause::NoTarget, &"nothing listens there"),
                _ => failed(Cause::Disconnected, &error),
            })?;
        // A call is one write, and then the caller waits.
        stream.set_nodelay(true).map_err(|error| failed(Cause::Disconnected, &error))?;
        Ok(stream)
    }

    fn lost(&self, delivery: Delivery, error: &io::Error) -> Failure {
        let message = format!("the connection to {} was lost during the call: {error}", self.address);
        Failure::new(Cause::Disconnected, delivery, message)
    }
}

impl<N: Send + Sync> Transport<N> for Remote {
    fn invoke<'a>(&'a self, _: &'a Arc<N>, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(invocation))
    }
}

/// All that the provider is sent.
fn call(invocation: &Invocation, params: &Bytes) -> io::Result<BytesMut> {
    let mut call = BytesMut::new();
    put_names(&instance(&invocation.function.interface), &invocation.function.name, &mut call)?;
    put_frame(&[], params, &mut call)?;
    Ok(call)
}

/// What came back.
#[derive(Default)]
pub(super) struct Received {
    results: BytesMut,
    /// What is said of the end.
    pub ended: Option<BytesMut>,
}

impl Received {
    fn is_nothing(&self) -> bool {
        self.results.is_empty() && self.ended.is_none()
    }

    /// Reads all frames.
    pub(super) async fn read<R: AsyncRead + Unpin>(&mut self, mut frames: Frames<'_, R>) -> Result<(), Broken> {
        while let Some(frame) = frames.next().await? {
            let (place, most) = match *frame.path {
                [] => (&mut self.results, MAX_BYTES),
                [outcome::PATH] => (self.ended.get_or_insert_default(), outcome::MAX_BYTES),
                _ => return Err(Broken::Protocol("a part of it is for a stream".into())),
            };
            if place.len() + frame.data.len() > most {
                return Err(Broken::Protocol(format!("it is more than {most} bytes")));
            }
            append(place, frame.data);
        }
        Ok(())
    }
}
