//! What goes wrong, what is then asked, and what is promised.

pub mod chain;
pub mod cron;
pub mod files;
pub mod flagship;
pub mod http_proxy;
mod many;
pub mod postgres;
pub mod shared_breaker;

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyper::Method;
use steadfast_host::sim::Time;
use steadfast_host::{Entry, Host, Journal, Manifest};
use tokio::net::TcpListener;

use crate::client::{self, Answer};
use crate::guests::Guests;
use crate::table::Row;

/// An example, with everything that its README promises.
pub struct Example {
    /// That of its folder.
    pub name: &'static str,
    /// The packages of its components.
    pub packages: &'static [&'static str],
    /// What goes wrong.
    pub scenarios: fn() -> Vec<Scenario>,
}

/// All examples; the first is the one that `cargo demo` shows.
pub const EXAMPLES: [Example; 6] =
    [flagship::EXAMPLE, postgres::EXAMPLE, http_proxy::EXAMPLE, chain::EXAMPLE, cron::EXAMPLE, shared_breaker::EXAMPLE];

/// The component files that the scenarios run, by the names that their manifests have for them.
pub struct Components {
    files: BTreeMap<&'static str, PathBuf>,
}

impl Components {
    /// Those of `packages`, and `composed`, which is two of them.
    pub fn prepare(guests: &Guests, packages: &[&'static str]) -> Result<Self, String> {
        let mut files: BTreeMap<_, _> =
            packages.iter().map(|package| (*package, guests.file(package).to_path_buf())).collect();
        let (hello, greeter) = (guests.file("http-hello"), guests.file("greeter"));
        let composed = hello.with_file_name("http_hello_composed.wasm");
        let bytes = steadfast_host::compose(hello, greeter).map_err(|error| error.to_string())?;
        std::fs::write(&composed, bytes).map_err(|error| format!("cannot write {}: {error}", composed.display()))?;
        files.insert("composed", composed);
        Ok(Components { files })
    }

    /// The bytes of the handler that the distributed scenarios run.
    pub fn hello_bytes(&self) -> Result<Vec<u8>, String> {
        read(&self.files["http-hello"])
    }

    /// The bytes of the handler within the composed component.
    pub fn hello_bytes_when_composed(&self) -> Result<Option<Vec<u8>>, String> {
        let hello = self.hello_bytes()?;
        let composed = read(&self.files["composed"])?;
        Ok(composed.windows(hello.len()).find(|window| *window == hello).map(<[u8]>::to_vec))
    }

    /// The manifest with the files in place of `{package}`.
    pub fn fill(&self, manifest: &str) -> String {
        self.files.iter().fold(manifest.to_string(), |text, (name, file)| {
            text.replace(&format!("{{{name}}}"), &file.display().to_string())
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// One host, what is wrong around it, and what it is asked.
pub struct Scenario {
    /// In a few words.
    pub name: &'static str,
    /// Whose host it is: scenarios of one name have the same manifest, but for the faults.
    pub host: &'static str,
    /// With `{package}` for the file of a component.
    pub manifest: String,
    /// The faults, as a manifest has them.
    pub faults: String,
    /// What chance comes from.
    pub seed: Option<u64>,
    /// One after the other.
    pub steps: Vec<Step>,
}

/// One request, or one run of a job, and what is promised.
pub struct Step {
    /// What went wrong, for people.
    pub injected: &'static str,
    /// When to ask, since the host was ready.
    pub at: Duration,
    /// Whether to wait first for as long as the answer before said in `Retry-After`.
    pub when_told: bool,
    /// What is asked.
    pub ask: Ask,
    /// 0 for a job, which has none.
    pub status: u16,
    /// What the answer says.
    pub read: Read,
    /// When to ask again, in seconds.
    pub retry_after: Option<&'static str>,
    /// How many are made since the step before.
    pub calls: RangeInclusive<u64>,
    /// How long it takes.
    pub took: Range<Duration>,
}

/// A request, or a run of a job.
#[derive(Clone, Copy)]
pub enum Ask {
    /// A path.
    Get(&'static str),
    /// A path and a body.
    Post(&'static str, &'static str),
    /// So many, one after another.
    Times(&'static str, usize),
    /// So many at a time.
    AtOnce(&'static str, usize),
    /// Wait for the next run of a job.
    Job(&'static str),
}

/// What is read.
#[derive(Clone, Copy)]
pub enum Read {
    /// This text.
    Text(&'static str),
    /// A problem with this cause.
    Problem(&'static str),
    /// A problem with this cause, whose detail says this.
    Detail(&'static str, &'static str),
    /// A problem of this type.
    Type(&'static str),
    /// Nothing.
    Empty,
    /// A text that begins so.
    Start(&'static str),
    /// Whatever it is.
    Any,
    /// What became of a run: `ok`, or why it failed.
    Run(&'static str),
    /// How many of the answers are of each kind.
    Answers(&'static [(&'static str, usize)]),
}

/// Where no time is promised: a busy machine may take its own.
pub const SOME_TIME: Duration = Duration::from_secs(10);

/// So many milliseconds.
pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A request that comes at once, or a run of a job, and what is promised.
pub fn step(injected: &'static str, ask: Ask, status: u16, read: Read, calls: u64) -> Step {
    Step {
        injected,
        at: Duration::ZERO,
        when_told: false,
        ask,
        status,
        read,
        retry_after: None,
        calls: calls..=calls,
        took: Duration::ZERO..SOME_TIME,
    }
}

impl Scenario {
    /// As `steadfast serve` takes it.
    fn manifest_with_faults(&self) -> String {
        let seed = self.seed.map_or(String::new(), |seed| format!("seed = {seed}\n"));
        format!("{seed}{}\n{}", self.manifest, self.faults)
    }

    /// Starts a host on a free port and asks it what the scenario says.
    pub async fn run(&self, components: &Components) -> Result<Vec<Row>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("scenario `{}`: {error}", self.name);
        let manifest = components.fill(&self.manifest_with_faults());
        let manifest = Manifest::parse(&manifest, "demo.toml").map_err(|error| failed(&error))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let host = Host::load(&manifest, Time::Real).map_err(|error| failed(&error))?;
        let ready = Instant::now();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = host.clone();
        let server = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            server.serve(listener, stopped).await;
        });

        let mut rows = Vec::new();
        let mut runs = 0;
        let mut told = Duration::ZERO;
        let mut before = 0;
        for step in &self.steps {
            // Nothing is at stake here but the time of the request, so sleeping is the point.
            tokio::time::sleep(step.at.saturating_sub(ready.elapsed())).await;
            if step.when_told {
                tokio::time::sleep(told).await;
            }
            let mut since = || {
                let all = calls(host.journal());
                all - std::mem::replace(&mut before, all)
            };
            let answer = match step.ask {
                Ask::Get(path) => client::send(address, Method::GET, path, "").await,
                Ask::Post(path, body) => client::send(address, Method::POST, path, body).await,
                Ask::Times(path, _) | Ask::AtOnce(path, _) => {
                    let start = Instant::now();
                    let answers = many::ask(address, path, step.ask).await.map_err(|error| failed(&error))?;
                    let calls = since();
                    told = answers.last().map(many::told).unwrap_or_default();
                    rows.push(step.row_of_many(&answers, calls, start.elapsed()));
                    continue;
                }
                Ask::Job(job) => {
                    rows.push(step.watch(job, runs, host.journal()).await.map_err(|error| failed(&error))?);
                    runs += 1;
                    since();
                    continue;
                }
            };
            let answer = answer.map_err(|error| failed(&error))?;
            let calls = since();
            told = many::told(&answer);
            rows.push(step.row(&answer, calls));
        }
        let _ = stop.send(());
        server.await.map_err(|error| failed(&error))?;
        Ok(rows)
    }
}

/// How many calls there were, without those of the store, in which a policy keeps what it remembers.
fn calls(journal: &Journal) -> u64 {
    let of_the_store = journal.entries().iter().filter(|entry| entry.target.starts_with("wasi:keyvalue/")).count();
    journal.total() - of_the_store as u64
}

impl Step {
    /// What came of it, beside what was promised.
    pub fn row(&self, answer: &Answer, calls: u64) -> Row {
        Row {
            injected: self.injected.into(),
            request: self.ask.to_string(),
            http: answer.status.to_string(),
            read: readable(answer, self.read),
            calls,
            took: answer.took,
            broken_promise: self.broken_promise(answer, calls),
        }
    }

    /// Waits until a job has run once more than `runs` times.
    async fn watch(&self, job: &str, runs: usize, journal: &Journal) -> Result<Row, String> {
        let patience = Instant::now() + 2 * SOME_TIME;
        let run = loop {
            if let Some(run) = journal.entries().into_iter().filter(|entry| entry.target == job).nth(runs) {
                break run;
            }
            if Instant::now() > patience {
                return Err(format!("`{job}` did not run"));
            }
            tokio::time::sleep(ms(10)).await;
        };
        let during = |entry: &Entry| entry.target != job && (run.at..=run.at + run.took).contains(&entry.at);
        let calls = journal.entries().iter().filter(|entry| during(entry)).count() as u64;
        let read = run.outcome.map_or_else(|(cause, _)| format!("failed: {cause}"), |()| "ok".into());
        let broken_promise = match self.read {
            Read::Run(outcome) if outcome != read => Some(format!("promised {outcome}")),
            _ => self.broken_measure(calls, run.took),
        };
        let (injected, request) = (self.injected.into(), self.ask.to_string());
        Ok(Row { injected, request, http: "-".into(), read, calls, took: run.took, broken_promise })
    }

    fn broken_promise(&self, answer: &Answer, calls: u64) -> Option<String> {
        let problem = |member: &str| -> Option<String> {
            let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
            let typed = answer.content_type.as_deref() == Some("application/problem+json");
            let consistent = body["status"] == answer.status && body["instance"] == self.ask.path();
            (typed && consistent).then(|| body[member].as_str().map(str::to_string))?
        };
        let has = |member: &str, value: &str| problem(member).is_some_and(|found| found == value);
        let as_promised = match self.read {
            Read::Text(text) => answer.body == text,
            Read::Problem(cause) => has("cause", cause),
            Read::Detail(cause, text) => {
                has("cause", cause) && problem("detail").is_some_and(|found| found.contains(text))
            }
            Read::Type(kind) => problem("type").is_some_and(|found| found.ends_with(kind)),
            Read::Empty => answer.body.is_empty(),
            Read::Start(text) => answer.body.starts_with(text),
            Read::Any => true,
            Read::Run(_) | Read::Answers(_) => false,
        };
        if answer.status != self.status {
            Some(format!("promised {}", self.status))
        } else if !as_promised {
            Some("not the promised body".into())
        } else if answer.retry_after.as_deref() != self.retry_after {
            Some(format!("promised Retry-After {:?}", self.retry_after))
        } else {
            self.broken_measure(calls, answer.took)
        }
    }

    pub(super) fn broken_measure(&self, calls: u64, took: Duration) -> Option<String> {
        if !self.calls.contains(&calls) {
            Some(format!("promised {:?} calls", self.calls))
        } else if !self.took.contains(&took) {
            Some(format!("promised {:?}", self.took))
        } else {
            None
        }
    }
}

impl Ask {
    /// What is asked for.
    pub fn path(&self) -> &'static str {
        match self {
            Ask::Get(path) | Ask::Post(path, _) | Ask::Times(path, _) | Ask::AtOnce(path, _) | Ask::Job(path) => path,
        }
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ask::Get(path) => f.write_str(path),
            Ask::Post(path, body) => write!(f, "POST {path} {body}"),
            Ask::Times(path, 1) => f.write_str(path),
            Ask::Times(path, count) => write!(f, "{count} times {path}"),
            Ask::AtOnce(path, count) => write!(f, "{count} at once {path}"),
            Ask::Job(job) => write!(f, "(on schedule) {job}"),
        }
    }
}

/// What a person would take from the answer, who looks for what `promise` says.
fn readable(answer: &Answer, promise: Read) -> String {
    let mut text = match serde_json::from_str::<serde_json::Value>(&answer.body) {
        Ok(problem) if problem.is_object() => {
            let kind = problem["type"].as_str().unwrap_or_default();
            let kind = kind.rsplit(':').next().unwrap_or_default();
            let mut text = format!("problem: {kind}, attempts: {}", problem["attempts"]);
            if let Read::Detail(_, detail) = promise
                && problem["detail"].as_str().is_some_and(|found| found.contains(detail))
            {
                text += &format!(", \"{detail}\"");
            }
            text
        }
        _ if answer.body.is_empty() => "(nothing)".into(),
        _ => answer.body.trim_end().replace('\n', ", "),
    };
    if let Some(seconds) = &answer.retry_after {
        text += &format!(", Retry-After: {seconds}");
    }
    text
}
