//! The command line: one file for each subcommand.

mod admin;
mod compose;
mod inspect;
mod lines;
mod listen;
#[cfg(feature = "wrpc")]
mod nats;
#[cfg(feature = "otlp")]
mod otlp;
mod policy;
#[cfg(feature = "wrpc")]
mod provide;
mod serve;
mod stop;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use steadfast_host::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use stop::Stop;

/// Runs WebAssembly components, breaks what is between them on purpose, and composes them.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    #[cfg(feature = "wrpc")]
    Provide(Box<provide::Provide>),
    Compose(compose::Compose),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Policy(policy::Policy),
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    // `RUST_LOG` as everywhere: `RUST_LOG=steadfast=debug` shows every call.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,opentelemetry=warn"));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(log).with(quiet(filter)).with(filter_fn(without_secrets)).init();
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        #[cfg(feature = "wrpc")]
        Command::Provide(provide) => provide.run(),
        Command::Compose(compose) => compose.run(),
        Command::Inspect(inspect) => return failed_or(inspect.run()),
        Command::Policy(policy) => return policy.run(),
    };
    failed_or(outcome.map(|()| ExitCode::SUCCESS))
}

/// What the client of NATS says, the host says itself, once; whoever wants to read it has to ask for it by name.
fn quiet(filter: EnvFilter) -> EnvFilter {
    match "async_nats=off".parse() {
        Ok(off) if !filter.to_string().contains("async_nats") => filter.add_directive(off),
        _ => filter,
    }
}

/// Whatever is asked for: at this level, the client of NATS writes what it shows to the server.
fn without_secrets(event: &Metadata<'_>) -> bool {
    !(event.target().starts_with("async_nats") && *event.level() == Level::TRACE)
}

/// The status of a command that ended, or the message and the status of one that could not.
fn failed_or(outcome: Result<ExitCode, Error>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        // On one line, whatever the message quotes; and without the panic of `eprintln!` when nobody listens.
        let message = error.to_string().replace('\n', " ");
        let _ = writeln!(io::stderr(), "error: {message}");
        ExitCode::FAILURE
    })
}

/// What a command that serves runs on: with the signals taken, and as many files as the system allows.
fn runtime() -> Result<(tokio::runtime::Runtime, Stop), Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(Error::Runtime)?;
    let stop = Stop::on_signals(&runtime)?;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        // Fewer connections are no reason not to serve.
        let _ = setrlimit(Resource::Nofile, files);
    }
    Ok((runtime, stop))
}
