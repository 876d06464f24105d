//! `cargo demo --nats`: the flagship over a real NATS server, with processes that are really killed.

mod load;
mod outages;
mod process;
pub mod server;
mod stage;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Instant;

use steadfast_demo::command;
use steadfast_demo::guests::Guests;
use tokio::signal::unix::{SignalKind, signal};

use stage::Stage;
use steadfast_demo::arguments::Nats;
use steadfast_demo::scenario::Components;
use steadfast_demo::table::{self, Row};

const PACKAGES: [&str; 3] = ["http-hello", "greeter", "counted-greeter"];

/// How much of a log is shown of a scenario that went wrong.
const TAIL: usize = 20;

type Rows<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, String>> + 'a>>;
type Scenario = for<'a> fn(&'a Stage<'a>) -> Rows<'a>;

const SCENARIOS: [(&str, Scenario); 8] = [
    ("no lattice", |stage| Box::pin(outages::no_lattice(stage))),
    ("no provider", |stage| Box::pin(outages::no_provider(stage))),
    ("provider killed", |stage| Box::pin(outages::killed_provider(stage))),
    ("NATS server killed", |stage| Box::pin(outages::killed_server(stage))),
    ("NATS server paused", |stage| Box::pin(outages::paused_server(stage))),
    ("provider killed under load", |stage| Box::pin(load::killed_and_not_idempotent(stage))),
    ("provider killed under idempotent load", |stage| Box::pin(load::killed_and_idempotent(stage))),
    ("provider stopped under load", |stage| Box::pin(load::terminated(stage))),
];

/// Whether every row is as promised.
pub async fn run(options: &Nats) -> Result<bool, String> {
    let nats_server = server::find(options.server.as_deref())?;
    // Before the first process is started: all that have been are killed on the way out.
    let interrupted = interrupted()?;
    tokio::select! {
        outcome = show(options, &nats_server) => outcome,
        () = interrupted => Err("interrupted".into()),
    }
}

async fn show(options: &Nats, nats_server: &Path) -> Result<bool, String> {
    eprintln!("building the components: {}", PACKAGES.join(", "));
    let guests = Guests::build(&PACKAGES)?;
    eprintln!("building the command steadfast");
    let command = command::build("dev")?;
    let folder = tempfile::Builder::new().prefix("steadfast-demo-").tempdir();
    let mut folder = folder.map_err(|error| format!("cannot make a folder for the logs: {error}"))?;
    // Processes read them until the end.
    let guests = guests.copied_to(folder.path())?;
    let components = Components::prepare(&guests, &PACKAGES)?;

    let begin = Instant::now();
    let mut rows = Vec::new();
    for (index, (name, scenario)) in SCENARIOS.iter().enumerate() {
        eprintln!("scenario {} of {}: {name}", index + 1, SCENARIOS.len());
        let of_scenario = folder.path().join((index + 1).to_string());
        std::fs::create_dir(&of_scenario)
            .map_err(|error| format!("cannot make the folder {}: {error}", of_scenario.display()))?;
        let stage = Stage {
            guests: &guests,
            components: &components,
            command: &command,
            nats_server,
            folder: of_scenario.clone(),
            verbose: options.verbose,
        };
        let outcome = scenario(&stage).await;
        if !outcome.as_ref().is_ok_and(|rows| rows.iter().all(|row| row.broken_promise.is_none())) {
            show_tails(&of_scenario);
            folder.disable_cleanup(true);
        }
        rows.extend(outcome.map_err(|error| format!("scenario `{name}`: {error}"))?);
    }
    println!("{}", table::draw(&rows));
    eprintln!("{} rows in {:.1} s", rows.len(), begin.elapsed().as_secs_f32());
    Ok(crate::same_bytes(&components)? && rows.iter().all(|row| row.broken_promise.is_none()))
}

/// The last that each process of a scenario said.
fn show_tails(folder: &Path) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for log in files.filter(|file| file.extension().is_some_and(|extension| extension == "log")) {
        let text = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        eprintln!("---- the end of {}", log.display());
        lines[lines.len().saturating_sub(TAIL)..].iter().for_each(|line| eprintln!("{line}"));
    }
}

/// Ready at the first signal that would end this process.
pub fn interrupted() -> Result<impl Future<Output = ()>, String> {
    let watch = |kind| signal(kind).map_err(|error| format!("cannot watch for signals: {error}"));
    let mut interrupt = watch(SignalKind::interrupt())?;
    let mut terminate = watch(SignalKind::terminate())?;
    let mut hangup = watch(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
