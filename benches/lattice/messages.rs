//! A message and its answer, by a component beside `async-nats` alone, over one server in one run.

use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use steadfast_demo::guests::Guests;

use crate::http::{self, Load};
use crate::program::Program;
use crate::{Outcome, PATIENCE, Places, REUSE, Row, until_ready};

/// So many messages, one after the other, so many times: of a request, HTTP is a small part.
const MESSAGES: u32 = 200;
const TIMES: usize = 10;
const PATH: &str = "/requests/echo/200";

/// The rows take turns, so that what else the machine does hits all of them. The first one is for warming up.
const TURNS: usize = 31;

/// Who asks: the client here, on a subject, or a component.
enum Asker {
    Client(&'static str),
    Component(Row),
}

pub async fn run(places: &Places<'_>, _server: Program) -> Outcome<()> {
    let guests = Guests::build(&["messenger"])?;
    let client = async_nats::connect(&places.url).await?;
    let (here, asked) = subscribe(&places.url, "echo").await?;
    tokio::spawn(echo(here, asked));
    // A component and its host are a process of their own, and so is what they are compared with.
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--echo", &places.url]);
    let _apart = Program::start("echo", command, READY).await?;
    let mut rows = vec![
        ("async-nats alone, both ends in a process each", Asker::Client("apart"), Load::default()),
        ("async-nats alone, both ends in one process", Asker::Client("echo"), Load::default()),
    ];
    let link =
        format!("[links]\n'steadfast:messaging/consumer' = {{ provider = 'messaging', nats = '{}' }}\n", places.url);
    let messenger = guests.file("messenger");
    for (name, more) in [("asked by a component", REUSE), ("asked by a component, a fresh instance for each 200", "")] {
        let program = places.serve(name, messenger, &format!("{more}{link}")).await?;
        let row = Row { name, path: PATH, programs: vec![program] };
        until_ready(&row, 200, "200").await?;
        rows.push((name, Asker::Component(row), Load::default()));
    }
    let mut answering = Vec::new();
    for (name, subject, more) in [
        ("answered by a component", "kept", REUSE),
        ("answered by a component, a fresh instance for each", "fresh", ""),
    ] {
        let messages = format!("[[messages]]\nnats = '{}'\nsubject = '{subject}'\n", places.url);
        answering.push(places.serve(name, messenger, &format!("{more}{link}{messages}")).await?);
        let begin = Instant::now();
        // It listens for requests first, and then subscribes.
        while client.request(subject, "ping".into()).await.is_err() && begin.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        rows.push((name, Asker::Client(subject), Load::default()));
    }
    for turn in 0..TURNS {
        for (_, asker, load) in &mut rows {
            let asked = match asker {
                Asker::Client(subject) => alone(client.clone(), subject).await?,
                Asker::Component(row) => http::load(row.address(), PATH, 1, TIMES, 200, "200").await?,
            };
            if turn > 0 {
                load.append(asked);
            }
        }
    }
    let best = rows[0].2.quantile(0.5);
    println!("| a message and its answer, one at a time | p50, µs | p90 | of the first row |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, _, load) in &rows {
        let micros = |quantile| (load.quantile(quantile) / MESSAGES).as_secs_f64() * 1e6;
        let share = load.quantile(0.5).as_secs_f64() / best.as_secs_f64();
        println!("| {name} | {:.0} | {:.0} | {share:.2} |", micros(0.5), micros(0.9));
    }
    Ok(())
}

/// What the process says that answers apart.
const READY: &str = "answering";

/// Answers at the server `url`, as a process of its own.
pub async fn apart(url: &str) -> Outcome<()> {
    let (client, asked) = subscribe(url, "apart").await?;
    println!("{READY}");
    echo(client, asked).await
}

async fn subscribe(url: &str, subject: &'static str) -> Outcome<(Client, Subscriber)> {
    let client = async_nats::connect(url).await?;
    let asked = client.subscribe(subject).await?;
    // The server answers this when it knows of the subscription.
    let _ = client.request("nobody", "".into()).await;
    Ok((client, asked))
}

/// Answers each message with itself.
async fn echo(client: Client, mut asked: Subscriber) -> Outcome<()> {
    while let Some(message) = asked.next().await {
        if let Some(reply) = message.reply {
            client.publish(reply, message.payload).await?;
        }
    }
    Ok(())
}

/// On a thread of the runtime, as whatever a server is asked for is: there, the connection is near.
async fn alone(client: Client, subject: &'static str) -> Outcome<Load> {
    tokio::spawn(asked(client, subject)).await?
}

async fn asked(client: Client, subject: &'static str) -> Outcome<Load> {
    let mut load = Load::default();
    for _ in 0..TIMES {
        let begin = Instant::now();
        for _ in 0..MESSAGES {
            client.request(subject, "ping".into()).await?;
        }
        load.record(begin.elapsed());
    }
    Ok(load)
}
