//! Messages that components publish and take, over subjects and from streams of a real server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::BodyExt;
use steadfast_host::MessageCounts;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::keyvalue::jetstream;
use crate::process::Process;
use crate::server::{Server, heard};
use crate::{Bytes, Full, Host, Manifest, Request, Time, component};

/// The manifest of the guest `messenger`, with what its link says more and a `[[messages]]` that has these lines.
fn manifest(url: &str, top: &str, link: &str, messages: &str) -> String {
    let link = format!("{{ provider = 'messaging', nats = '{url}'{link} }}");
    let messages = match messages {
        "" => String::new(),
        lines => format!("[[messages]]\nnats = '{url}'\nsubject = 'tasks.>'\nbackoff = '10ms'\n{lines}\n"),
    };
    format!(
        "component = '{}'\ninvocation-timeout = '20s'\n{top}\n[links]\n'steadfast:messaging/consumer' = {link}\n\
         'wasmcloud:messaging/consumer' = {link}\n{messages}",
        component("messenger").display()
    )
}

fn load(manifest: &str) -> Host {
    Host::load(&Manifest::parse(manifest, "test.toml").unwrap(), Time::Real).unwrap()
}

/// A host that is connected, and takes messages.
async fn ready(manifest: &str) -> Host {
    let host = load(manifest);
    while !host.health().is_ready() {
        tokio::task::yield_now().await;
    }
    host
}

