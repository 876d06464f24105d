//! `cargo demo`: components, every failure of what is between them, and what a client gets to see.

#[cfg(unix)]
mod messages;
#[cfg(unix)]
mod nats;
#[cfg(unix)]
mod services;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use sha2::{Digest, Sha256};
use steadfast_demo::arguments::{Arguments, HELP};
use steadfast_demo::guests::Guests;
use steadfast_demo::scenario::{Components, EXAMPLES, Example};
use steadfast_demo::table;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match Arguments::parse(&arguments) {
        Ok(Arguments::Flagship) => run(&EXAMPLES[..1]).await,
        Ok(Arguments::All) => run(&EXAMPLES).await,
        #[cfg(unix)]
        Ok(Arguments::Nats(options)) => nats::run(&options).await,
        #[cfg(not(unix))]
        Ok(Arguments::Nats(_)) => Err("`--nats` stops and kills processes with signals, which needs Unix".into()),
        #[cfg(unix)]
        Ok(Arguments::Services) => services::run().await,
        #[cfg(not(unix))]
        Ok(Arguments::Services) => Err("`--services` stops and kills processes with signals, which needs Unix".into()),
        Ok(Arguments::Help) => {
            println!("{HELP}");
            Ok(true)
        }
        Err(error) => Err(error),
    };
    match outcome {
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

    Ok(same_bytes(&components)? && as_promised)
}

/// Says whether the distributed scenarios and the composed one run the same bytes of http-hello.
fn same_bytes(components: &Components) -> Result<bool, String> {
    let distributed = components.hello_bytes()?;
    let composed = components.hello_bytes_when_composed()?;
    println!("http-hello.wasm  distributed  sha-256 {}", hash(&distributed));
    println!("http-hello.wasm  composed     sha-256 {}", composed.as_deref().map_or("not found".into(), hash));
    let same = composed.as_deref() == Some(&distributed[..]);
    println!("{}", if same { "The same bytes." } else { "NOT the same bytes." });
    Ok(same)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
