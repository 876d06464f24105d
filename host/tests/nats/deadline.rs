//! How long a caller waits, which travels with its call: no work is done that its caller has left.

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::call::Call;
use crate::chain::Middle;
use crate::{Caller, Provider, Server, component, links};

/// A call whose caller says that it waits for so many milliseconds.
async fn call(client: &Client, function: &str, deadline: Option<&str>) -> Call {
    let headers = deadline.map(|deadline| {
        let mut headers = HeaderMap::new();
        headers.insert("steadfast-deadline", deadline);
        headers
    });
    Call::begin_with(client, function, headers, &[]).await
}

/// The numbers of the cause and of the deliveries, in their order in WIT.
const TIMEOUT: u8 = 2;
const NOT_SENT: u8 = 0;
const UNKNOWN: u8 = 1;

#[tokio::test]
async fn a_call_whose_time_is_over_is_not_begun() {
    let Some(server) = Server::start().await else { return };
    let manifest = format!("component = '{}'\ninstances = 'reuse'", component("callee").display());
    let _provider = Middle::start(&manifest, &server.url()).await;
    let client = server.client().await;
    let count = async |deadline| call(&client, "hostile@0.1.0.count", deadline).await;
    let first = count(None).await.results().await[0];
    assert_eq!(count(Some("0")).await.failure().await, [TIMEOUT, NOT_SENT]);
    // With enough time, with none that is said, and with what says nothing, each call is one more.
    for (deadline, more) in [(Some("60000"), 1), (None, 2), (Some("soon"), 3)] {
        assert_eq!(count(deadline).await.results().await, [first + more], "{deadline:?}");
    }
}

#[tokio::test]
async fn a_provider_works_no_longer_than_its_caller_waits() {
    let Some(server) = Server::start().await else { return };
    // By itself, it would work for ten minutes.
    let _provider = Provider::patient(&server.url());
    let client = server.client().await;
    let mut spin = call(&client, "hostile@0.1.0.spin", Some("300")).await;
    assert_eq!(spin.failure().await, [TIMEOUT, UNKNOWN]);
}

#[tokio::test]
async fn a_call_says_how_long_its_caller_waits() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::patient(&server).await;
    let (_peer, mut calls) = server.subscriber("test.wrpc.0.0.1.>").await;
    let sent = tokio::select! {
        call = calls.next() => call.expect("a call").headers.expect("headers"),
        answer = caller.get("/count") => panic!("nobody answered the call: {answer:?}"),
    };
    let left: u64 = sent.get("steadfast-deadline").expect("it").as_str().parse().expect("a number");
    assert!((1..=25_000).contains(&left), "{left}");
}

#[tokio::test]
async fn what_is_left_of_the_time_is_passed_on_along_a_chain() {
    let Some(server) = Server::start().await else { return };
    // What the provider calls in turn: it answers with a number, and keeps what it was told.
    let (peer, mut calls) = server.subscriber("end.wrpc.0.0.1.test:guests/circle@0.1.0.around").await;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(call) = calls.next().await {
            let place = call.reply.expect("a place for the answer");
            let headers = call.headers.expect("headers");
            let left = headers.get("steadfast-deadline").expect("it").as_str().parse::<u64>();
            told.send(left.expect("a number")).expect("it is waited for");
            peer.publish_with_reply(place.clone(), peer.new_inbox(), Bytes::new()).await.unwrap();
            for part in [&[41][..], &[]] {
                peer.publish(format!("{place}.results"), Bytes::from_static(part)).await.unwrap();
            }
        }
    });
    let manifest = links(component("callee"), &["test:guests/circle"], &server.url());
    let manifest = format!("invocation-timeout = '1h'\nrequest-timeout = '2h'\n{manifest}");
    let _provider = Middle::start(&manifest.replace("prefix = 'test'", "prefix = 'end'"), &server.url()).await;
    let client = server.client().await;
    let around = async |deadline| call(&client, "circle@0.1.0.around", deadline).await.results().await;
    // Until its link is connected.
    while around(None).await != [42] {
        tokio::task::yield_now().await;
    }
    let left = tells.recv().await.expect("it was called");
    assert!((1_800_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(around(Some("600000")).await, [42]);
    let left = tells.recv().await.expect("it was called");
    assert!((1..=600_000).contains(&left), "{left}");
}
