//! How fast time passes in a simulation: a day of one request per second, in which one call of twenty fails.
//!
//! `cargo bench --bench sim` builds the command in release, which takes a quarter of an hour the first time. All runs on
//! one core. The bound is a day in 15 s, with an instance for each request.

use std::path::Path;
use std::process::Command;

use steadfast_demo::command;
use steadfast_demo::guests::Guests;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What differs: how long instances live.
const ROWS: [(&str, &str); 2] = [("an instance for each request", "fresh"), ("instances that are used again", "reuse")];

fn main() -> Outcome<()> {
    let guests = Guests::build(&["http-hello", "greeter"])?;
    let steadfast = command::build("release")?;
    let folder = tempfile::tempdir()?;
    println!("| a day of one request per second | simulated and real time, ratio, speed |\n| --- | --- |");
    for (row, instances) in ROWS {
        write(folder.path(), &guests, instances)?;
        let mut command = Command::new(&steadfast);
        command.args(["sim", "day.toml", "--jobs", "1"]).current_dir(folder.path());
        let output = command.output()?;
        let said = String::from_utf8(output.stdout)?;
        let time =
            said.lines().find_map(|line| line.strip_prefix("time")).ok_or_else(|| format!("no time in {said}"))?;
        println!("| {row} | {} |", time.trim());
    }
    Ok(())
}

fn write(folder: &Path, guests: &Guests, instances: &str) -> Outcome<()> {
    let manifest = format!(
        "component = '{}'\ninstances = '{instances}'\n[links]\n'acme:greeter/api' = {{ component = '{}' }}\n",
        guests.file("http-hello").display(),
        guests.file("greeter").display(),
    );
    std::fs::write(folder.join("hello.toml"), manifest)?;
    std::fs::write(
        folder.join("day.toml"),
        "manifest = 'hello.toml'\n[traffic]\nrequests-per-second = 1\nduration = '1day'\n\
         paths = [{ path = '/strict/Ada' }]\n[[weather]]\nkind = 'no-target'\nrate = '5%'\n",
    )?;
    Ok(())
}
