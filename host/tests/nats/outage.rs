//! Servers that are not there, go away and come back.

use crate::server::free_port;
use crate::{Caller, Cause, Delivery, Provider, Server};

const NOT_SENT: Result<(), (Cause, Delivery)> = Err((Cause::Disconnected, Delivery::NotSent));

#[tokio::test]
async fn without_a_server_the_host_starts_and_nothing_is_sent() {
    let caller = Caller::with(&format!("nats://127.0.0.1:{}", free_port()), "");
    assert_eq!(caller.get("/count").await.1, [NOT_SENT]);
}

#[tokio::test]
async fn of_several_servers_one_that_is_there_is_enough() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::with(&format!("nats://127.0.0.1:{},{}", free_port(), server.url()), "");
    caller.connected("/count").await;
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
}

#[tokio::test]
async fn a_server_that_is_killed_in_mid_call_leaves_it_unknown_and_comes_back() {
    let Some(mut server) = Server::start().await else { return };
    let (caller, _provider) = (Caller::at(&server).await, Provider::start(&server.url()));
    let called = server.overhear("test.wrpc.0.0.1.>").await;
    let kill = async {
        called().await;
        server.kill();
    };
    let ((_, calls), ()) = tokio::join!(caller.get("/spin"), kill);
    assert_eq!(calls, [Err((Cause::Disconnected, Delivery::Unknown))]);
    assert_eq!(caller.get("/count").await.1, [NOT_SENT]);

    server.start_again().await;
    caller.connected("/count").await;
    // Without a restart of either; the provider comes back in its own time.
    while caller.get("/count").await.1 == [Err((Cause::NoTarget, Delivery::NotSent))] {
        tokio::task::yield_now().await;
    }
    assert_eq!(caller.get("/values").await, ("every value came back".into(), vec![Ok(()); 6]));
}
