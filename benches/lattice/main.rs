//! What a call costs by where its other end is: within the component, in the host, or in another process; beside
//! `wasmtime serve`, all in one run.
//!
//! `cargo bench --bench lattice` builds the command as the archives of a release have it, and installs the `wasmtime` of
//! the version that the host is built on where there is none (in PATH, or named by the variable WASMTIME); the first
//! time, that takes half an hour and more. It needs a `nats-server`. Every row is processes of their own, asked over HTTP
//! by this one for `/strict/Ada`, which is one call of the greeter; all share the machine, so the figures are for
//! comparing rows.
//!
//! With `-- --postgres`, it compares a query by a component with `tokio-postgres` alone, which needs a `postgres` instead.
//!
//! With `-- --messages`, it compares a message and its answer by a component with `async-nats` alone.
//!
//! With `-- --shared`, it asks for calls through a breaker of each instance, and through one that all instances share: in the
//! memory of the host, in NATS JetStream and in Redis. It needs a `redis-server` too.
//!
//! With `-- --soak`, it asks each kind of link for 200,000 requests instead, and fails where one of them does, where
//! memory grows, or where descriptors stay open.

mod http;
mod memory;
mod messages;
#[cfg(unix)]
mod postgres;
mod program;
mod shared;
mod soak;

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

impl Row {
    fn address(&self) -> &str {
        self.programs[0].said.trim_end_matches('/')
    }
}

struct Figures {
    many: Load,
    alone: Load,
    /// Processor time of each program for a request, when there were many.
    cpu: Vec<(&'static str, Option<Duration>)>,
    memory: Option<memory::Figures>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--echo");
    if let Some(url) = arguments.nth(1) {
        return messages::apart(&url).await;
    }
    let folder = tempfile::tempdir()?;
    let steadfast = command::build("archive")?;
    #[cfg(unix)]
    if std::env::args().any(|argument| argument == "--postgres") {
        return postgres::run(&Places { folder: folder.path(), steadfast, url: String::new() }).await;
    }
    if std::env::args().any(|argument| argument == "--shared") {
        return shared::run(&Places { folder: folder.path(), steadfast, url: String::new() }).await;
    }
    if std::env::args().any(|argument| argument == "--messages") {
        let (nats_server, url) = Program::nats_server(folder.path()).await?;
        return messages::run(&Places { folder: folder.path(), steadfast, url }, nats_server).await;
    }
    let soaks = std::env::args().any(|argument| argument == "--soak");
    let wasmtime = if soaks { None } else { Some(wasmtime(&steadfast)?) };
    let (nats_server, url) = Program::nats_server(folder.path()).await?;
    let places = Places { folder: folder.path(), steadfast, url };
    if soaks {
        return soak::run(&places, nats_server).await;
    }
    let round_trip = round_trip(&places.url).await?;
    let rows = rows(&places, nats_server, wasmtime.as_deref()).await?;
    let mut all = Vec::new();
    for row in &rows {
        eprintln!("measuring: {}", row.name);
        all.push((row.name, measure(row).await?));
    }
    print(&all, round_trip);
    Ok(())
}

/// What all rows are made with.
struct Places<'p> {
    folder: &'p Path,
    steadfast: PathBuf,
    /// Of the NATS server.
    url: String,
}

impl Places<'_> {
    fn manifest(&self, name: &str, component: &Path, rest: &str) -> std::io::Result<PathBuf> {
        let file = self.folder.join(format!("{name}.toml"));
        std::fs::write(&file, format!("component = '{}'\n{rest}", component.display()))?;
        Ok(file)
    }

    async fn serve(&self, name: &str, component: &Path, rest: &str) -> Outcome<Program> {
        let mut command = Command::new(&self.steadfast);
        let file = self.manifest(name, component, rest)?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--manifest"]).arg(file);
        Program::start("steadfast serve", command, "listening on http://").await
    }

    async fn provide(
        &self,
        name: &str,
        how: &[&str],
        greeter: &Path,
        rest: &str,
        ready: &'static str,
    ) -> Outcome<Program> {
        let mut command = Command::new(&self.steadfast);
        let file = self.manifest(name, greeter, rest)?;
        command.arg("provide").args(how).arg("--manifest").arg(file);
        Program::start("provider", command, ready).await
    }
}

const GREETER: &str = "[links]\n'acme:greeter/api'";
const REUSE: &str = "instances = 'reuse'\n";

