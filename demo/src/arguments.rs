//! What `cargo demo` is asked for.

use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
Shows what components do when the lattice between them fails: builds the examples, runs them in the host, breaks what
is between them on purpose, and prints what a client gets. Ends with 0 if every row is as promised.

Usage: cargo demo [--all]
       cargo demo --nats [--nats-server PATH] [--verbose]
       cargo demo --services

Options:
  --all               all examples, and not only http-hello
  --nats              http-hello over a real NATS server: the server, hosts and providers are processes of their own,
                      which are killed, paused and told to stop while requests are under way
  --services          orders in a real Postgres server, which is paused, killed, shut down and full while orders are
                      under way; no order is there twice, and none that was confirmed is lost; tasks over a real NATS
                      server, which fail and come again, and messages while it is killed
  --nats-server PATH  the server to run; without it, the `nats-server` that is in PATH
  --verbose           show the log of each process when it has ended
  --help              this text";

/// What is to be shown.
#[derive(Debug, PartialEq)]
pub enum Arguments {
    /// `http-hello` alone.
    Flagship,
    /// Every example.
    All,
    /// Over a real NATS server.
    Nats(Nats),
    /// Over a real Postgres server.
    Services,
    /// What there is.
    Help,
}

/// How it is to be shown over NATS.
#[derive(Debug, Default, PartialEq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "signals are for Unix"))]
pub struct Nats {
    /// The server to run, if not the one in `PATH`.
    pub server: Option<PathBuf>,
    /// Whether logs are shown.
    pub verbose: bool,
}

impl Arguments {
    /// Of the words after `cargo demo`.
    ///
    /// # Errors
    /// The word that is not known, and what is.
    pub fn parse(arguments: &[&str]) -> Result<Self, String> {
        match arguments {
            [] => Ok(Arguments::Flagship),
            ["--all"] => Ok(Arguments::All),
            ["--services"] => Ok(Arguments::Services),
            ["--help" | "-h"] => Ok(Arguments::Help),
            ["--nats", rest @ ..] => Nats::parse(rest).map(Arguments::Nats),
            ["--all" | "--services", other, ..] | [other, ..] => Err(format!(
                "`{other}` is not known here; `cargo demo` takes `--all`, `--nats`, `--services`, `--help` or nothing"
            )),
        }
    }
}

impl Nats {
    fn parse(arguments: &[&str]) -> Result<Self, String> {
        let mut nats = Nats::default();
        let mut rest = arguments;
        loop {
            rest = match rest {
                [] => return Ok(nats),
                ["--verbose", rest @ ..] => {
                    nats.verbose = true;
                    rest
                }
                ["--nats-server", path, rest @ ..] => {
                    nats.server = Some(path.into());
                    rest
                }
                ["--nats-server"] => return Err("`--nats-server` needs the path of a server behind it".into()),
                [other, ..] => {
                    return Err(format!(
                        "`{other}` is not known here; `cargo demo --nats` takes `--nats-server PATH` and `--verbose`"
                    ));
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_shown() {
        let nats = |server: Option<&str>, verbose| Arguments::Nats(Nats { server: server.map(PathBuf::from), verbose });
        for (arguments, expected) in [
            (&[][..], Arguments::Flagship),
            (&["--all"], Arguments::All),
            (&["-h"], Arguments::Help),
            (&["--services"], Arguments::Services),
            (&["--nats"], nats(None, false)),
            (&["--nats", "--verbose", "--nats-server", "/opt/nats"], nats(Some("/opt/nats"), true)),
        ] {
            assert_eq!(Arguments::parse(arguments), Ok(expected));
        }
    }

    #[test]
    fn one_message_names_what_is_not_known() {
        for (arguments, named) in [
            (&["--al"][..], "`--al`"),
            (&["--all", "--nats"], "`--nats` is not known here"),
            (&["--services", "--nats"], "`--nats` is not known here"),
            (&["--nats", "--all"], "`--all` is not known here"),
            (&["--nats-server", "x"], "`--nats-server` is not known here"),
            (&["--nats", "--nats-server"], "needs the path"),
        ] {
            let message = Arguments::parse(arguments).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }
}
