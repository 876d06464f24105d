//! How fast time passes in a simulation: a day of one request per second, in which one call of twenty fails.
//!
//! `cargo bench --bench sim` builds the command in release, which takes a quarter of an hour the first time. All runs on
//! one core. The bound is a day in 15 s, with an instance for each request. Beside the time that passed stands the time of
//! the processor, which does not depend on what else the machine does: that of the program, and that of the system for it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use steadfast_demo::command;
use steadfast_demo::guests::Guests;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What differs: how long instances live.
const ROWS: [(&str, &str); 2] = [("an instance for each request", "fresh"), ("instances that are used again", "reuse")];

fn main() -> Outcome<()> {
    let guests = Guests::build(&["http-hello", "greeter"])?;
    let steadfast = command::build("release")?;
    let folder = tempfile::tempdir()?;
    println!("| a day of one request per second | simulated and real time, ratio, speed | processor | ratio |");
    println!("| --- | --- | --- | --- |");
    for (row, instances) in ROWS {
        write(folder.path(), &guests, instances)?;
        let mut command = Command::new(&steadfast);
        command.args(["sim", "day.toml", "--jobs", "1"]).current_dir(folder.path());
        let before = processor();
        let output = command.output()?;
        let after = processor();
        let said = String::from_utf8(output.stdout)?;
        let time =
            said.lines().find_map(|line| line.strip_prefix("time")).ok_or_else(|| format!("no time in {said}"))?;
        let [program, system] = [0, 1].map(|part| (after[part] - before[part]).as_secs_f64());
        let ratio = 86_400.0 / (program + system).max(0.01);
        println!("| {row} | {} | {program:.2} s and {system:.2} s of the system | {ratio:.0} : 1 |", time.trim());
    }
    Ok(())
}

/// The time that the processor had for programs that this one ran, and the system for them. Zero where it does not say so.
fn processor() -> [Duration; 2] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may have spaces in it: the 16th and the 17th field, in hundredths of a second.
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(13);
    [(); 2].map(|()| Duration::from_millis(fields.next().and_then(|ticks| ticks.parse().ok()).unwrap_or(0) * 10))
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
