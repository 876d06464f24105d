//! A call through a breaker that all instances share, by where its state is, beside one of each instance.

use steadfast_demo::guests::Guests;

use crate::http::{self, Load};
use crate::program::Program;
use crate::{Outcome, Places, Row, until_ready};

/// Requests that are measured, with so many at a time, and how often: the rows take turns, so that what else the machine
/// does hits all of them.
const MANY: (usize, usize) = (10_000, 64);
const TURNS: usize = 5;

const PATH: &str = "/Ada";
const ANSWER: &str = "Hello, Ada!";

/// What it may cost while its state is in the host: at least this share of the requests per second.
const BAR: f64 = 0.9;

pub async fn run(places: &Places<'_>) -> Outcome<()> {
    let jetstream = places.folder.join("jetstream");
    let (nats, url) =
        Program::nats_server_with(places.folder, &["-js", "--store_dir", &jetstream.display().to_string()]).await?;
    let (redis, address) = Program::redis_server(places.folder).await?;
    let guests = Guests::build(&["shared-breaker", "greeter"])?;
    let greeter = guests.file("greeter").display().to_string();
    let manifest = |shared: &str, store: &str| {
        format!(
            "[config]\nsteadfast = \"policies.greeter.breaker.shared = '{shared}'\"\n\
             [links]\n'acme:greeter/api' = {{ component = '{greeter}' }}\n{store}\n"
        )
    };
    let link = |option: &str| format!("'wasi:keyvalue/store' = {{ provider = 'keyvalue', {option} }}");
    let rows = [
        ("a breaker of each instance", manifest("never", "")),
        ("a shared breaker, in the host", manifest("keyvalue", "")),
        ("a shared breaker, in NATS", manifest("keyvalue", &link(&format!("nats = '{url}'")))),
        ("a shared breaker, in Redis", manifest("keyvalue", &link(&format!("redis = '{address}'")))),
    ];
    let mut measured = Vec::new();
    for (name, manifest) in rows {
        let program = places.serve(name, guests.file("shared-breaker"), &manifest).await?;
        let row = Row { name, path: PATH, programs: vec![program] };
        until_ready(&row, 200, ANSWER).await?;
        http::load(row.address(), PATH, MANY.1, MANY.0 / 10, 200, ANSWER).await?;
        measured.push((row, Vec::new()));
    }
    for _ in 0..TURNS {
        for (row, loads) in &mut measured {
            loads.push(http::load(row.address(), PATH, MANY.1, MANY.0, 200, ANSWER).await?);
        }
    }
    drop((nats, redis));
    print(measured.into_iter().map(|(row, loads)| (row.name, loads)).collect());
    Ok(())
}

fn print(mut rows: Vec<(&str, Vec<Load>)>) {
    // Of each row, the turn in the middle.
    rows.iter_mut().for_each(|(_, loads)| loads.sort_by(|one, other| one.per_second().total_cmp(&other.per_second())));
    let middle = |loads: &[Load]| loads[TURNS / 2].per_second();
    let alone = middle(&rows[0].1);
    println!("| one call each, {} at a time | requests/s | of the first row | p50, µs | p99 |", MANY.1);
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (name, loads) in &rows {
        let load = &loads[TURNS / 2];
        let micros = |quantile| load.quantile(quantile).as_secs_f64() * 1e6;
        let (per_second, share) = (load.per_second(), load.per_second() / alone);
        println!("| {name} | {per_second:.0} | {share:.2} | {:.0} | {:.0} |", micros(0.5), micros(0.99));
    }
    let share = middle(&rows[1].1) / alone;
    let verdict = if share >= BAR { "held" } else { "not held" };
    println!("\nin the host, at least {BAR} of a breaker of each instance: {verdict} ({share:.2})");
}
