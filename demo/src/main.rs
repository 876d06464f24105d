//! `cargo demo`: one component, every failure of its lattice, and what a client gets to see.

mod client;
mod scenario;
mod table;

use std::process::ExitCode;

use sha2::{Digest, Sha256};
use steadfast_demo::guests::Guests;

use scenario::Components;

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        eprintln!("error: `{argument}` is not known; `cargo demo` takes no arguments");
        return ExitCode::FAILURE;
    }
    match run().await {
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

async fn run() -> Result<bool, String> {
    eprintln!("building the components: http-hello, greeter, http-hello-plain");
    let guests = Guests::build(&["http-hello", "greeter", "http-hello-plain"])?;
    let components = Components::prepare(&guests)?;

    let mut rows = Vec::new();
    let scenarios = scenario::all();
    for (index, scenario) in scenarios.iter().enumerate() {
        eprintln!("scenario {} of {}: {}", index + 1, scenarios.len(), scenario.name);
        rows.extend(scenario.run(&components).await?);
    }
    println!("{}", table::draw(&rows));

    let distributed = components.hello_bytes()?;
    let composed = components.hello_bytes_when_composed()?;
    println!("http-hello.wasm  distributed  sha-256 {}", hash(&distributed));
    println!("http-hello.wasm  composed     sha-256 {}", composed.as_deref().map_or("not found".into(), hash));
    let same = composed.as_deref() == Some(&distributed[..]);
    println!("{}", if same { "The same bytes." } else { "NOT the same bytes." });
    Ok(same && rows.iter().all(|row| row.broken_promise.is_none()))
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
