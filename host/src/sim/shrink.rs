//! The smallest scenario that still fails: with less weather, less traffic, and only what did not hold.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::figures::Run;
use super::play::play;
use super::scenario::Scenario;
use crate::error::Error;

/// A scenario that fails as another does, and has less in it.
#[derive(Debug)]
pub struct Shrunk {
    table: Table,
    scenario: Scenario,
    before: Run,
    after: Run,
}

/// So often a smaller scenario is tried.
const TRIES: usize = 200;

impl Scenario {
    /// Takes away from the scenario what its failure with this seed does not need; none, if it does not fail.
    ///
    /// # Errors
    /// [`Error`], when the components cannot be loaded, or the scenario names what they do not have.
    ///
    /// # Panics
    /// On a thread of a tokio runtime: simulated time has one of its own.
    ///
    /// ```no_run
    /// let scenario = steadfast_host::sim::Scenario::read("outage.toml")?;
    /// if let Some(shrunk) = scenario.shrink(7)? {
    ///     println!("{shrunk}");
    ///     std::fs::write("smaller.toml", shrunk.to_toml("smaller.toml".as_ref())).unwrap();
    /// }
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn shrink(&self, seed: u64) -> Result<Option<Shrunk>, Error> {
        let run = |scenario: &Scenario| play(scenario, seed).map(|play| Run::of(scenario, seed, &play, 1));
        let before = run(self)?;
        let failed: BTreeSet<&str> = failed(&before).collect();
        if failed.is_empty() {
            return Ok(None);
        }
        let Ok(table) = self.text.parse::<Table>() else { return Ok(None) };
        let mut best = Shrunk { table, scenario: self.clone(), before: before.clone(), after: before.clone() };
        let mut tries = 0;
        // Where one was smaller, those that were tried before it may be smaller too now.
        while let Some(smaller) = candidates(&best.table).into_iter().find_map(|table| {
            tries += 1;
            // One that makes no sense is none, such as one without any traffic.
            let scenario = Scenario::parse(&table.to_string(), &self.path).ok().filter(|_| tries <= TRIES)?;
            let after = run(&scenario).ok()?;
            let fails = self::failed(&after).any(|name| failed.contains(name));
            fails.then(|| Shrunk { table, scenario, before: before.clone(), after })
        }) {
            best = smaller;
        }
        Ok(Some(best))
    }
}

/// The names of the properties that did not hold.
fn failed(run: &Run) -> impl Iterator<Item = &str> {
    run.properties.iter().filter(|property| !property.held).map(|property| property.name.as_str())
}

/// All scenarios that have one thing less, those first that have much less.
fn candidates(table: &Table) -> Vec<Table> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Table) -> Option<()>| {
        let mut smaller = table.clone();
        if change(&mut smaller).is_some() && smaller != *table {
            all.push(smaller);
        }
    };
    let length = |path: &[&str]| list(&mut table.clone(), path).map_or(0, |list| list.len());
    for number in 0..length(&["weather"]) {
        with(&|table| list(table, &["weather"]).map(|list| drop(list.remove(number))));
    }
    with(&|table| halve_time(table.get_mut("traffic")?.as_table_mut()?.get_mut("duration")?));
    for key in ["requests-per-second", "clients", "burst"] {
        with(&|table| halve(table.get_mut("traffic")?.as_table_mut()?.get_mut(key)?));
    }
    // Of requests in a list, the last: the others keep their numbers.
    with(&|table| list(table, &["requests"]).and_then(Vec::pop).map(drop));
    with(&|table| table.remove("copies").map(drop));
    with(&|table| table.remove("instances").map(drop));
    // The last path and the last expectation are needed; without them, the scenario makes no sense or does not fail.
    for number in 0..length(&["traffic", "paths"]) {
        with(&|table| list(table, &["traffic", "paths"]).map(|list| drop(list.remove(number))));
    }
    for number in 0..length(&["expect", "calls"]) {
        with(&|table| list(table, &["expect", "calls"]).map(|list| drop(list.remove(number))));
    }
    for number in 0..length(&["expect", "breakers"]) {
        with(&|table| list(table, &["expect", "breakers"]).map(|list| drop(list.remove(number))));
    }
    for key in ["success", "p50", "p99", "recovers-within"] {
        with(&|table| table.get_mut("expect")?.as_table_mut()?.remove(key).map(drop));
    }
    all
}

