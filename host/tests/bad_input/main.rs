//! What the command says of mistakes: each ends with exit status 1 and one line that names the place, what was
//! expected and what to do.

mod component;
mod components;
mod compose;
mod cron;
mod damage;
mod links;
mod manifest;
mod nats;
mod new;
#[cfg(feature = "otlp")]
mod otlp;
mod places;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use component::component;

/// A folder of its own for each test, in which the command runs: so its messages name no path of this machine.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder for the test"))
    }

    fn with(self, file: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(file), content).expect("the folder is ours");
        self
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// What `steadfast serve` says of a manifest, `hello.toml`.
    fn serve(&self, manifest: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path("hello.toml"), manifest).expect("the folder is ours");
        self.refusal(&["serve", "--manifest", "hello.toml", "--listen", "127.0.0.1:0"])
    }

    /// What `steadfast compose` says of two components.
    fn compose(&self, app: &str, provider: &str) -> String {
        self.refusal(&["compose", app, provider, "-o", "composed.wasm"])
    }

    /// The one line that the command says before it ends with status 1.
    fn refusal(&self, arguments: &[&str]) -> String {
        self.refusal_with(arguments, &[])
    }

    /// The same, with variables in the environment.
    fn refusal_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        // A server that started would run for ever, but it says so first.
        let mut said = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut said).expect("the command writes text");
        if !said.is_empty() {
            let _ = child.kill();
        }
        let output = child.wait_with_output().expect("the command ends");
        let stderr = String::from_utf8(output.stderr).expect("the command writes text");
        assert_eq!(said, "", "{arguments:?} was no mistake: {stderr}");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
        let message = stderr.strip_prefix("error: ").and_then(|message| message.strip_suffix('\n'));
        let message = message.unwrap_or_else(|| panic!("no line that begins with `error: `: {stderr}"));
        assert!(!message.contains('\n'), "more than one line: {stderr}");
        message.into()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(arguments).current_dir(self.0.path());
        // What a developer has set: a backtrace would show, and a log might.
        command.env("RUST_BACKTRACE", "1").env_remove("RUST_LOG");
        command
    }
}

/// `acme:greeter/api` in some version, with these functions.
fn greeter(version: &str, functions: &str) -> String {
    format!("package acme:greeter@{version} {{ interface api {{ {functions} }} }}")
}

const GREET: &str = "greet: func(name: string) -> string;";

/// A component that answers HTTP, and imports `acme:greeter/api@0.1.0` with these functions.
fn app(functions: &str) -> Vec<u8> {
    let world = "import acme:greeter/api@0.1.0; export wasi:http/incoming-handler@0.2.0;";
    component(&greeter("0.1.0", functions), world)
}

/// A component that exports `acme:greeter/api` in some version, with these functions.
fn provider(version: &str, functions: &str) -> Vec<u8> {
    component(&greeter(version, functions), &format!("export acme:greeter/api@{version};"))
}

/// A component that answers HTTP, and needs nobody.
fn handler() -> Vec<u8> {
    component("", "export wasi:http/incoming-handler@0.2.0;")
}

/// A manifest that runs `app.wasm`, with more lines from the second on.
fn with(lines: &str) -> String {
    format!("component = 'app.wasm'\n{lines}\n")
}

/// A manifest that runs `app.wasm` and links `acme:greeter/api` to a component, in its third line.
fn linked_to(component: &str) -> String {
    with(&format!("[links]\n'acme:greeter/api' = {{ component = '{component}' }}"))
}
