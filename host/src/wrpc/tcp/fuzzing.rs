//! What comes over a connection, for [`fuzzing`](crate::fuzzing).

use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::BufReader;

use super::super::budget::Budget;
use super::super::outcome;
use super::client::Received;
use super::server::names;
use super::{Broken, Frames, put_frame, put_names};

/// Reads bytes as a provider does, and as a caller does.
pub fn tcp(bytes: &[u8]) -> String {
    let called = called(bytes).now_or_never().expect("all bytes are there");
    let received = received(bytes).now_or_never().expect("all bytes are there");
    format!("{called}, {received}")
}

async fn called(bytes: &[u8]) -> String {
    let mut incoming = BufReader::new(bytes);
    let (instance, function) = match names(&mut incoming).await {
        Ok(names) => names,
        Err(error) => return error.to_string(),
    };
    let mut again = BytesMut::new();
    put_names(&instance, &function, &mut again).expect("they were read");
    let read = names(&mut BufReader::new(&again[..])).await;
    assert_eq!(read.expect("they were written"), (instance, function));

    let budget = Budget::new();
    let mut share = budget.share();
    let mut frames = Frames::new(incoming, &mut share);
    let mut count = 0;
    loop {
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return format!("a call with {}", if count == 0 { "nothing" } else { "parameters" }),
            Err(broken) => return told(broken),
        };
        count += frame.data.len();
        assert!(count <= bytes.len() && budget.held() <= bytes.len(), "{count} bytes are made of {}", bytes.len());
        let mut again = BytesMut::new();
        put_frame(&frame.path, &frame.data, &mut again).expect("it was read");
        let mut share = budget.share();
        let Ok(Some(read)) = Frames::new(&again[..], &mut share).next().await else { panic!("it was written") };
        assert_eq!((&read.path, &read.data), (&frame.path, &frame.data));
    }
}

async fn received(bytes: &[u8]) -> String {
    let budget = Budget::new();
    let mut share = budget.share();
    let mut received = Received::default();
    let read = received.read(Frames::new(bytes, &mut share)).await;
    let ended = received.ended.map(|ended| match outcome::decode(ended, &mut share) {
        Ok(()) => "returned".to_string(),
        Err(failure) => format!("{} {}", failure.cause, failure.delivery),
    });
    format!("{} {}", read.err().map(told).unwrap_or_default(), ended.unwrap_or_default())
}

fn told(broken: Broken) -> String {
    match broken {
        Broken::Connection(error) => error.to_string(),
        Broken::Protocol(problem) => problem,
        Broken::Memory(exhausted) => exhausted.to_string(),
    }
}