fn list<'t>(table: &'t mut Table, path: &[&str]) -> Option<&'t mut Vec<Value>> {
    match path {
        [key] => table.get_mut(*key)?.as_array_mut(),
        [key, rest @ ..] => list(table.get_mut(*key)?.as_table_mut()?, rest),
        [] => None,
    }
}

/// In whole milliseconds, which people read.
fn halve_time(value: &mut Value) -> Option<()> {
    let time = humantime::parse_duration(value.as_str()?).ok()?;
    let half = Duration::from_millis(u64::try_from(time.as_millis() / 2).ok().filter(|half| *half > 0)?);
    *value = Value::String(humantime::format_duration(half).to_string());
    Some(())
}

fn halve(value: &mut Value) -> Option<()> {
    match value {
        Value::Integer(number) if *number > 1 => *number /= 2,
        Value::Float(number) if *number > 0.01 => *number /= 2.0,
        _ => return None,
    }
    Some(())
}

impl Shrunk {
    /// The scenario, for a file at this path.
    ///
    /// ```no_run
    /// # fn example(shrunk: steadfast_host::sim::Shrunk) {
    /// println!("{}", shrunk.to_toml("smaller.toml".as_ref()));
    /// # }
    /// ```
    pub fn to_toml(&self, path: &Path) -> String {
        let mut table = self.table.clone();
        let folder = |path: &Path| path.parent().unwrap_or(Path::new("")).to_path_buf();
        let manifest =
            table.get("manifest").and_then(Value::as_str).map(|manifest| folder(&self.scenario.path).join(manifest));
        // Beside the scenario it came from, the manifest is where it was.
        if let Some(manifest) = manifest.filter(|_| folder(path) != folder(&self.scenario.path)) {
            let manifest = std::path::absolute(&manifest).unwrap_or(manifest);
            table.insert("manifest".into(), Value::String(manifest.display().to_string()));
        }
        table.to_string()
    }
}

/// What is left, of what there was.
impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrunk { before, after, .. } = self;
        let time = |run: &Run| super::summary::time(run.lasted);
        write!(
            f,
            "{} of {} requests, {} of {}, {} of {} in the weather",
            after.requests,
            before.requests,
            time(after),
            time(before),
            after.weather.len(),
            before.weather.len()
        )?;
        let property = after.properties.iter().find(|property| !property.held);
        property.map_or(Ok(()), |property| {
            write!(f, "; {}: {}; expected {}", property.name, property.found, property.expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_candidate_has_one_thing_less() {
        let text = "copies = 2\n[traffic]\nduration = '10s'\nrequests-per-second = 5\npaths = [{ path = '/a' }]\n\
                    [[weather]]\nkind = 'drop'\n[[weather]]\nkind = 'trap'\n[expect]\np99 = '1s'\n";
        let all: Vec<String> = candidates(&text.parse().unwrap()).iter().map(Table::to_string).collect();
        assert_eq!(all.len(), 7, "{all:?}");
        assert!(!all[0].contains("drop") && all[0].contains("trap"), "{}", all[0]);
        assert!(!all[1].contains("trap") && all[1].contains("drop"), "{}", all[1]);
        let lacks = ["'drop'", "'trap'", "\"10s\"", "= 5", "copies", "/a", "p99"];
        for (smaller, lack) in all.iter().zip(lacks).skip(2) {
            assert!(!smaller.contains(lack), "{lack}: {smaller}");
        }
        assert!(all[2].contains("duration = \"5s\"") && all[3].contains("requests-per-second = 2"), "{all:?}");
    }
}
