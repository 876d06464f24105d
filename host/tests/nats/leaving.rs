//! A provider that leaves while the server, which does not know yet, still sends it calls.
#![cfg(unix)]

use std::net::Ipv4Addr;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::{Provider, Server};

/// A way to the server on which what a provider says can be held back.
struct Way {
    url: String,
    said: watch::Receiver<Said>,
    hold: watch::Sender<bool>,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Way {
    async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("nats://{}", listener.local_addr().expect("it is bound"));
        let (said, hears) = watch::channel(Said::default());
        let (hold, held) = watch::channel(false);
        let address = server.url().replace("nats://", "");
        tokio::spawn(async move {
            let (provider, _) = listener.accept().await.expect("a provider");
            let (mut from_provider, mut to_provider) = provider.into_split();
            let server = TcpStream::connect(address).await.expect("the server is ready");
            let (mut from_server, to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_provider).await });
            pass_on(&mut from_provider, to_server, said, held).await;
        });
        Way { url, said: hears, hold }
    }

    /// Waits until the provider has said `what`.
    async fn says(&mut self, what: &str) {
        let said = |said: &Said| String::from_utf8_lossy(&said.bytes).contains(what);
        let now = self.said.wait_for(|now| now.ended || said(now)).await.expect("it is written down");
        assert!(said(&now), "the provider ended without `{what}`");
    }

    /// What the server and the provider call a subscription.
    fn id(&self, subject: &str) -> String {
        let said = self.said.borrow();
        let text = String::from_utf8_lossy(&said.bytes);
        let line = text.lines().find(|line| line.starts_with(&format!("SUB {subject} "))).expect("it subscribes");
        line.rsplit_once(' ').expect("an id").1.to_string()
    }
}

async fn pass_on(
    from: &mut (impl AsyncReadExt + Unpin),
    mut to: impl AsyncWriteExt + Unpin,
    said: watch::Sender<Said>,
    mut held: watch::Receiver<bool>,
) {
    let (mut sent, mut part) = (0, [0; 4096]);
    loop {
        tokio::select! {
            read = from.read(&mut part) => match read {
                Ok(count) if count > 0 => said.send_modify(|said| said.bytes.extend_from_slice(&part[..count])),
                _ => break,
            },
            changed = held.changed() => if changed.is_err() { break },
        }
        if !*held.borrow() {
            let rest = said.borrow().bytes[sent..].to_vec();
            sent += rest.len();
            to.write_all(&rest).await.expect("the server listens");
        }
    }
    said.send_modify(|said| said.ended = true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_the_server_sent_before_it_knew_that_a_provider_leaves_are_answered() {
    const SUBJECT: &str = "test.wrpc.0.0.1.test:guests/hostile@0.1.0.count";
    let Some(server) = Server::start().await else { return };
    let mut way = Way::to(&server).await;
    let mut provider = Provider::start(&way.url);
    let client = server.client().await;
    way.hold.send_replace(true);
    provider.terminate();
    let unsubscribed = format!("UNSUB {}", way.id(SUBJECT));
    way.says(&unsubscribed).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let inbox = client.new_inbox();
        answers.push(client.subscribe(format!("{inbox}.results")).await.unwrap());
        client.publish_with_reply(SUBJECT, inbox.clone(), "".into()).await.unwrap();
        // The first has arrived before the second is sent.
        way.says(&format!("PUB {inbox} ")).await;
    }
    way.hold.send_replace(false);
    for answer in &mut answers {
        assert_eq!(answer.next().await.unwrap().payload, [1][..]);
    }
    assert!(provider.0.wait().expect("it was started").success());
}
