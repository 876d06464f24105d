//! What a call costs by where its other end is: within the component, in the host, or in another process; beside
//! `wasmtime serve`, all in one run.
//!
//! `cargo bench --bench lattice` builds the command in release, and installs the `wasmtime` of the version that the host
//! is built on where there is none (in PATH, or named by the variable WASMTIME); the first time, that takes a quarter of
//! an hour and more. It needs a `nats-server`. Every row is processes of their own, asked over HTTP by this one for
//! `/strict/Ada`, which is one call of the greeter; all share the machine, so the figures are for comparing rows.

mod http;
mod program;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::Load;
use program::Program;
use steadfast_demo::command;
use steadfast_demo::guests::Guests;

/// Requests that are measured, with so many at a time.
const MANY: (usize, usize) = (20_000, 64);
const ALONE: (usize, usize) = (2_000, 1);

/// Until a row answers as it should.
const PATIENCE: Duration = Duration::from_secs(10);

/// Before measuring, so that connections are there and code is in caches.
const WARM_UP: (usize, usize) = (1_000, 64);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What serves a row, and what it is asked for.
struct Row {
    name: &'static str,
    path: &'static str,
    /// The first is the one that is asked.
    programs: Vec<Program>,
}

struct Figures {
    many: Load,
    alone: Load,
    /// Processor time of each program for a request, when there were many.
    cpu: Vec<(&'static str, Option<Duration>)>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let steadfast = command::build("release")?;
    let guests = Guests::build(&["http-hello", "greeter"])?;
    let (hello, greeter) = (guests.file("http-hello"), guests.file("greeter"));
    let folder = tempfile::tempdir()?;
    let composed = folder.path().join("composed.wasm");
    std::fs::write(&composed, steadfast_host::compose(hello, greeter)?)?;
    let wasmtime = wasmtime(&steadfast)?;

    let (nats_server, url) = Program::nats_server(folder.path()).await?;
    let round_trip = round_trip(&url).await?;
    let manifest = |name: &str, component: &Path, rest: &str| -> std::io::Result<PathBuf> {
        let file = folder.path().join(format!("{name}.toml"));
        std::fs::write(&file, format!("component = '{}'\n{rest}", component.display()))?;
        Ok(file)
    };
    let serve = async |name: &str, component: &Path, rest: &str| -> Outcome<Program> {
        let file = manifest(name, component, rest)?;
        Program::start("steadfast serve", serve_command(&steadfast, &file), "listening on http://").await
    };
    let link = |to: String| format!("[links]\n'acme:greeter/api' = {{ {to} }}");
    let embedded = link(format!("component = '{}'", greeter.display()));

    let mut rows = vec![
        Row { name: "no call (composed)", path: "/", programs: vec![serve("none", &composed, "").await?] },
        Row { name: "wasmtime serve, composed", path: CALL, programs: vec![stock(&wasmtime, &composed).await?] },
        Row { name: "composed", path: CALL, programs: vec![serve("composed", &composed, "").await?] },
        Row { name: "embedded", path: CALL, programs: vec![serve("embedded", hello, &embedded).await?] },
        Row {
            name: "embedded, instances reused",
            path: CALL,
            programs: vec![
                serve(
                    "reused",
                    hello,
                    &format!("instances = 'reuse'\n{}", embedded.replace(" }", ", instances = 'reuse' }")),
                )
                .await?,
            ],
        },
    ];
    let provider = provide(&steadfast, &["--tcp", "127.0.0.1:0"], greeter, " on ").await?;
    let tcp = link(format!("tcp = '{}'", provider.said));
    rows.push(Row { name: "TCP", path: CALL, programs: vec![serve("tcp", hello, &tcp).await?, provider] });
    let provider = provide(&steadfast, &["--nats", &url], greeter, "serving ").await?;
    let nats = link(format!("nats = '{url}'"));
    rows.push(Row {
        name: "NATS",
        path: CALL,
        programs: vec![serve("nats", hello, &nats).await?, nats_server, provider],
    });

    let mut all = Vec::new();
    for row in &rows {
        eprintln!("measuring: {}", row.name);
        all.push((row.name, measure(row).await?));
    }
    print(&all, round_trip);
    Ok(())
}

const CALL: &str = "/strict/Ada";

async fn measure(row: &Row) -> Outcome<Figures> {
    let address = row.programs[0].said.trim_end_matches('/');
    let (status, body) = if row.path == CALL { (200, "Hello, Ada!") } else { (404, "Try ") };
    // The lattice may not be connected yet.
    let begin = Instant::now();
    while let Err(error) = http::load(address, row.path, 1, 1, status, body).await {
        if begin.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    http::load(address, row.path, WARM_UP.1, WARM_UP.0, status, body).await?;
    let alone = http::load(address, row.path, ALONE.1, ALONE.0, status, body).await?;
    let before: Vec<_> = row.programs.iter().map(Program::cpu).collect();
    let many = http::load(address, row.path, MANY.1, MANY.0, status, body).await?;
    let spent = |(program, before): (&Program, Option<Duration>)| {
        let spent = program.cpu().zip(before).map(|(after, before)| (after - before) / MANY.0 as u32);
        (program.name, spent)
    };
    let cpu = row.programs.iter().zip(before).map(spent).collect();
    Ok(Figures { many, alone, cpu })
}

fn print(all: &[(&str, Figures)], round_trip: Duration) {
    let micros = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e6);
    println!(
        "| one call each | requests/s | p50 of {0} at a time, µs | p99 | p50 of one at a time, µs | p99 | processor time of a \
         request, µs |",
        MANY.1
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    for (name, Figures { many, alone, cpu }) in all {
        let cpu: Vec<_> =
            cpu.iter().map(|(name, time)| format!("{name} {}", time.map_or("?".into(), micros))).collect();
        println!(
            "| {name} | {:.0} | {} | {} | {} | {} | {} |",
            many.per_second(),
            micros(many.quantile(0.5)),
            micros(many.quantile(0.99)),
            micros(alone.quantile(0.5)),
            micros(alone.quantile(0.99)),
            cpu.join(", ")
        );
    }
    let alone = |wanted: &str| {
        let found = all.iter().find(|(name, _)| *name == wanted);
        found.map_or(Duration::ZERO, |(_, figures)| figures.alone.quantile(0.5))
    };
    let more = |one: &str, than: &str| micros(alone(one).saturating_sub(alone(than)));
    println!("\n| where the time of one request at a time goes, over NATS | µs |");
    println!("| --- | ---: |");
    println!("| HTTP, and an instance of the handler | {} |", micros(alone("no call (composed)")));
    println!("| the call, with both in one component | {} |", more("composed", "no call (composed)"));
    println!(
        "| the host between them: values, journal, an instance of the greeter | {} |",
        more("embedded", "composed")
    );
    println!("| another process: encoding, two hosts, and the NATS server | {} |", more("NATS", "embedded"));
    println!("| … of which a request and its reply over NATS, with nothing at either end | {} |", micros(round_trip));
    println!("| all | {} |", micros(alone("NATS")));
}

/// The median time of a request over NATS between two clients of this process.
async fn round_trip(url: &str) -> Outcome<Duration> {
    let (one, other) = (async_nats::connect(url).await?, async_nats::connect(url).await?);
    let mut requests = one.subscribe("echo").await?;
    one.flush().await?;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply {
                let _ = one.publish(reply, request.payload).await;
            }
        }
    });
    let mut load = Load::default();
    for _ in 0..ALONE.0 {
        let begin = Instant::now();
        other.request("echo", "Ada".into()).await?;
        load.record(begin.elapsed());
    }
    Ok(load.quantile(0.5))
}

