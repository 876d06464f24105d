//! What becomes of calls that fail, where one end is a stock peer.

use std::fmt::Debug;

use wit_bindgen_wrpc::anyhow;

use super::bindings::highest;
use super::bindings::test::guests::{hostile, values};
use super::peer::{self, Behaviour};
use crate::{Caller, Cause, Delivery, Provider, Server};

const FAILED: Result<(), (Cause, Delivery)> = Err((Cause::Trapped, Delivery::Unknown));

#[tokio::test]
async fn a_stock_provider_that_fails_is_told_from_one_that_succeeds_by_the_result_alone() {
    let Some(server) = Server::start().await else { return };
    let caller = Caller::at(&server).await;
    for behaviour in [Behaviour::Fails, Behaviour::Panics, Behaviour::Drops] {
        let (provider, seen) = peer::serve(&server, behaviour).await;
        assert_eq!(caller.get("/count").await.1, [FAILED], "{behaviour:?}");
        // A function that returns nothing has nothing that could be missing.
        assert_eq!(caller.get("/trap").await.1, [Ok(())], "{behaviour:?}");
        assert_eq!(seen.lock().unwrap().len(), if behaviour == Behaviour::Drops { 0 } else { 2 });
        provider.stop().await;
    }
    assert_eq!(caller.get("/count").await.1, [Err((Cause::NoTarget, Delivery::NotSent))]);
    let _provider = peer::serve(&server, Behaviour::Honest).await;
    assert_eq!(caller.get("/count").await, ("42".into(), vec![Ok(())]));
}

/// The message of a call that was to fail.
fn error<T: Debug>(outcome: anyhow::Result<T>) -> String {
    format!("{:#}", outcome.expect_err("it was to fail"))
}

#[tokio::test]
async fn a_stock_client_sees_a_failure_as_results_that_end_too_early() {
    let Some(server) = Server::start().await else { return };
    let (wrpc, _provider) = (peer::client(&server).await, Provider::start(&server.url()));
    let failed = error(hostile::trap_instead(&wrpc, None).await);
    assert!(failed.ends_with("incomplete results"), "{failed}");
    // Nothing of a function that returns nothing can be missing.
    hostile::trap(&wrpc, None).await.unwrap();
    hostile::overloaded(&wrpc, None).await.unwrap();
    assert_eq!(hostile::count(&wrpc, None).await.unwrap(), 1);
}

#[tokio::test]
async fn a_stock_client_of_a_provider_that_has_enough_calls_is_refused_at_once() {
    let Some(server) = Server::start().await else { return };
    let (wrpc, _provider) = (peer::client(&server).await, Provider::with(&server.url(), &["--calls", "0"]));
    let failed = error(values::echo(&wrpc, None, &highest()).await);
    assert!(failed.ends_with("incomplete results"), "{failed}");
}

#[tokio::test]
async fn a_stock_client_without_a_provider_fails_at_once() {
    let Some(server) = Server::start().await else { return };
    let wrpc = peer::client(&server).await;
    let failed = error(values::nothing(&wrpc, None).await);
    assert!(failed.ends_with("not connected"), "{failed}");
}