async fn post(host: &Host, path: &str, body: impl Into<Bytes>) -> String {
    let request = Request::post(path).header("host", "localhost").body(Full::new(body.into())).unwrap();
    let body = host.handle(request).await.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// How many messages came to the component, and how many different ones.
async fn came(host: &Host) -> (u64, u64) {
    let request = Request::get("/counts").header("host", "localhost").body(Full::new(Bytes::new())).unwrap();
    let body = host.handle(request).await.into_body().collect().await.unwrap().to_bytes();
    let (all, different) = std::str::from_utf8(&body).unwrap().split_once(' ').expect("two numbers");
    (all.parse().unwrap(), different.parse().unwrap())
}

/// Waits until the counts are as they should be.
async fn until(host: &Host, is_so: impl Fn(&MessageCounts) -> bool) -> MessageCounts {
    loop {
        let counts = host.messages();
        if is_so(&counts) {
            return counts;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_message_is_published_taken_and_answered() {
    let Some(server) = Server::start().await else { return };
    let host = ready(&manifest(&server.url(), "", "", "queue-group = 'workers'")).await;
    assert_eq!(post(&host, "/request/tasks.a", "one").await, "one, 1");
    assert_eq!(post(&host, "/request/tasks.b", "one").await, "one, 2");
    let (_client, mut messages) = server.subscriber("others").await;
    assert_eq!(post(&host, "/publish/others", "two").await, "done");
    assert_eq!(messages.next().await.unwrap().payload, "two");
    assert_eq!(post(&host, "/published/others", "three").await, "done");
    assert_eq!(messages.next().await.unwrap().payload, "three");
    let counts = until(&host, |counts| counts.under_way == 0).await;
    assert_eq!((counts.deliveries, counts.redeliveries, counts.taken, counts.failed), (2, 0, 2, 0));
    assert_eq!(came(&host).await, (2, 1));
}

#[tokio::test]
async fn an_answer_costs_one_message() {
    let Some(server) = Server::start().await else { return };
    // One after the other.
    let _host = ready(&manifest(&server.url(), "", "", "concurrency = 1")).await;
    let (client, mut all) = server.subscriber(">").await;
    for asked in ["one", "two"] {
        client.request("tasks.a", asked.into()).await.unwrap();
    }
    client.publish("end", "".into()).await.unwrap();
    // By which it saw that the server knows of it.
    all.next().await.unwrap();
    let mut seen = Vec::new();
    loop {
        let subject = all.next().await.unwrap().subject.to_string();
        match subject.as_str() {
            "end" => break,
            inbox if inbox.starts_with("_INBOX.") => seen.push("answer".into()),
            _ => seen.push(subject),
        }
    }
    assert_eq!(seen, ["tasks.a", "answer", "tasks.a", "answer"]);
}

#[tokio::test]
async fn who_publishes_is_told_what_is_known() {
    let Some(mut server) = Server::start().await else { return };
    let some = ", jetstream = ['kept.>']";
    let host = ready(&manifest(&server.url(), "", some, "")).await;
    let large = vec![b'a'; (1 << 20) + 1];
    for (path, body, expected) in [
        ("/request/nobody", Bytes::from("x"), "no target (not sent): `nobody` has no subscriber"),
        ("/publish/kept.a", Bytes::from("x"), "no target (not sent): no stream keeps `kept.a`"),
        (
            "/publish/$JS.API.STREAM.PURGE.A",
            Bytes::from("x"),
            "no link (not sent): the link allows no messages to `$JS.API",
        ),
        ("/publish/a..b", Bytes::from("x"), "protocol mismatch (not sent): \"a..b\" is no subject to publish to"),
        (
            "/publish/a",
            Bytes::from(large),
            "protocol mismatch (not sent): the body has 1048577 bytes, and 1048576 are the most",
        ),
    ] {
        let said = post(&host, path, body.clone()).await;
        assert!(said.contains(expected), "{path}: {said}");
        // The published interface has only a text, and no trap either.
        let said = post(&host, &path.replace("/publish/", "/published/"), body).await;
        assert!(!said.is_empty() && said != "done", "{path}: {said}");
    }
    // One that hears, and does not answer.
    let heard = server.overhear("silent").await;
    let lost = post(&host, "/request/silent", "x");
    let kill = async {
        heard().await;
        server.kill();
    };
    let (said, ()) = tokio::join!(lost, kill);
    assert!(said.contains("disconnected (may have run): the connection to nats://127.0.0.1:"), "{said}");
    for subject in ["a", "_INBOX.a"] {
        let said = post(&host, &format!("/publish/{subject}"), "x").await;
        assert!(said.contains("disconnected (not sent): there is no connection to nats://127.0.0.1:"), "{said}");
    }
    let said = post(&host, "/published/a", "x").await;
    assert!(said.starts_with("disconnected (not-sent): there is no connection to nats://127.0.0.1:"), "{said}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let Some(server) = Server::start().await else { return };
    let host = ready(&manifest(&server.url(), "", "", "").replace("'20s'", "'200ms'")).await;
    let (_client, _messages) = server.subscriber("silent").await;
    let said = post(&host, "/request/silent", "x").await;
    assert!(said.contains("timeout (may have run): no answer "), "{said}");
}

#[tokio::test]
async fn a_link_allows_the_subjects_that_it_names() {
    let Some(server) = Server::start().await else { return };
    let host = ready(&manifest(&server.url(), "", ", subjects = ['orders.*']", "")).await;
    assert_eq!(post(&host, "/publish/orders.new", "x").await, "done");
    assert_eq!(post(&host, "/publish/_INBOX.a.b", "x").await, "done", "an answer");
    let said = post(&host, "/publish/tasks.new", "x").await;
    assert!(said.contains("no link (not sent): the link allows no messages to `tasks.new`"), "{said}");
}

/// What is common to subjects and streams.
async fn comes_again_and_is_put_away(server: &Server, host: &Host, mut dead: async_nats::Subscriber) {
    let client = server.client().await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Colour", "green");
    headers.insert("Nats-Msg-Id", "7");
    client.publish_with_headers("tasks.a", headers, "fail 9 times".into()).await.unwrap();
    client.publish("tasks.a", "fail 2 times".into()).await.unwrap();
    client.publish("tasks.a", "trap".into()).await.unwrap();
    heard(&client).await;
    let mut parked = std::collections::BTreeMap::new();
    for _ in 0..2 {
        let message = dead.next().await.unwrap();
        let headers = message.headers.unwrap();
        let header = |name: &str| headers.get(name).map(|value| value.as_str().to_string()).unwrap_or_default();
        assert_eq!((header("Steadfast-Subject"), header("Steadfast-Deliveries")), ("tasks.a".into(), "3".into()));
        assert_eq!(header("Nats-Msg-Id"), "", "the server would take it for one that it has");
        let text = String::from_utf8(message.payload.to_vec()).unwrap();
        parked.insert(text, (header("Steadfast-Failure"), header("Colour")));
    }
    let failed = ("other (delivered): it says: failed 3 times".to_string(), "green".to_string());
    assert_eq!(parked["fail 9 times"], failed);
    assert!(parked["trap"].0.starts_with("trapped (delivered): "), "{parked:?}");
    let counts = until(host, |counts| counts.parked == 2 && counts.taken == 1 && counts.under_way == 0).await;
    assert_eq!((counts.deliveries, counts.redeliveries, counts.failed, counts.lost), (9, 6, 8, 0));
}

const BOUNDED: &str = "max-deliveries = 3\ndead-letter = 'dead.tasks'";

#[tokio::test]
async fn a_message_that_fails_comes_again_and_is_then_put_away() {
    let Some(server) = Server::start().await else { return };
    let host = ready(&manifest(&server.url(), "", "", BOUNDED)).await;
    let (_client, dead) = server.subscriber("dead.tasks").await;
    comes_again_and_is_put_away(&server, &host, dead).await;
}

#[tokio::test]
async fn a_message_of_a_stream_comes_again_and_is_then_put_away() {
    let Some((server, _folder)) = jetstream().await else { return };
    let lines = format!("stream = 'TASKS'\n{BOUNDED}");
    let host = ready(&manifest(&server.url(), "", "", &lines)).await;
    let (client, dead) = server.subscriber("dead.tasks").await;
    comes_again_and_is_put_away(&server, &host, dead).await;
    // What is left in the stream is what was put away.
    let jetstream = async_nats::jetstream::new(client);
    loop {
        let mut stream = jetstream.get_stream("TASKS").await.unwrap();
        if stream.info().await.unwrap().state.messages == 2 {
            return;
        }
    }
}

#[tokio::test]
async fn a_stream_of_others_gives_its_messages_too() {
    let Some((server, _folder)) = jetstream().await else { return };
    let url = server.url();
    // There is no stream yet for what is published, and then there is.
    let host = ready(&manifest(&url, "", ", jetstream = ['tasks.>']", "stream = 'OTHERS'\ndurable = 'workers'")).await;
    assert_eq!(post(&host, "/publish/tasks.a", "one").await, "done");
    until(&host, |counts| counts.taken == 1).await;
    // Where an answer is to go, a message of a stream says in a header.
    let (client, mut answers) = server.subscriber("answers").await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Steadfast-Reply-To", "answers");
    client.publish_with_headers("tasks.a", headers, "two".into()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().payload, "two, 1");
}

#[tokio::test]
async fn messages_for_which_there_is_no_room_are_lost_and_counted() {
    let Some(server) = Server::start().await else { return };
    let host = ready(&manifest(&server.url(), "", "", "concurrency = 1\nqueue = 2")).await;
    let client = server.client().await;
    for number in 0..10 {
        client.publish("tasks.a", if number == 0 { "slow".into() } else { format!("{number}").into() }).await.unwrap();
    }
    let counts = until(&host, |counts| counts.deliveries == 10 && counts.under_way == 0).await;
    assert_eq!((counts.taken + counts.lost, counts.failed), (10, 0));
    assert!(counts.lost > 0 && counts.taken >= 3, "{counts:?}");
}

#[tokio::test]
async fn a_host_that_stops_finishes_the_messages_that_it_has() {
    let Some((server, _folder)) = jetstream().await else { return };
    for lines in ["", "stream = 'TASKS'"] {
        let lines = format!("{lines}\nconcurrency = 4");
        let host = ready(&manifest(&server.url(), "", "", &lines)).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (served, listener) = (host.clone(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let serving = tokio::spawn(async move { served.serve(listener, async { drop(stopped.await) }).await });
        let client = server.client().await;
        client.publish("tasks.a", "slow".into()).await.unwrap();
        until(&host, |counts| counts.under_way == 1).await;
        stop.send(()).unwrap();
        serving.await.unwrap();
        let counts = host.messages();
        assert_eq!((counts.taken, counts.under_way), (1, 0), "{lines}");
    }
    // It is gone from the stream too.
    let jetstream = async_nats::jetstream::new(server.client().await);
    let mut stream = jetstream.get_stream("TASKS").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
}

/// The blocks of a page in a language.
fn blocks(page: &'static str, language: &str) -> impl Iterator<Item = &'static str> {
    // Every second part is a block: its language, then its lines.
    page.split("```").skip(1).step_by(2).filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}

#[tokio::test]
async fn the_lines_of_the_page_on_messaging_do_what_it_says() {
    let Some(server) = Server::start().await else { return };
    let page = include_str!("../../../docs/providers/messaging.md");
    let there = |text: &str| text.replace("nats://127.0.0.1:4222", &server.url());
    let folder = tempfile::tempdir().unwrap();
    let manifest = there(blocks(page, "toml").next().expect("the manifest"));
    std::fs::write(folder.path().join("tasks.toml"), manifest).unwrap();
    for package in ["tasks", "greeter"] {
        std::fs::copy(component(package), folder.path().join(package).with_extension("wasm")).unwrap();
    }
    let lines: Vec<String> = blocks(page, "console").flat_map(str::lines).map(there).collect();
    let [serve, provide] = &lines[..] else { panic!("{lines:?}") };
    let words = |line: &str, more: &[&str]| {
        let words = line.strip_prefix("$ steadfast ").expect("the command").split(' ').chain(more.iter().copied());
        words.map(ToString::to_string).collect::<Vec<_>>()
    };
    let serving = Process::start(folder.path(), &words(serve, &["--listen", "127.0.0.1:0"]), &[]);
    serving.until("/readyz", 200).await;
    let answer = server.client().await.request("tasks.greet", "Ada".into()).await.unwrap();
    assert_eq!(answer.payload, "Hello, Ada!");
    let providing = Process::start(folder.path(), &words(provide, &[]), &[]);
    providing.until("/readyz", 200).await;
    // A component whose link leads to the provider, in another process.
    let link = format!("'steadfast:messaging/consumer' = {{ nats = '{}' }}", server.url());
    let host = ready(&format!("component = '{}'\n[links]\n{link}\n", component("messenger").display())).await;
    assert_eq!(post(&host, "/request/tasks.greet", "Grace").await, "Hello, Grace!");
}

/// So many messages are published while the server is killed, unless the variable says it.
const MESSAGES: usize = 300;

/// So many at a time.
const AT_ONCE: usize = 16;

/// With `STEADFAST_MESSAGES=10000`, as many: `just messages`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_confirmed_message_is_taken_while_the_server_is_killed() {
    let Some((mut server, _folder)) = jetstream().await else { return };
    let messages = std::env::var("STEADFAST_MESSAGES").map_or(MESSAGES, |number| number.parse().expect("a number"));
    let kills = (messages / 500).clamp(3, 20);
    let lines = "stream = 'TASKS'\nack-wait = '1s'\nmax-deliveries = 1000";
    let host = ready(&manifest(&server.url(), "", ", jetstream = ['tasks.>']", lines)).await;
    let (next, confirmed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut publishers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (host, next, confirmed) = (host.clone(), next.clone(), confirmed.clone());
        publishers.spawn(async move {
            let mut unknown = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= messages {
                    return unknown;
                }
                loop {
                    let said = post(&host, &format!("/publish/tasks.{number}"), number.to_string()).await;
                    if said == "done" {
                        confirmed.lock().unwrap().push(number);
                    } else if said.contains("(not sent)") {
                        // It never got there, so it is published once more when the server may be back.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    } else {
                        assert!(said.contains("(may have run)"), "{said}");
                        unknown += 1;
                    }
                    break;
                }
            }
        });
    }
    let count = || confirmed.lock().unwrap().len();
    for kill in 1..=kills {
        // Of those whose confirmation was lost, there are at most as many as are under way.
        while count() < kill * (messages - kills * AT_ONCE) / (kills + 1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        server.start_again().await;
    }
    let unknown: usize = publishers.join_all().await.iter().sum();
    let jetstream = async_nats::jetstream::new(server.client().await);
    // Not by what is left in the stream: a server of the version 2.9 that is killed keeps some that were taken.
    let last = loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let Ok(mut stream) = jetstream.get_stream("TASKS").await else { continue };
        let Ok(consumer) = stream.consumer_info("steadfast").await else { continue };
        if (consumer.num_pending, consumer.num_ack_pending, host.messages().under_way) == (0, 0, 0) {
            break stream.info().await.unwrap().state.last_sequence;
        }
    };
    let confirmed = confirmed.lock().unwrap().clone();
    let missing =
        post(&host, "/missing", confirmed.iter().map(|number| format!("{number}\n")).collect::<String>()).await;
    let ((all, different), counts) = (came(&host).await, host.messages());
    println!(
        "{messages} published, {kills} kills: {} confirmed, {unknown} unknown, {last} kept by the stream, {different} taken, \
         {} of them again; {} deliveries, {} redeliveries",
        confirmed.len(),
        all - different,
        counts.deliveries,
        counts.redeliveries
    );
    assert_eq!(missing, "");
    assert_eq!(confirmed.len() + unknown, messages);
    // What the component counted by their texts, and the host by their numbers in the stream.
    assert_eq!((all, all - different), (counts.deliveries, counts.redeliveries));
    assert_eq!((counts.taken, counts.failed, counts.parked, counts.lost), (all, 0, 0, 0));
    assert!(different <= last, "{different} {last}");
}
