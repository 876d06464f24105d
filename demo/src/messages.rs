//! Messages over a real NATS server: tasks that fail and come again, and a server that is killed under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use steadfast_demo::client;
use steadfast_demo::guests::Guests;
use steadfast_demo::table::Row;
use steadfast_host::{Host, MessageCounts};

use crate::nats::server::{Server, find};
use crate::services::serve;

/// How many messages are published while the server is killed and started again, and how many at a time.
const MESSAGES: usize = 400;
const AT_ONCE: usize = 16;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn show(guests: &Guests) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let mut server = Server::with_streams(&find(None)?, folder.path()).await?;
    let url = server.url();
    let link = format!("provider = 'messaging', nats = '{url}'");
    // It publishes what it is sent over HTTP, and counts the messages of a stream.
    let (publisher, address) = ready(&format!(
        "component = '{}'\ninvocation-timeout = '20s'\n[links]\n\
         'steadfast:messaging/consumer' = {{ {link}, jetstream = ['kept.*'] }}\n\
         [[messages]]\nnats = '{url}'\nsubject = 'kept.*'\nstream = 'KEPT'\nack-wait = '1s'\nmax-deliveries = 1000\n",
        guests.file("messenger").display()
    ))
    .await?;
    // Each on a subject of its own.
    let worker = |subject: &str, faults: &str| {
        format!(
            "component = '{}'\n[links]\n'acme:greeter/api' = {{ component = '{}' }}\n\
             'steadfast:messaging/consumer' = {{ {link} }}\n\
             [[messages]]\nnats = '{url}'\nsubject = '{subject}'\nmax-deliveries = 3\nbackoff = '50ms'\n\
             dead-letter = 'dead'\n{faults}",
            guests.file("tasks").display(),
            guests.file("greeter").display()
        )
    };
    let mut rows = Vec::new();
    for (injected, faults, deliveries) in [
        ("nothing, a task over NATS", "", 1),
        (
            "greeter down for 4 calls: the task comes again",
            "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nfirst = 4\n",
            2,
        ),
    ] {
        let subject = format!("tasks.{deliveries}");
        let (host, _) = ready(&worker(&subject, faults)).await?;
        let begin = Instant::now();
        let answer = client::send(address, Method::POST, &format!("/request/{subject}"), "Ada").await?;
        let took = begin.elapsed();
        let counts = until(&host, |counts| counts.under_way == 0).await?;
        let as_promised = answer.body == "Hello, Ada!" && counts.deliveries == deliveries;
        rows.push(Row {
            injected: injected.into(),
            request: format!("request to {subject}"),
            http: "-".into(),
            read: format!("{}, delivery {}", answer.body, counts.deliveries),
            calls: host.journal().total(),
            took,
            broken_promise: (!as_promised).then(|| format!("promised a greeting with delivery {deliveries}")),
        });
    }
    let (host, _) = ready(&worker("tasks.3", "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\n")).await?;
    let begin = Instant::now();
    client::send(address, Method::POST, "/publish/tasks.3", "Ada").await?;
    let counts = until(&host, |counts| counts.under_way == 0 && counts.deliveries > 0).await?;
    rows.push(Row {
        injected: "greeter down: the task is put away".into(),
        request: "message to tasks.3".into(),
        http: "-".into(),
        read: format!("deliveries: {}, put away: {}", counts.deliveries, counts.parked),
        calls: host.journal().total(),
        took: begin.elapsed(),
        broken_promise: ((counts.deliveries, counts.parked) != (3, 1)).then(|| "promised 3 and 1".into()),
    });
    rows.push(under_load(&mut server, &publisher, address).await?);
    Ok(rows)
}

/// Messages, each with a body of its own, while the server is killed and started again, twice.
async fn under_load(server: &mut Server, host: &Host, address: SocketAddr) -> Result<Row, String> {
    let (begin, before) = (Instant::now(), host.journal().total());
    let (next, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, answered) = (next.clone(), answered.clone());
        clients.spawn(async move {
            let mut confirmed = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= MESSAGES {
                    return Ok::<_, String>(confirmed);
                }
                let path = format!("/publish/kept.{number}");
                // What was certainly not sent is sent once more.
                loop {
                    let answer = client::send(address, Method::POST, &path, number.to_string()).await?;
                    if answer.body == "done" {
                        confirmed.push(number);
                    } else if answer.body.contains("(not sent)") {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                    break;
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for count in [MESSAGES / 4, MESSAGES / 2] {
        while answered.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill()?;
        server.start_again().await?;
    }
    let mut confirmed = Vec::new();
    while let Some(client) = clients.join_next().await {
        confirmed.extend(client.map_err(|error| error.to_string())??);
    }
    let lines: String = confirmed.iter().map(|number| format!("{number}\n")).collect();
    let missing = loop {
        let missing = client::send(address, Method::POST, "/missing", lines.clone()).await?.body;
        if missing.is_empty() || begin.elapsed() > PATIENCE {
            break missing;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let lost = missing.split_whitespace().count();
    let counts = host.messages();
    let many = confirmed.len() > MESSAGES / 4;
    Ok(Row {
        injected: "NATS server killed (SIGKILL) and started again, twice, under load".into(),
        request: format!("{MESSAGES} messages to a stream,\n{AT_ONCE} at a time"),
        http: "-".into(),
        read: format!(
            "confirmed: {}, of these not taken: {lost}, taken again: {}",
            confirmed.len(),
            counts.redeliveries
        ),
        calls: host.journal().total() - before,
        took: begin.elapsed(),
        broken_promise: (lost > 0 || !many).then(|| "promised that each confirmed one is taken, and many".into()),
    })
}

/// A host that is connected to its servers.
async fn ready(manifest: &str) -> Result<(Host, SocketAddr), String> {
    let (host, address) = serve(manifest).await?;
    let begin = Instant::now();
    while !host.health().is_ready() {
        if begin.elapsed() > PATIENCE {
            return Err(format!("the host was not ready within {PATIENCE:?}: {}", host.health().to_json()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok((host, address))
}

async fn until(host: &Host, is_so: impl Fn(&MessageCounts) -> bool) -> Result<MessageCounts, String> {
    let begin = Instant::now();
    loop {
        let counts = host.messages();
        if is_so(&counts) {
            return Ok(counts);
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("not as expected within {PATIENCE:?}: {counts:?}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
