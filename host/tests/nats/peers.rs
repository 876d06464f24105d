//! Providers that nobody here wrote: they answer with garbage, with too little, too much, or twice.

use async_nats::{Client, Subject};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::server::heard;
use crate::{Caller, Cause, Delivery, Server};

const COUNT: &str = "test.wrpc.0.0.1.test:guests/hostile@0.1.0.count";

/// Makes one call of `count: func() -> result<u32, rpc-error>`, of which only the `u32` travels, and has `answer` answer
/// it, with the place for results.
async fn answered(answer: impl AsyncFn(&Client, String)) -> Option<(String, Vec<Result<(), (Cause, Delivery)>>)> {
    let server = Server::start().await?;
    let caller = Caller::at(&server).await;
    let (peer, mut calls) = server.subscriber(COUNT).await;
    let serve = async {
        let call = calls.next().await.expect("a call");
        let caller: Subject = call.reply.expect("a place for the answer");
        peer.publish_with_reply(caller.clone(), peer.new_inbox(), Bytes::new()).await.unwrap();
        answer(&peer, format!("{caller}.results")).await;
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = caller.get("/count") => answer,
        () = serve => unreachable!("it never ends"),
    };
    // Whatever it was, the host lives: without the provider there is nobody again.
    calls.unsubscribe().await.unwrap();
    heard(&peer).await;
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
    Some(answer)
}

async fn send(peer: &Client, subject: String, parts: &[&'static [u8]]) {
    for part in parts {
        peer.publish(subject.clone(), Bytes::from_static(part)).await.unwrap();
    }
    peer.flush().await.unwrap();
}

async fn fails_with(parts: &'static [&'static [u8]], cause: Cause, delivery: Delivery) {
    if let Some((_, calls)) = answered(async |peer, results| send(peer, results, parts).await).await {
        assert_eq!(calls, [Err((cause, delivery))], "{parts:?}");
    }
}

#[tokio::test]
async fn a_stock_provider_is_understood() {
    if let Some((body, calls)) = answered(async |peer, results| send(peer, results, &[&[42], &[]]).await).await {
        assert_eq!((body.as_str(), &calls[..]), ("42", &[Ok(())][..]));
    }
}

#[tokio::test]
async fn results_that_end_too_early_are_of_a_provider_that_failed() {
    fails_with(&[&[]], Cause::Trapped, Delivery::Unknown).await;
    fails_with(&[&[0x80], &[]], Cause::Trapped, Delivery::Unknown).await;
}

#[tokio::test]
async fn garbage_and_what_follows_a_value_are_errors_of_the_protocol() {
    fails_with(&[&[0xff; 9], &[]], Cause::Protocol, Delivery::Delivered).await;
    fails_with(&[&[42, 0], &[]], Cause::Protocol, Delivery::Delivered).await;
}

#[tokio::test]
async fn results_that_do_not_end_time_out() {
    fails_with(&[&[42]], Cause::Timeout, Delivery::Unknown).await;
}

#[tokio::test]
async fn of_two_answers_the_first_counts() {
    let twice = answered(async |peer, results| send(peer, results, &[&[1], &[], &[2], &[]]).await).await;
    if let Some((body, calls)) = twice {
        assert_eq!((body.as_str(), &calls[..]), ("1", &[Ok(())][..]));
    }
}

#[tokio::test]
async fn results_without_end_are_cut_off() {
    let endless = answered(async |peer, results| {
        for _ in 0..64 {
            peer.publish(results.clone(), Bytes::from_static(&[0x80; 512 << 10])).await.unwrap();
        }
        peer.flush().await.unwrap();
    });
    if let Some((_, calls)) = endless.await {
        assert_eq!(calls, [Err((Cause::Protocol, Delivery::Delivered))]);
    }
}

#[tokio::test]
async fn an_endless_outcome_is_left_unread() {
    let endless = answered(async |peer, results| {
        for _ in 0..64 {
            peer.publish(format!("{results}.0"), Bytes::from_static(&[0xff; 8 << 10])).await.unwrap();
        }
        send(peer, results, &[&[42], &[]]).await;
    });
    if let Some((_, calls)) = endless.await {
        assert_eq!(calls, [Err((Cause::Protocol, Delivery::Delivered))]);
    }
}
