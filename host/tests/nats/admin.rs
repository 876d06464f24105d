//! What the admin port says of servers that come and go, of subscriptions, and of a process that is told to end.

use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;

use crate::process::{Process, ask};
use crate::server::heard;
use crate::{Caller, Server, component};

fn serve(folder: &Path, server: &Server, more: &str) -> Process {
    let manifest = format!("{more}\n{}", Caller::manifest(&server.url()));
    std::fs::write(folder.join("caller.toml"), manifest).expect("the folder is ours");
    let arguments = ["serve", "--manifest", "caller.toml", "--listen", "127.0.0.1:0"].map(String::from);
    Process::start(folder, &arguments, &[])
}

fn provide(folder: &Path, url: &str) -> Process {
    let callee = component("callee").display().to_string();
    let arguments = ["provide", "--prefix", "test", &callee].map(String::from);
    Process::start(folder, &arguments, &[("NATS_URL", url.into())])
}

/// What is said of the only connection.
fn connection(body: &str) -> Value {
    let health: Value = serde_json::from_str(body).expect("JSON");
    let [connection] = &health["nats"].as_array().expect("a list")[..] else { panic!("{body}") };
    connection.clone()
}

#[tokio::test]
async fn readiness_follows_the_server() {
    let Some(mut server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (caller, provider) = (serve(folder.path(), &server, ""), provide(folder.path(), &server.url()));
    for process in [&caller, &provider] {
        let connected = connection(&process.until("/readyz", 200).await);
        assert_eq!(connected["server"], server.url());
        assert_eq!((&connected["state"], &connected["lost"]), (&"connected".into(), &0.into()));
        assert_eq!(connected["last-error"], Value::Null);
    }
    server.kill();
    for process in [&caller, &provider] {
        process.until("/readyz", 503).await;
        // Of the attempts that followed.
        let lost = process.wait("/readyz", |_, body| body.contains("Connection refused")).await;
        let lost = connection(&lost);
        assert_eq!((&lost["state"], &lost["lost"]), (&"disconnected".into(), &1.into()));
        assert_eq!(process.get("/healthz").await.0, 200);
    }
    server.start_again().await;
    for process in [&caller, &provider] {
        let again = connection(&process.until("/readyz", 200).await);
        assert_eq!((&again["state"], &again["lost"]), (&"connected".into(), &1.into()));
        assert_eq!((&again["attempts"], &again["last-error"]), (&0.into(), &Value::Null));
        let log = process.log();
        // Once, however many attempts there were.
        let told =
            log.lines().filter(|line| line.contains("cannot connect to ") && line.contains("Connection refused"));
        assert_eq!(told.count(), 1, "{log}");
    }
}

#[tokio::test]
async fn a_provider_is_ready_when_the_server_knows_of_it() {
    let Some(mut server) = Server::start().await else { return };
    server.kill();
    let folder = tempfile::tempdir().expect("a folder");
    let mut provider = provide(folder.path(), &server.url());
    let connecting = provider.wait("/readyz", |status, body| status == 503 && body.contains("connecting")).await;
    assert_eq!(connection(&connecting)["ready"], false);
    server.start_again().await;
    provider.until("/readyz", 200).await;
    assert!(provider.line().starts_with("serving "));
}

#[tokio::test]
async fn a_provider_whose_subscriptions_the_server_refuses_is_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nats.conf");
    let allowed = "authorization { users: [{ user: ada, password: b, permissions: { subscribe: \"_INBOX.>\" } }] }";
    std::fs::write(&config, allowed).expect("the folder is ours");
    let Some(server) = Server::configured(Some(config)).await else { return };
    let provider = provide(folder.path(), &server.url().replace("://", "://ada:b@"));
    let refused = provider.wait("/readyz", |_, body| body.contains("Permissions Violation for Subscription")).await;
    assert_eq!((&connection(&refused)["state"], &connection(&refused)["ready"]), (&"connected".into(), &false.into()));
    assert_eq!(provider.get("/readyz").await.0, 503);
}

#[cfg(unix)]
#[tokio::test]
async fn a_provider_that_is_told_to_stop_is_not_ready_and_finishes_the_calls_it_has() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut provider = provide(folder.path(), &server.url());
    provider.until("/readyz", 200).await;
    // A call that cannot end before its parameters do: `refuse: func(why: string) -> result<u32, string>`
    let client = server.client().await;
    let inbox = client.new_inbox();
    let mut accepted = client.subscribe(inbox.clone()).await.unwrap();
    let mut results = client.subscribe(format!("{inbox}.results")).await.unwrap();
    let subject = "test.wrpc.0.0.1.test:guests/values@0.1.0.refuse";
    client.publish_with_reply(subject, inbox, vec![2, b'n'].into()).await.unwrap();
    let rest = format!("{}.params", accepted.next().await.unwrap().reply.expect("a place for the rest"));

    provider.terminate();
    assert!(provider.until("/readyz", 503).await.starts_with(r#"{"status":"stopping""#));
    assert_eq!(provider.get("/healthz").await.0, 200);
    for part in ["o", ""] {
        client.publish(rest.clone(), part.into()).await.unwrap();
    }
    assert_eq!(results.next().await.unwrap().payload, [1, 2, b'n', b'o'][..]);
    assert!(provider.child.wait().expect("it was started").success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_host_that_is_told_to_stop_is_not_ready_and_finishes_the_requests_it_has() {
    let Some(server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = serve(folder.path(), &server, "invocation-timeout = '30s'");
    host.until("/readyz", 200).await;
    let listening = host.line().strip_prefix("listening on http://").expect("the next line").to_string();
    // A provider that answers when it is told to: `count: func() -> result<u32, rpc-error>`
    let (peer, mut calls) = server.subscriber("test.wrpc.0.0.1.test:guests/hostile@0.1.0.count").await;
    let request =
        tokio::spawn(
            async move { ask(&listening, "GET /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await },
        );
    let call = calls.next().await.expect("a call").reply.expect("a place for the answer");
    peer.publish_with_reply(call.clone(), peer.new_inbox(), Bytes::new()).await.unwrap();

    host.terminate();
    assert!(host.until("/readyz", 503).await.starts_with(r#"{"status":"stopping""#));
    for part in [&[42][..], &[]] {
        peer.publish(format!("{call}.results"), Bytes::copy_from_slice(part)).await.unwrap();
    }
    heard(&peer).await;
    assert!(request.await.unwrap().contains("42"));
    assert!(host.child.wait().expect("it was started").success());
}

#[cfg(unix)]
#[tokio::test]
async fn a_provider_without_a_server_waits_for_nobody_when_it_is_told_to_stop() {
    let Some(mut server) = Server::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut provider = provide(folder.path(), &server.url());
    provider.until("/readyz", 200).await;
    server.kill();
    provider.wait("/healthz", |_, body| connection(body)["state"] == "disconnected").await;
    provider.terminate();
    assert!(provider.child.wait().expect("it was started").success());
    let log = provider.log();
    assert!(log.contains("without a connection, callers are not told"), "{log}");
    assert!(log.contains("stopped") && !log.contains("are cut"), "{log}");
}
