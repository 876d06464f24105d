//! The file that says what a simulation is of: a manifest, traffic, weather, and what is expected.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::expect::{Expect, FileExpect};
use super::script::{FileRequest, Promise};
use super::traffic::{FileTraffic, Load, MAX_REQUESTS, Traffic, Turn};
use crate::error::Error;
use crate::lattice::Fault;
use crate::manifest::{Document, FileFault, Instances, Manifest, TableOf, read_text, value};

/// A simulation that can be run: read from TOML.
///
/// ```no_run
/// use steadfast_host::sim::Scenario;
///
/// let outcome = Scenario::read("outage.toml")?.run(&[1], 1)?;
/// assert!(outcome.held(), "{outcome}");
/// # Ok::<(), steadfast_host::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where it was read from.
    pub(super) path: PathBuf,
    /// As it was written; empty, where it was described in code.
    pub(super) text: String,
    pub(super) manifest: Manifest,
    pub(super) seed: u64,
    pub(super) traffic: Traffic,
    /// Faults, beside those of the manifest.
    pub(super) weather: Vec<Fault>,
    pub(super) expect: Expect,
    /// How often the app is there.
    pub(super) copies: usize,
    pub(super) instances: Lifetime,
}

/// How long instances live that are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Lifetime {
    /// For so many requests or calls.
    pub requests: Option<u64>,
    /// Until these times.
    pub restarts: Vec<Duration>,
}

impl Scenario {
    /// Reads a scenario, and the manifest that it names.
    ///
    /// # Errors
    /// [`Error::Read`] when a file is missing, [`Error::Manifest`] when one is wrong.
    ///
    /// ```
    /// assert!(steadfast_host::sim::Scenario::read("no-such-file.toml").is_err());
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let hint = "give the path of a scenario, a TOML file that names a manifest and has a table `[traffic]`";
        let text = read_text(path, hint, "save the scenario as UTF-8")?;
        Scenario::parse(&text, path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let document = Document::new(text, path);
        let file: File = document.read(document.table(&TABLES)?)?;
        let located = |line: usize, problem| document.wrong(Some(line), problem);
        let missing = |problem: &str| document.wrong(None, problem.into());
        let manifest = file.manifest.ok_or_else(|| {
            missing("`manifest` is missing; add the path of the manifest to simulate, like `manifest = \"hello.toml\"`")
        })?;
        let manifest = path.parent().unwrap_or(Path::new("")).join(manifest);
        let manifest = Manifest::read(manifest)?;
        let line_of = &|offset: usize| document.line_of(offset);
        let (traffic, promises) = match (file.traffic, file.requests) {
            (Some(traffic), requests) if requests.is_empty() => {
                let line = line_of(traffic.span().start);
                let traffic = traffic.into_inner().check(line, line_of);
                (traffic.map_err(|(line, problem)| located(line, problem))?, Vec::new())
            }
            (None, requests) if !requests.is_empty() => {
                in_turn(requests, &manifest, line_of).map_err(|(line, problem)| located(line, problem))?
            }
            (None, _) => {
                return Err(missing(
                    "`[traffic]` is missing; say how many requests come, like `requests-per-second = 20`, \
                                    or list them, each below a `[[requests]]`, like `path = \"/hello/Ada\"`",
                ));
            }
            (Some(traffic), _) => {
                let problem = "`[traffic]` and `[[requests]]` both say who asks; remove one of them";
                return Err(located(line_of(traffic.span().start), problem.into()));
            }
        };
        let weather = file.weather.into_iter().map(|fault| {
            let line = document.line_of(fault.span().start);
            fault.into_inner().check(line, &manifest.http).map_err(|problem| located(line, problem))
        });
        let weather = weather.collect::<Result<Vec<_>, Error>>()?;
        let mut expect =
            file.expect.check(&manifest.http, line_of).map_err(|(line, problem)| located(line, problem))?;
        expect.promises = promises;
        let all: Vec<_> = manifest.faults.iter().chain(&weather).collect();
        if let Some((line, problem)) = expect.unseen(&all) {
            return Err(document.wrong(line, problem));
        }
        let instances = match file.instances {
            Some(instances) if manifest.instances == Instances::Fresh => {
                let line = document.line_of(instances.span().start);
                let problem = "`[instances]` says how long instances live that are used again, and each serves one request; \
                               add `instances = \"reuse\"` to the manifest";
                return Err(located(line, problem.into()));
            }
            instances => instances.map(Spanned::into_inner).unwrap_or_default(),
        };
        Ok(Scenario {
            path: path.into(),
            text: text.into(),
            manifest,
            seed: file.seed.unwrap_or(1),
            traffic,
            weather,
            expect,
            copies: usize::try_from(file.copies.unwrap_or(1)).unwrap_or(1),
            instances: Lifetime {
                requests: instances.requests,
                restarts: instances.restarts.into_iter().filter_map(|Time(at)| at).collect(),
            },
        })
    }

