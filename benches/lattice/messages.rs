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
const TIMES: usize = 100;
const PATH: &str = "/requests/echo/200";

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
        ("async-nats alone, both ends in a process each", alone(client.clone(), "apart").await?),
        ("async-nats alone, both ends in one process", alone(client.clone(), "echo").await?),
    ];
    let link =
        format!("[links]\n'steadfast:messaging/consumer' = {{ provider = 'messaging', nats = '{}' }}\n", places.url);
    let messenger = guests.file("messenger");
    for (name, more) in [("asked by a component", REUSE), ("asked by a component, a fresh instance for each 200", "")] {
        let program = places.serve(name, messenger, &format!("{more}{link}")).await?;
        let row = Row { name, path: PATH, programs: vec![program] };
        until_ready(&row, 200, "200").await?;
        http::load(row.address(), PATH, 1, TIMES / 5, 200, "200").await?;
        rows.push((name, http::load(row.address(), PATH, 1, TIMES, 200, "200").await?));
    }
    for (name, subject, more) in [
        ("answered by a component", "kept", REUSE),
        ("answered by a component, a fresh instance for each", "fresh", ""),
    ] {
        let messages = format!("[[messages]]\nnats = '{}'\nsubject = '{subject}'\n", places.url);
        let program = places.serve(name, messenger, &format!("{more}{link}{messages}")).await?;
        let begin = Instant::now();
        // It listens for requests first, and then subscribes.
        while client.request(subject, "ping".into()).await.is_err() && begin.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        rows.push((name, alone(client.clone(), subject).await?));
        drop(program);
    }
    let best = rows[0].1.quantile(0.5);
    println!("| a message and its answer, one at a time | p50, µs | p90 | of the first row |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, load) in &rows {
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
    for time in 0..TIMES + TIMES / 5 {
        let begin = Instant::now();
        for _ in 0..MESSAGES {
            client.request(subject, "ping".into()).await?;
        }
        // The first ones are for warming up.
        if time >= TIMES / 5 {
            load.record(begin.elapsed());
        }
    }
    Ok(load)
}
