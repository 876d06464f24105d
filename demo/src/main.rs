//! `cargo demo`: components, every failure of what is between them, and what a client gets to see.

mod client;
mod scenario;
mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use sha2::{Digest, Sha256};
use steadfast_demo::guests::Guests;

use scenario::{Components, EXAMPLES, Example};

const HELP: &str = "\
Shows what components do when the lattice between them fails: builds the examples, runs them in the host, breaks what
is between them on purpose, and prints what a client gets. Ends with 0 if every row is as promised.

Usage: cargo demo [--all]

Options:
  --all   all examples, and not only http-hello
  --help  this text";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let examples = match arguments[..] {
        [] => &EXAMPLES[..1],
        ["--all"] => &EXAMPLES[..],
        ["--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ["--all", other, ..] | [other, ..] => {
            eprintln!("error: `{other}` is not known; `cargo demo` takes `--all`, `--help` or nothing");
            return ExitCode::FAILURE;
        }
    };
    match run(examples).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: not every row is as promised; see the last column");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(examples: &[Example]) -> Result<bool, String> {
    let packages: BTreeSet<_> = examples.iter().flat_map(|example| example.packages).copied().collect();
    let packages: Vec<_> = packages.into_iter().collect();
    eprintln!("building the components: {}", packages.join(", "));
    let components = Components::prepare(&Guests::build(&packages)?, &packages)?;

    let mut as_promised = true;
    for example in examples {
        if examples.len() > 1 {
            println!("## {}\n", example.name);
        }
        let start = Instant::now();
        let mut rows = Vec::new();
        let scenarios = (example.scenarios)();
        for (index, scenario) in scenarios.iter().enumerate() {
            eprintln!("scenario {} of {}: {}", index + 1, scenarios.len(), scenario.name);
            rows.extend(scenario.run(&components).await?);
        }
        println!("{}", table::draw(&rows));
        if examples.len() > 1 {
            println!("{} rows in {:.1} s\n", rows.len(), start.elapsed().as_secs_f32());
        }
        as_promised &= rows.iter().all(|row| row.broken_promise.is_none());
    }

    let distributed = components.hello_bytes()?;
    let composed = components.hello_bytes_when_composed()?;
    println!("http-hello.wasm  distributed  sha-256 {}", hash(&distributed));
    println!("http-hello.wasm  composed     sha-256 {}", composed.as_deref().map_or("not found".into(), hash));
    let same = composed.as_deref() == Some(&distributed[..]);
    println!("{}", if same { "The same bytes." } else { "NOT the same bytes." });
    Ok(same && as_promised)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