    /// The seed of the file, or 1.
    ///
    /// ```no_run
    /// let scenario = steadfast_host::sim::Scenario::read("outage.toml")?;
    /// let outcome = scenario.run(&[scenario.seed()], 1)?;
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl Scenario {
    /// What else than the components and their settings is not as in the other scenario, in words. A comparison of the two
    /// says little of policies then.
    ///
    /// ```no_run
    /// use steadfast_host::sim::Scenario;
    ///
    /// let naive = Scenario::read("naive.toml")?;
    /// assert_eq!(naive.differs_from(&Scenario::read("right.toml")?), ["traffic"]);
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn differs_from(&self, other: &Scenario) -> Vec<&'static str> {
        let weather = |scenario: &Scenario| -> Vec<Fault> {
            let all = scenario.manifest.faults.iter().chain(&scenario.weather);
            all.map(|fault| Fault { line: 0, ..fault.clone() }).collect()
        };
        let all = [
            // Not what is asked for: a component that has several versions of a policy tells them apart by the path.
            ("traffic", (&self.traffic.load, self.traffic.duration) == (&other.traffic.load, other.traffic.duration)),
            ("weather", weather(self) == weather(other)),
            ("seed", self.seed == other.seed),
        ];
        all.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
    }
}

/// The traffic of requests that come one after the other, and what is expected of each.
fn in_turn(
    requests: Vec<Spanned<FileRequest>>,
    manifest: &Manifest,
    line_of: &dyn Fn(usize) -> usize,
) -> Result<(Traffic, Vec<Promise>), (usize, String)> {
    let (mut turns, mut paths, mut promises): (Vec<Turn>, _, _) = (Vec::new(), Vec::new(), Vec::new());
    for request in requests {
        let line = line_of(request.span().start);
        let number = 1 + turns.iter().map(|turn| turn.count).sum::<usize>();
        let (turn, asked, promise) = request.into_inner().check(number).map_err(|problem| (line, problem))?;
        if (number - 1 + turn.count) as u64 > MAX_REQUESTS {
            return Err((line, format!("with these there are more than {MAX_REQUESTS} requests, which are the most")));
        }
        if let Some(job) = &turn.job
            && !manifest.cron.iter().any(|cron| cron.target() == *job)
        {
            let jobs: Vec<String> = manifest.cron.iter().map(|cron| format!("`{}`", cron.target())).collect();
            let jobs = if jobs.is_empty() { "none".into() } else { jobs.join(", ") };
            return Err((line, format!("`job` is `{job}`, and the manifest has none of this name; it has {jobs}")));
        }
        turns.push(turn);
        paths.push(asked);
        promises.push(promise);
    }
    // An axis of time has some length.
    let duration = turns.iter().filter_map(|turn| turn.at).max().unwrap_or_default().max(Duration::from_secs(1));
    Ok((Traffic { load: Load::InTurn(turns), duration, paths }, promises))
}

const TABLES: [TableOf; 5] = [
    ("instances", "table", "one table, `[instances]`, like `restarts = [\"30s\"]` below it"),
    ("traffic", "table", "one table, `[traffic]`, like `requests-per-second = 20` below it"),
    ("requests", "array", "a list of tables, each below a `[[requests]]` of its own"),
    ("weather", "array", "a list of tables, each below a `[[weather]]` of its own"),
    ("expect", "table", "one table, `[expect]`, like `success = \"99%\"` below it"),
];

/// The file, before it is checked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "value::manifest")]
    manifest: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::seed")]
    seed: Option<u64>,
    #[serde(default, deserialize_with = "value::copies")]
    copies: Option<u64>,
    instances: Option<Spanned<FileInstances>>,
    traffic: Option<Spanned<FileTraffic>>,
    #[serde(default)]
    requests: Vec<Spanned<FileRequest>>,
    #[serde(default)]
    weather: Vec<Spanned<FileFault>>,
    #[serde(default)]
    expect: FileExpect,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `restarts = [\"30s\"]`")]
struct FileInstances {
    #[serde(default, deserialize_with = "value::some_count")]
    requests: Option<u64>,
    #[serde(default)]
    restarts: Vec<Time>,
}

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "value::duration")] Option<Duration>);
