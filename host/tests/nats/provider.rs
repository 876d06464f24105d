//! Host, server and provider, all of them ours.

use async_nats::client::RequestErrorKind::NoResponders;

use crate::call::Call;
use crate::{Caller, Calls, Cause, Delivery, Provider, Server};

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went() {
    let Some(server) = Server::start().await else { return };
    let (caller, _provider) = (Caller::at(&server).await, Provider::start(&server.url()));
    assert_eq!(caller.get("/values").await, ("every value came back".into(), vec![Ok(()); 6]));
}

#[tokio::test]
async fn without_a_provider_nothing_was_sent() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
}

#[tokio::test]
async fn a_failure_at_the_provider_reaches_the_caller_as_it_was() {
    let Some(server) = Server::start().await else { return };
    let (caller, _provider) = (Caller::at(&server).await, Provider::start(&server.url()));
    let expected: [(&str, Calls); 5] = [
        ("/trap", vec![Err((Cause::Trapped, Delivery::Delivered))]),
        ("/trap-instead", vec![Err((Cause::Trapped, Delivery::Delivered))]),
        ("/hog", vec![Err((Cause::Trapped, Delivery::Delivered))]),
        // The provider's own error, as the middle of a chain returns it.
        ("/overloaded", vec![Err((Cause::Overloaded, Delivery::Unknown))]),
        ("/modest", vec![Ok(())]),
    ];
    for (path, calls) in expected {
        assert_eq!(caller.get(path).await.1, calls, "{path}");
    }
}

#[tokio::test]
async fn a_provider_that_is_killed_in_mid_call_leaves_it_unknown() {
    let Some(server) = Server::start().await else { return };
    let (caller, mut provider) = (Caller::at(&server).await, Provider::start(&server.url()));
    // Sees the call that the server hands to the provider.
    let called = server.overhear("test.wrpc.0.0.1.>").await;
    let kill = async {
        called().await;
        provider.0.kill().expect("it is ours");
    };
    let ((_, calls), ()) = tokio::join!(caller.get("/spin"), kill);
    assert_eq!(calls, [Err((Cause::Timeout, Delivery::Unknown))]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_provider_that_is_told_to_stop_finishes_the_calls_it_has() {
    let Some(server) = Server::start().await else { return };
    let mut provider = Provider::start(&server.url());
    let client = server.client().await;
    // Cannot be over before its parameters are, which end when the provider is seen to take no new calls.
    let mut call = Call::begin(&client, "values@0.1.0.refuse", &[3, b'n']).await;
    provider.terminate();
    let count = "test.wrpc.0.0.1.test:guests/hostile@0.1.0.count";
    while client.request(count, "".into()).await.map_err(|error| error.kind()).err() != Some(NoResponders) {}
    call.end(&[b"o!"]).await;
    assert_eq!(call.results().await, [1, 3, b'n', b'o', b'!']);
    assert!(provider.0.wait().expect("it was started").success());
}

#[tokio::test]
async fn calls_beyond_the_most_at_a_time_are_refused() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    let _provider = Provider::with(&server.url(), &["--calls", "0"]);
    assert_eq!(caller.get("/count").await.1, [Err((Cause::Overloaded, Delivery::NotSent))]);
}

#[tokio::test]
async fn a_client_may_send_its_parameters_in_parts() {
    let Some(server) = Server::start().await else { return };
    let _provider = Provider::start(&server.url());
    let client = server.client().await;
    let mut call = Call::begin(&client, "values@0.1.0.refuse", &[3, b'n']).await;
    call.end(&[b"o", b"!"]).await;
    assert_eq!(call.results().await, [1, 3, b'n', b'o', b'!']);
}
