//! Peers that name a place for answers which is none: nothing is published there.

use async_nats::ConnectOptions;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::call::Call;
use crate::server::heard;
use crate::{Caller, Cause, Delivery, Provider, Server};

const COUNT: &str = "test.wrpc.0.0.1.test:guests/hostile@0.1.0.count";

/// Calls `count` as no client would: with any place for the answer.
async fn call(server: &Server, reply: &str) {
    let mut socket = TcpStream::connect(server.url().trim_start_matches("nats://")).await.unwrap();
    let call = format!("CONNECT {{\"verbose\":false}}\r\nPUB {COUNT} {reply} 0\r\n\r\nPING\r\n");
    socket.write_all(call.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    // Until the server has read it.
    while !said.windows(4).any(|window| window == b"PONG") {
        assert_ne!(socket.read_buf(&mut said).await.unwrap(), 0, "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn a_provider_answers_to_inboxes_only() {
    let Some(server) = Server::start().await else { return };
    let _provider = Provider::start(&server.url());
    let (monitor, mut all) = server.subscriber(">").await;
    let long = format!("_INBOX.{}", "x".repeat(300));
    let forged =
        ["orders.new", "$JS.API.STREAM.DELETE.a", "_INBOX", "_INBOXES.a", "_INBOX.*.a", "_INBOX.a.>", "ADA.a", &long];
    for reply in forged {
        call(&server, reply).await;
    }
    // Whatever they lead to was published before the answer to a later call.
    assert_eq!(Call::begin(&server.client().await, "hostile@0.1.0.count", &[]).await.results().await, [1]);
    heard(&monitor).await;
    while let Some(Some(message)) = all.next().now_or_never() {
        let named = message.subject.strip_suffix(".0").unwrap_or(&message.subject);
        let named = named.strip_suffix(".results").unwrap_or(named);
        assert!(!forged.contains(&named), "{named}");
    }
}

#[tokio::test]
async fn a_caller_sends_parameters_to_inboxes_only() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    let (peer, mut calls) = server.subscriber(COUNT).await;
    let (monitor, mut orders) = server.subscriber("orders.>").await;
    let serve = async {
        let place = calls.next().await.expect("a call").reply.expect("a place for the answer");
        peer.publish_with_reply(place, "orders.new", Bytes::new()).await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (_, calls) = caller.get("/count") => assert_eq!(calls, [Err((Cause::Protocol, Delivery::Unknown))]),
        () = serve => {}
    }
    heard(&monitor).await;
    assert!(orders.next().now_or_never().is_none(), "something was published");
}

#[tokio::test]
async fn inboxes_that_begin_otherwise_are_known_where_they_are_named() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let _provider = Provider::with(&url, &["--inbox", "GREETER.inbox", "--inbox", "ADA", "--inbox", "_INBOX"]);
    let ada = ConnectOptions::new().custom_inbox_prefix("ADA").connect(&url).await.unwrap();
    let begin = async |client| Call::begin(client, "values@0.1.0.refuse", &[3, b'n']).await;
    let mut call = begin(&ada).await;
    assert!(call.rest.starts_with("GREETER.inbox."), "{}", call.rest);
    call.end(&[b"o!"]).await;
    assert_eq!(call.results().await, [1, 3, b'n', b'o', b'!']);
    // A caller of ours that is told about the provider's inbox, and one that is not.
    let told = Caller::load(&format!("{}\n[nats.'{url}']\ninboxes = ['ADA', 'GREETER.inbox']", Caller::manifest(&url)));
    let untold = Caller::with(&url, "");
    for (caller, call) in [(told, Ok(())), (untold, Err((Cause::Protocol, Delivery::Unknown)))] {
        caller.connected("/count").await;
        assert_eq!(caller.get("/count").await.1, [call]);
    }
}
