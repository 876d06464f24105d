//! Providers that call providers, as their manifests say.

use std::path::Path;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use steadfast_host::{Manifest, Provider as Library};

use crate::call::Call;
use crate::{Caller, Cause, Delivery, Provider, Server, component, links};

/// A provider in this process, with a manifest of its own, until it is dropped.
pub struct Middle(tokio::task::JoinHandle<()>);

impl Middle {
    pub async fn start(manifest: &str, url: &str) -> Self {
        let manifest = Manifest::parse(manifest, "middle.toml").unwrap();
        let provider = Library::from_manifest(&manifest).unwrap().with_prefix("test");
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let url = url.to_string();
        let serve = tokio::spawn(async move {
            provider.serve(&url, || ready.send(()).expect("it is waited for"), std::future::pending()).await.unwrap();
        });
        is_ready.await.expect("it serves");
        Middle(serve)
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const HELLO: &str = "wrpc-examples:hello/handler";

/// The front of the chain, which calls the middle at one prefix, and the middle, which calls the end at another.
async fn chain(server: &Server) -> (Caller, Middle) {
    let front = Caller::of(component("wrpc-hello"), &[HELLO], &server.url());
    let middle = links(component("wrpc-hello"), &[HELLO], &server.url()).replace("prefix = 'test'", "prefix = 'end'");
    let middle = Middle::start(&middle, &server.url()).await;
    front.connected("/").await;
    (front, middle)
}

fn end(url: &str) -> Provider {
    Provider::at(component("wrpc-greeting"), url, "end", &[])
}

#[tokio::test]
async fn the_failure_of_the_last_of_three_processes_reaches_the_first_as_it_was() {
    let Some(server) = Server::start().await else { return };
    let (front, _middle) = chain(&server).await;
    let (problem, calls) = front.get("/").await;
    // Nothing serves the end: it is the middle's failure that is told, and what its delivery allows is done.
    assert_eq!(calls, [Err((Cause::NoTarget, Delivery::NotSent)); 3]);
    assert!(problem.contains(r#""cause":"no-target""#), "{problem}");

    let last = end(&server.url());
    assert_eq!(front.get("/").await, ("hello".into(), vec![Ok(())]));
    drop(last);
    // When the server knows that it is gone.
    while front.get("/").await.1[0] != Err((Cause::NoTarget, Delivery::NotSent)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn providers_that_call_each_other_in_a_circle_come_to_an_end() {
    let Some(server) = Server::start().await else { return };
    let circle = &["test:guests/circle"];
    let _callee = Middle::start(&patient(component("callee"), circle, &server), &server.url()).await;
    let caller = Caller::load(&patient(component("caller"), circle, &server));
    caller.connected("/circle").await;
    // As deep as within one process.
    assert_eq!(caller.get("/circle").await, ("16".into(), vec![Ok(())]));
}

/// With as much time for sixteen calls in one another as a busy machine needs, and an instance for each.
fn patient(component: &Path, interfaces: &[&str], server: &Server) -> String {
    let links = links(component, interfaces, &server.url()).replace("instances = 'reuse'\n", "");
    format!("invocation-timeout = '1m'\nrequest-timeout = '2m'\n{links}")
}

#[tokio::test]
async fn the_depth_of_a_call_is_forgotten_with_it() {
    let Some(server) = Server::start().await else { return };
    // What the provider calls in turn.
    let (peer, mut calls) = server.subscriber("end.wrpc.0.0.1.test:guests/circle@0.1.0.around").await;
    tokio::spawn(async move {
        while let Some(call) = calls.next().await {
            let place = call.reply.expect("a place for the answer");
            peer.publish_with_reply(place.clone(), peer.new_inbox(), Bytes::new()).await.unwrap();
            for part in [&[41][..], &[]] {
                peer.publish(format!("{place}.results"), Bytes::from_static(part)).await.unwrap();
            }
        }
    });
    let manifest = links(component("callee"), &["test:guests/circle"], &server.url());
    let _provider = Middle::start(&manifest.replace("prefix = 'test'", "prefix = 'end'"), &server.url()).await;
    let client = server.client().await;
    let around = async |depth: Option<&str>| {
        let headers = depth.map(|depth| {
            let mut headers = HeaderMap::new();
            headers.insert("steadfast-depth", depth);
            headers
        });
        Call::begin_with(&client, "circle@0.1.0.around", headers, &[]).await.results().await
    };
    // Until its link is connected.
    while around(None).await != [42] {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        // It is itself at the end of a chain that is as long as may be, and then it is not.
        assert_eq!((around(Some("17")).await, around(None).await), (vec![1], vec![42]));
    }
}

#[tokio::test]
async fn a_provider_has_the_memory_that_its_manifest_gives_it() {
    let Some(server) = Server::start().await else { return };
    let manifest = format!("component = '{}'\ninstances = 'reuse'", component("callee").display());
    let _provider = Middle::start(&manifest, &server.url()).await;
    let caller = Caller::patient(&server).await;
    let first: u32 = caller.get("/count").await.0.parse().unwrap();
    assert_eq!(caller.get("/count").await.0, (first + 1).to_string());
}

#[test]
fn a_manifest_with_calls_on_schedule_is_none_of_a_provider() {
    let text = "component = 'a.wasm'\n[[cron]]\ncall = 'a:b/c#d'\nevery = '1s'";
    let error = Library::from_manifest(&Manifest::parse(text, "it.toml").unwrap()).unwrap_err().to_string();
    assert_eq!(
        error,
        "it.toml:2: a provider makes no calls on schedule; remove the `[[cron]]`, or give the manifest to `steadfast serve`"
    );
}