/// All rows; for the instances that are used again, and beside the peer, where there is one.
async fn rows(places: &Places<'_>, nats_server: Program, wasmtime: Option<&Path>) -> Outcome<Vec<Row>> {
    let guests = Guests::build(&["http-hello", "greeter"])?;
    let (hello, greeter) = (guests.file("http-hello"), guests.file("greeter"));
    let composed = places.folder.join("composed.wasm");
    std::fs::write(&composed, steadfast_host::compose(hello, greeter)?)?;
    let embedded = format!("{GREETER} = {{ component = '{}' }}", greeter.display());
    let reused = format!("{REUSE}{GREETER} = {{ component = '{}', instances = 'reuse' }}", greeter.display());
    let row = |name, programs| Row { name, path: CALL, programs };

    let mut rows = Vec::new();
    match wasmtime {
        Some(wasmtime) => {
            let programs = vec![places.serve("none", &composed, "").await?];
            rows.push(Row { name: "no call (composed)", path: "/", programs });
            rows.push(row("wasmtime serve, composed", vec![stock(wasmtime, &composed).await?]));
        }
        None => rows.push(row("composed, instances reused", vec![places.serve("kept", &composed, REUSE).await?])),
    }
    rows.push(row("composed", vec![places.serve("composed", &composed, "").await?]));
    rows.push(row("embedded", vec![places.serve("embedded", hello, &embedded).await?]));
    rows.push(row("embedded, instances reused", vec![places.serve("reused", hello, &reused).await?]));
    let kinds: &[(_, _, &str)] = match wasmtime {
        Some(_) => &[("TCP", "NATS", "")],
        None => &[("TCP", "NATS", ""), ("TCP, instances reused", "NATS, instances reused", REUSE)],
    };
    let mut nats_server = Some(nats_server);
    for (tcp, nats, kept) in kinds {
        let provider =
            places.provide(&format!("{tcp} provider"), &["--tcp", "127.0.0.1:0"], greeter, kept, " on ").await?;
        let link = format!("{kept}{GREETER} = {{ tcp = '{}' }}", provider.said);
        rows.push(row(tcp, vec![places.serve(tcp, hello, &link).await?, provider]));
        // Two providers at one server have prefixes of their own.
        let prefix = if kept.is_empty() { "fresh" } else { "kept" };
        let how = ["--nats", &places.url, "--prefix", prefix];
        let provider = places.provide(&format!("{nats} provider"), &how, greeter, kept, "serving ").await?;
        let link = format!("{kept}{GREETER} = {{ nats = '{}', prefix = '{prefix}' }}", places.url);
        let mut programs = vec![places.serve(nats, hello, &link).await?];
        programs.extend(nats_server.take());
        programs.push(provider);
        rows.push(row(nats, programs));
    }
    Ok(rows)
}

const CALL: &str = "/strict/Ada";

/// Waits until a row answers as it should: the lattice may not be connected yet.
async fn until_ready(row: &Row, status: u16, body: &'static str) -> Outcome<()> {
    let begin = Instant::now();
    while let Err(error) = http::load(row.address(), row.path, 1, 1, status, body).await {
        if begin.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn measure(row: &Row) -> Outcome<Figures> {
    let address = row.address();
    let (status, body) = if row.path == CALL { (200, "Hello, Ada!") } else { (404, "Try ") };
    until_ready(row, status, body).await?;
    let kept = memory::kept(row, status, body).await?;
    http::load(address, row.path, WARM_UP.1, WARM_UP.0, status, body).await?;
    let alone = http::load(address, row.path, ALONE.1, ALONE.0, status, body).await?;
    let before: Vec<_> = row.programs.iter().map(Program::cpu).collect();
    let many = http::load(address, row.path, MANY.1, MANY.0, status, body).await?;
    let spent = |(program, before): (&Program, Option<Duration>)| {
        let spent = program.cpu().zip(before).map(|(after, before)| (after - before) / MANY.0 as u32);
        (program.name, spent)
    };
    let cpu = row.programs.iter().zip(before).map(spent).collect();
    let memory = memory::measure(row, kept, status, body).await?;
    Ok(Figures { many, alone, cpu, memory })
}

fn print(all: &[(&str, Figures)], round_trip: Duration) {
    let micros = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e6);
    println!(
        "| one call each | requests/s | p50 of {0} at a time, µs | p99 | p50 of one at a time, µs | p99 | processor time of a \
         request, µs |",
        MANY.1
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    for (name, Figures { many, alone, cpu, .. }) in all {
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
    memory::print(all);
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
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply {
                let _ = one.publish(reply, request.payload).await;
            }
        }
    });
    // Until the server knows of the subscription.
    while other.request("echo", "Ada".into()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut load = Load::default();
    for _ in 0..ALONE.0 {
        let begin = Instant::now();
        other.request("echo", "Ada".into()).await?;
        load.record(begin.elapsed());
    }
    Ok(load.quantile(0.5))
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
