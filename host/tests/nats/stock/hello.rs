//! `hello`, the example of wRPC: an interface without a version, with each error that its caller may have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use steadfast_demo::guests::Guests;
use wit_bindgen_wrpc::anyhow;

use super::peer::{Serving, client};
use crate::{Caller, Calls, Cause, Delivery, Provider, Server};

mod bindings {
    wit_bindgen_wrpc::generate!({
        inline: "
            package wrpc-examples:hello;

            interface handler {
                hello: func() -> string;
            }

            world peer {
                import handler;
                export handler;
            }
        ",
    });
}

use bindings::exports::wrpc_examples::hello::handler::Handler;
use bindings::wrpc_examples::hello::handler::hello;

/// A stock provider that greets, or fails to.
#[derive(Clone, Copy)]
enum Greeter {
    Greets,
    Fails,
}

impl<C: Send> Handler<C> for Greeter {
    async fn hello(&self, _: C) -> anyhow::Result<String> {
        match self {
            Greeter::Greets => Ok("hello from a stock provider".into()),
            Greeter::Fails => Err(anyhow::anyhow!("asked to")),
        }
    }
}

impl Greeter {
    async fn start(self, server: &Server) -> Serving {
        let nats = server.client().await;
        let wrpc = wrpc_transport_nats::Client::new(nats.clone(), "test", None).await.expect("the server is ready");
        let served = bindings::serve(&wrpc, self).await.expect("they are subjects");
        Serving::start(nats, served, true).await
    }
}

/// A component that asks for the greeting, with one error or another; or that gives it.
fn component(name: &str) -> &'static Path {
    static COMPONENTS: LazyLock<BTreeMap<&str, PathBuf>> = LazyLock::new(|| {
        // One after the other: both are the same file before it is copied.
        let variant = |feature| (feature, Guests::variant("hello", "guest", &[feature]).unwrap());
        BTreeMap::from(["plain", "typed"].map(variant))
    });
    COMPONENTS.get(name).map_or_else(|| crate::component(name), PathBuf::as_path)
}

/// What the importing component answers, and what became of its call: without a provider, with a stock one, and with
/// one that fails.
async fn greetings(name: &str) -> Option<[(String, Calls); 3]> {
    let server = Server::start().await?;
    let caller = Caller::of(component(name), &["wrpc-examples:hello/handler"], &server.url());
    caller.connected("/").await;
    let nobody = caller.get("/").await;
    let provider = Greeter::Greets.start(&server).await;
    let greeted = caller.get("/").await;
    provider.stop().await;
    let _provider = Greeter::Fails.start(&server).await;
    Some([nobody, greeted, caller.get("/").await])
}

const NOBODY: Result<(), (Cause, Delivery)> = Err((Cause::NoTarget, Delivery::NotSent));
const FAILED: Result<(), (Cause, Delivery)> = Err((Cause::Trapped, Delivery::Unknown));

#[tokio::test]
async fn a_component_with_our_error_greets_through_a_stock_provider_or_is_told_why_not() {
    let Some(greetings) = greetings("typed").await else { return };
    let expected: [(String, Calls); 3] = [
        ("Cause::NoTarget, Delivery::NotSent".into(), vec![NOBODY]),
        ("hello from a stock provider".into(), vec![Ok(())]),
        ("Cause::Trapped, Delivery::Unknown".into(), vec![FAILED]),
    ];
    assert_eq!(greetings, expected);
}

#[tokio::test]
async fn a_component_with_the_error_of_wrpc_greets_through_a_stock_provider_or_is_told_why_not() {
    let Some([nobody, greeted, failed]) = greetings("wrpc-hello").await else { return };
    // It repeats what was not sent, and no more.
    assert_eq!(nobody.1, [NOBODY; 3]);
    assert!(nobody.0.contains(r#""cause":"no-target""#), "{}", nobody.0);
    assert_eq!(greeted, ("hello from a stock provider".into(), vec![Ok(())]));
    assert_eq!(failed.1, [FAILED]);
    assert!(failed.0.contains(r#""cause":"trapped""#), "{}", failed.0);
}

#[tokio::test]
async fn a_component_without_an_error_greets_through_a_stock_provider_or_traps() {
    let Some(greetings) = greetings("plain").await else { return };
    let expected: [(String, Calls); 3] = [
        (String::new(), vec![NOBODY]),
        ("hello from a stock provider".into(), vec![Ok(())]),
        (String::new(), vec![FAILED]),
    ];
    assert_eq!(greetings, expected);
}

#[tokio::test]
async fn a_component_greets_a_stock_client() {
    let Some(server) = Server::start().await else { return };
    let wrpc = client(&server).await;
    let _provider = Provider::of(component("wrpc-greeting"), &server.url(), &[]);
    assert_eq!(hello(&wrpc, None).await.unwrap(), "hello");
}

#[tokio::test]
async fn both_ends_of_the_greeting_may_be_ours() {
    let Some(server) = Server::start().await else { return };
    let _provider = Provider::of(component("wrpc-greeting"), &server.url(), &[]);
    for name in ["plain", "typed", "wrpc-hello"] {
        let caller = Caller::of(component(name), &["wrpc-examples:hello/handler"], &server.url());
        caller.connected("/").await;
        assert_eq!(caller.get("/").await, ("hello".into(), vec![Ok(())]), "{name}");
    }
}