fn serve_command(steadfast: &Path, manifest: &Path) -> Command {
    let mut command = Command::new(steadfast);
    command.args(["serve", "--listen", "127.0.0.1:0", "--manifest"]).arg(manifest);
    command
}

async fn provide(steadfast: &Path, how: &[&str], greeter: &Path, ready: &'static str) -> Outcome<Program> {
    let mut command = Command::new(steadfast);
    command.arg("provide").args(how).arg(greeter);
    Program::start("provider", command, ready).await
}

async fn stock(wasmtime: &Path, component: &Path) -> Outcome<Program> {
    let mut command = Command::new(wasmtime);
    command.args(["serve", "--addr", "127.0.0.1:0", "-Scli"]).arg(component);
    Program::start("wasmtime", command, "http://").await
}

/// The `wasmtime` to compare with: of the version that the host is built on, so that the difference is the hosts'.
fn wasmtime(steadfast: &Path) -> Outcome<PathBuf> {
    const VERSION: &str = "48";
    let is_it = |program: &Path| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.stdout.starts_with(format!("wasmtime {VERSION}.").as_bytes()))
    };
    if let Some(program) = std::env::var_os("WASMTIME") {
        let program = PathBuf::from(program);
        return match is_it(&program) {
            true => Ok(program),
            false => Err(format!("WASMTIME names {}, which is no wasmtime {VERSION}", program.display()).into()),
        };
    }
    // Beside what Cargo builds, where it stays for the next run.
    let root = steadfast.ancestors().nth(2).unwrap_or(steadfast).join("stock");
    let installed = root.join("bin").join("wasmtime");
    for program in [PathBuf::from("wasmtime"), installed.clone()] {
        if is_it(&program) {
            return Ok(program);
        }
    }
    let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install.args(["install", "wasmtime-cli", "--locked", "--version", &format!("^{VERSION}"), "--root"]).arg(&root);
    if !install.status()?.success() {
        return Err(format!("cargo could not install wasmtime-cli {VERSION}; its messages are above").into());
    }
    Ok(installed)
}
