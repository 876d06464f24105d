//! The calling side: a connection for each call, and what its failures are called.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use wasm_tokio::tokio_util::codec::FramedRead;

use super::super::budget::Budget;
use super::super::client::{no_room, parameters, reply};
use super::super::{MAX_BYTES, instance, outcome};
use super::{ENDED, decoder, put_frame, put_names};
use crate::lattice::{Cause, Delivery, Failure, Invocation, Reply, Transport};

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
        let receive = receive(FramedRead::new(incoming, decoder()));
        let (sent, received) = tokio::join!(send, receive);
        let (received, ended) = match (sent, received) {
            (_, Ok(all)) if all.1.is_some() || !all.0.is_empty() => all,
            // Without its last byte the provider had no call.
            (Err(error), _) => return Err(self.lost(Delivery::NotSent, &error)),
            (Ok(()), Ok(all)) => all,
            (Ok(()), Err(error)) if error.kind() == ErrorKind::InvalidInput => {
                let message = format!("the results are no wRPC, or more than {MAX_BYTES} bytes: {error}");
                return Err(Failure::new(Cause::Protocol, Delivery::Delivered, message));
            }
            (Ok(()), Err(error)) => return Err(self.lost(Delivery::Unknown, &error)),
        };
        let nothing_came = ended.is_none() && invocation.signature.payload().is_none();
        let early = Failure::new(
            Cause::Disconnected,
            Delivery::Unknown,
            format!("{} closed the connection and did not say how the call ended", self.address),
        );
        if nothing_came {
            return Err(early);
        }
        let mut share = self.budget.share();
        share.message(received.len()).map_err(no_room)?;
        reply(&invocation.signature, received, ended, early, &mut share)
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

impl Transport for Remote {
    fn invoke<'a>(&'a self, invocation: Invocation) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(self.call(invocation))
    }
}

/// All that the provider is sent.
fn call(invocation: &Invocation, params: &Bytes) -> io::Result<BytesMut> {
    let mut call = BytesMut::new();
    put_names(&instance(&invocation.interface), &invocation.function, &mut call)?;
    put_frame(&[], params, &mut call)?;
    Ok(call)
}

/// The results, and what is said of the end.
async fn receive(
    mut frames: FramedRead<tokio::net::tcp::OwnedReadHalf, wrpc_transport::frame::Decoder>,
) -> io::Result<(BytesMut, Option<BytesMut>)> {
    let (mut received, mut ended) = (BytesMut::new(), None::<BytesMut>);
    while let Some(frame) = frames.next().await {
        let frame = match frame {
            Ok(frame) => frame,
            // What was said before the connection was lost was said.
            Err(error) if ended.is_some() && error.kind() != ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        };
        let (place, most) = if frame.path.as_ref() == ENDED {
            (ended.get_or_insert_default(), outcome::MAX_BYTES)
        } else if frame.path.is_empty() {
            (&mut received, MAX_BYTES)
        } else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a part of the results is for a stream"));
        };
        if place.len() + frame.data.len() > most {
            return Err(io::Error::new(ErrorKind::InvalidInput, "they do not end"));
        }
        place.extend_from_slice(&frame.data);
    }
    Ok((received, ended))
}
