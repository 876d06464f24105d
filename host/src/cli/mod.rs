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
mod sim;
mod state;
mod stop;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use steadfast_host::Error;

use printer::{STDERR, STDOUT};
use stop::Stop;

const ENVIRONMENT: &str = "\
Environment:
  RUST_LOG         What is logged, like info,steadfast::lattice=debug
  STEADFAST_CACHE  The folder that keeps the machine code of components for the next start, or `off`; by default it is
                   Wasmtime's, like ~/.cache/wasmtime. Its code is run as it is: allow only yourself to write there";

/// Runs WebAssembly components, breaks what is between them on purpose, and composes them.
#[derive(Parser)]
#[command(name = "steadfast", version, arg_required_else_help = true, after_help = ENVIRONMENT)]
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
    Sim(sim::Sim),
    State(state::State),
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
    log::start(cli.command.shows_requests().then(dev::Requests::new), cli.command.is_quiet());
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

    /// Whether what components and calls say is left out of the log, unless `RUST_LOG` asks for it: there are thousands
    /// of them.
    fn is_quiet(&self) -> bool {
        matches!(self, Command::Sim(_))
    }

    fn run(self) -> Result<ExitCode, Error> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Command::New(new) => new.run().map(done),
            Command::Dev(dev) => dev.run().map(done),
            Command::Serve(serve) => serve.run().map(done),
            Command::Fault(fault) => fault.run().map(done),
            Command::Sim(sim) => sim.run(),
            Command::State(state) => state.run().map(done),
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::path::Path;

    use clap::{Arg, Command, CommandFactory};

    /// A command and those below it, as sections of the page.
    fn section(command: &Command, name: &str, page: &mut String) {
        let about = command.get_long_about().or(command.get_about()).map(|about| about.to_string()).unwrap_or_default();
        if command.get_subcommands().next().is_none() {
            let usage = command.clone().bin_name(name).render_usage().to_string();
            let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
            let _ = write!(page, "\n## `{name}`\n\n{about}.\n\n```text\n{usage}\n```\n");
            let shown =
                |argument: &&Arg| !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str());
            let arguments: Vec<&Arg> = command.get_arguments().filter(shown).collect();
            if !arguments.is_empty() {
                page.push_str("\n| argument | what it says |\n| --- | --- |\n");
            }
            arguments.iter().for_each(|argument| page.push_str(&row(argument)));
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            section(below, &format!("{name} {}", below.get_name()), page);
        }
    }

    fn row(argument: &Arg) -> String {
        let values = argument.get_value_names().unwrap_or_default().join(" ");
        let takes = argument.get_num_args().is_some_and(|range| range.takes_values());
        let name = match (argument.get_long(), argument.get_short()) {
            (Some(long), Some(short)) if takes => format!("`-{short}`, `--{long} <{values}>`"),
            (Some(long), _) if takes => format!("`--{long} <{values}>`"),
            (Some(long), _) => format!("`--{long}`"),
            _ => format!("`<{values}>`"),
        };
        let help = argument.get_long_help().or(argument.get_help()).map(|help| help.to_string()).unwrap_or_default();
        let mut text = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let default = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        let default = default.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(" ");
        let choices: Vec<_> =
            argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        if takes && !choices.is_empty() {
            let _ = write!(text, "; one of {}", choices.join(", "));
        }
        if takes && !default.is_empty() {
            let _ = write!(text, "; by default `{default}`");
        }
        format!("| {name} | {text} |\n")
    }

    #[test]
    #[cfg(all(feature = "otlp", feature = "wrpc"))]
    fn the_page_of_the_command_says_what_its_help_says() {
        let mut command = super::Cli::command();
        command.build();
        let mut page = String::from(
            "# The command\n\nWhat `steadfast --help` says, and `--help` behind each command. This page is made of it: `UPDATE_GENERATED=1 cargo\n\
             test -p steadfast-host --bin steadfast` writes it anew. `steadfast completions` prints what a shell needs.\n",
        );
        section(&command, "steadfast", &mut page);
        let _ = write!(page, "\n## Environment\n\n```text\n{}\n```\n", super::ENVIRONMENT);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/cli.md is not what --help says; run this with UPDATE_GENERATED=1");
    }

    #[test]
    fn the_command_line_makes_sense() {
        super::Cli::command().debug_assert();
    }
}
