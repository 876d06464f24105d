//! Providers that nobody here wrote: they answer with garbage, with too little, too much, twice, or whom they like.

use async_nats::{Client, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::server::heard;
use crate::serving::{Host, peak_mib};
use crate::{Caller, Calls, Cause, Delivery, Server, component};

const COUNT: &str = "test.wrpc.0.0.1.test:guests/hostile@0.1.0.count";
const REFUSE: &str = "test.wrpc.0.0.1.test:guests/values@0.1.0.refuse";

/// Makes one call of `count: func() -> result<u32, rpc-error>`, of which only the `u32` travels, and has `answer` answer
/// it, with the place for results.
async fn answered(answer: impl AsyncFn(&Client, String)) -> Option<(String, Calls)> {
    answered_at("/count", COUNT, answer).await
}

/// The same with the call that `path` makes.
async fn answered_at(path: &str, subject: &str, answer: impl AsyncFn(&Client, String)) -> Option<(String, Calls)> {
    let server = Server::start().await?;
    let caller = Caller::at(&server).await;
    let (peer, mut calls) = server.subscriber(subject).await;
    let serve = async {
        let call = calls.next().await.expect("a call");
        let caller: Subject = call.reply.expect("a place for the answer");
        accept(&peer, &caller).await;
        answer(&peer, format!("{caller}.results")).await;
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = caller.get(path) => answer,
        () = serve => unreachable!("it never ends"),
    };
    // Whatever it was, the host lives: without the provider there is nobody again.
    calls.unsubscribe().await.unwrap();
    heard(&peer).await;
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
    Some(answer)
}

async fn accept(peer: &Client, caller: &str) {
    peer.publish_with_reply(caller.to_string(), peer.new_inbox(), Bytes::new()).await.unwrap();
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
async fn a_provider_that_accepts_and_never_answers_times_out() {
    fails_with(&[], Cause::Timeout, Delivery::Unknown).await;
}

#[tokio::test]
async fn a_provider_that_accepts_again_and_again_is_heard_once() {
    let again = answered(async |peer, results| {
        let caller = results.strip_suffix(".results").unwrap();
        for _ in 0..100 {
            accept(peer, caller).await;
        }
        send(peer, results, &[&[42], &[]]).await;
    });
    if let Some((body, calls)) = again.await {
        assert_eq!((body.as_str(), &calls[..]), ("42", &[Ok(())][..]));
    }
}

#[tokio::test]
async fn answers_to_calls_that_nobody_made_go_unheard() {
    let strays = answered(async |peer, results| {
        let inbox = results.rsplitn(3, '.').last().unwrap();
        for stray in ["nobody", "nobody.results", "nobody.results.0", "nobody.results.nothing"] {
            let stray = format!("{inbox}.{stray}");
            accept(peer, &stray).await;
            send(peer, stray, &[&[1], &[0xff; 9], &[]]).await;
        }
        send(peer, results, &[&[42], &[]]).await;
    });
    if let Some((body, calls)) = strays.await {
        assert_eq!((body.as_str(), &calls[..]), ("42", &[Ok(())][..]));
    }
}

#[tokio::test]
async fn a_string_that_is_shorter_than_it_says_is_of_a_provider_that_failed() {
    // An `err` of `result<u32, string>`, of 4 GiB.
    let lie: &[&[u8]] = &[&[1, 0xff, 0xff, 0xff, 0xff, 0x0f], b"no", &[]];
    let lying = answered_at("/refuse", REFUSE, async |peer, results| send(peer, results, lie).await).await;
    if let Some((_, calls)) = lying {
        assert_eq!(calls, [Err((Cause::Trapped, Delivery::Unknown))]);
    }
}

/// The beginning of an `err` of `result<u32, string>`, of 64 MiB.
const MUCH: &[u8] = &[1, 0x80, 0x80, 0x80, 0x20];

#[tokio::test]
async fn a_string_of_64_mib_is_cut_off() {
    let much = answered_at("/refuse", REFUSE, async |peer, results| {
        peer.publish(results.clone(), Bytes::from_static(MUCH)).await.unwrap();
        let part = Bytes::from(vec![b'x'; 1 << 20]);
        for _ in 0..64 {
            peer.publish(results.clone(), part.clone()).await.unwrap();
        }
        send(peer, results, &[&[]]).await;
    });
    if let Some((_, calls)) = much.await {
        assert_eq!(calls, [Err((Cause::Protocol, Delivery::Delivered))]);
    }
}

#[tokio::test]
async fn many_answers_that_are_much_at_once_share_one_bound_of_memory() {
    const MANY: usize = 200;
    let Some(server) = Server::start().await else { return };
    let links = format!(
        "instances = 'reuse'\ninvocation-timeout = '60s'\nrequest-timeout = '60s'\n[links]\n\
         'test:guests/values' = {{ nats = '{url}', prefix = 'test' }}\n\
         'test:guests/hostile' = {{ nats = '{url}', prefix = 'test' }}\n",
        url = server.url()
    );
    let host = Host::start(component("caller"), &links);
    while host.get("/count").await.contains("disconnected") {
        tokio::task::yield_now().await;
    }
    let (peer, mut calls) = server.subscriber(REFUSE).await;
    let part = Bytes::from(vec![b'x'; 1 << 20]);
    let answer = async {
        let mut places = Vec::new();
        for _ in 0..MANY {
            let caller = calls.next().await.expect("a call").reply.expect("a place for the answer");
            accept(&peer, &caller).await;
            let results = format!("{caller}.results");
            peer.publish(results.clone(), Bytes::from_static(MUCH)).await.unwrap();
            for _ in 0..4 {
                peer.publish(results.clone(), part.clone()).await.unwrap();
            }
            // The server would leave a host behind that cannot follow: an answer says that it has read all before it.
            host.get("/count").await;
            places.push(results);
        }
        for results in places {
            send(&peer, results, &[&[]]).await;
        }
    };
    let (answers, ()) = tokio::join!(join_all((0..MANY).map(|_| host.get("/refuse"))), answer);
    // The component has no error for them, and is trapped.
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
    calls.unsubscribe().await.unwrap();
    heard(&peer).await;
    let after = host.get("/count").await;
    assert!(after.contains(r#""cause":"no-target""#), "{after}");
    if let Some(peak) = peak_mib(&host.child) {
        // The instances of the component take some of it.
        assert!(peak < 700, "{peak} MiB, for 256 at a time of {}", 4 * MANY);
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
