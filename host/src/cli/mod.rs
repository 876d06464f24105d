//! The command line: one file for each subcommand.

mod admin;
mod app;
mod completions;
mod compose;
mod dev;
mod fault;
mod inspect;
mod lines;
mod listen;
mod log;
#[cfg(feature = "wrpc")]
mod nats;
mod new;
#[cfg(feature = "otlp")]
mod otlp;
mod policy;
mod printer;
#[cfg(feature = "wrpc")]
mod provide;
mod serve;
mod stop;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use steadfast_host::Error;

use printer::{STDERR, STDOUT};
use stop::Stop;

/// Runs WebAssembly components, breaks what is between them on purpose, and composes them.
#[derive(Parser)]
#[command(name = "steadfast", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::New),
    Dev(Box<dev::Dev>),
    Serve(Box<serve::Serve>),
    Fault(fault::Fault),
    #[cfg(feature = "wrpc")]
    Provide(Box<provide::Provide>),
    Compose(compose::Compose),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Policy(policy::Policy),
    Completions(completions::Completions),
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = STDOUT.start(io::stdout()).and_then(|()| STDERR.start(io::stderr())) {
        // `eprintln!` panics when the reader is gone.
        let _ = writeln!(io::stderr(), "error: {}", Error::Runtime(error));
        return ExitCode::FAILURE;
    }
    log::start(cli.command.shows_requests().then(dev::Requests::new));
    let status = failed_or(cli.command.run());
    STDOUT.flush();
    STDERR.flush();
    status
}

impl Command {
    /// Whether requests are lines on standard output.
    fn shows_requests(&self) -> bool {
        matches!(self, Command::Dev(_))
    }

    fn run(self) -> Result<ExitCode, Error> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Command::New(new) => new.run().map(done),
            Command::Dev(dev) => dev.run().map(done),
            Command::Serve(serve) => serve.run().map(done),
            Command::Fault(fault) => fault.run().map(done),
            #[cfg(feature = "wrpc")]
            Command::Provide(provide) => provide.run().map(done),
            Command::Compose(compose) => compose.run().map(done),
            Command::Inspect(inspect) => inspect.run(),
            Command::Policy(policy) => Ok(policy.run()),
            Command::Completions(completions) => {
                completions.run();
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// The status of a command that ended, or the message and the status of one that could not.
fn failed_or(outcome: Result<ExitCode, Error>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        STDERR.say(format_args!("error: {error}"));
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
