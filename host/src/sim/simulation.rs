//! A simulation that a test describes: a component, faults, and requests at times that are known.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{Answers, Stage};
use super::built::built;
use super::expect::Expect;
use super::play::{Play, play};
use super::scenario::{Lifetime, Scenario};
use super::traffic::{Asked, Load, Traffic, parse_asked};
use crate::error::Error;
use crate::lattice::{Fault, FaultKind};
use crate::manifest::{Manifest, parse_fault, parse_on};

/// A component in simulated time, for a test: what is linked to it, what goes wrong, and who asks it when.
///
/// ```no_run
/// use std::time::Duration;
/// use steadfast_host::sim::Simulation;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// let answers = Simulation::of("hello.wasm")
///     .link("acme:greeter/api", "greeter.wasm")
///     .down("acme:greeter/api", SECOND..2 * SECOND)
///     .at(SECOND)
///     .get("/strict/Ada")
///     .run()?;
/// answers[0].succeeds().within(2 * SECOND).calls_at_most("acme:greeter/api", 4);
/// # Ok::<(), steadfast_host::Error>(())
/// ```
///
/// A request that is not as expected panics with its timeline: all calls that were made for it, and what became of them.
#[derive(Debug)]
pub struct Simulation {
    /// Or why there is none.
    manifest: Result<Manifest, Error>,
    seed: u64,
    faults: Vec<Planned>,
    at: Duration,
    requests: Vec<(Duration, Asked)>,
    /// What is wrong with the first request that makes no sense.
    wrong: Option<String>,
}

#[derive(Debug)]
enum Planned {
    /// As in a manifest.
    Text(String),
    Down(String, Range<Duration>),
}

impl Simulation {
    /// Of the component in a file, however it was made.
    ///
    /// ```
    /// let error = steadfast_host::sim::Simulation::of("no-such-file.wasm").get("/").run().unwrap_err();
    /// assert!(error.to_string().starts_with("cannot read no-such-file.wasm: "));
    /// ```
    pub fn of(component: impl AsRef<Path>) -> Self {
        Simulation::new(Ok(Manifest::of(component)))
    }

    /// Of the crate in a folder, which is [built](built) first.
    ///
    /// ```no_run
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of_crate(env!("CARGO_MANIFEST_DIR")).get("/").run()?[0].succeeds();
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn of_crate(folder: impl AsRef<Path>) -> Self {
        Simulation::new(built(folder).map(Manifest::of))
    }

    /// Of all that a manifest describes, its faults too.
    ///
    /// ```no_run
    /// # use steadfast_host::sim::Simulation;
    /// let manifest = steadfast_host::Manifest::read("steadfast.toml")?;
    /// Simulation::of_manifest(manifest).get("/").run()?[0].succeeds();
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn of_manifest(manifest: Manifest) -> Self {
        Simulation::new(Ok(manifest))
    }

    fn new(manifest: Result<Manifest, Error>) -> Self {
        Simulation { manifest, seed: 1, faults: Vec::new(), at: Duration::ZERO, requests: Vec::new(), wrong: None }
    }

    /// Calls of `interface` go to that component. Each runs on an instance of its own.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").link("acme:greeter/api", "greeter.wasm").get("/");
    /// ```
    #[must_use]
    pub fn link(self, interface: impl Into<String>, component: impl Into<PathBuf>) -> Self {
        Simulation { manifest: self.manifest.map(|manifest| manifest.with_link(interface, component)), ..self }
    }

    /// What all chances come from; 1 without one.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").seed(7).get("/");
    /// ```
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Simulation { seed, ..self }
    }

    /// Nothing serves the calls of `on` meanwhile: an interface, a function, or a host of requests.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_host::sim::Simulation;
    /// let outage = Duration::from_secs(3)..Duration::from_secs(5);
    /// Simulation::of("hello.wasm").down("acme:greeter/api", outage).get("/");
    /// ```
    #[must_use]
    pub fn down(mut self, on: impl Into<String>, time: Range<Duration>) -> Self {
        self.faults.push(Planned::Down(on.into(), time));
        self
    }

    /// Something goes wrong, as a table below `[[faults]]` in a manifest says.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").fault("kind = 'drop'\nrate = '5%'\nfrom = '10s'");
    /// ```
    #[must_use]
    pub fn fault(mut self, fault: impl Into<String>) -> Self {
        self.faults.push(Planned::Text(fault.into()));
        self
    }

    /// The requests that follow come at that time, counted from the first moment.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").get("/").at(Duration::from_secs(5)).get("/again");
    /// ```
    #[must_use]
    pub fn at(self, at: Duration) -> Self {
        Simulation { at, ..self }
    }

    /// A request comes, `GET` with this path.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").get("/hello/Ada");
    /// ```
    #[must_use]
    pub fn get(self, path: impl Into<String>) -> Self {
        self.request("GET", path, "")
    }

    /// A request comes, `POST` with this path and body.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").post("/letters", "Dear Ada");
    /// ```
    #[must_use]
    pub fn post(self, path: impl Into<String>, body: impl Into<String>) -> Self {
        self.request("POST", path, body)
    }

    /// A request comes.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// Simulation::of("hello.wasm").request("DELETE", "/letters/7", "");
    /// ```
    #[must_use]
    pub fn request(mut self, method: impl Into<String>, path: impl Into<String>, body: impl Into<String>) -> Self {
        match parse_asked(&path.into(), method.into(), body.into()) {
            Ok(asked) => self.requests.push((self.at, asked)),
            Err(problem) => self.wrong = self.wrong.or(Some(problem)),
        }
        self
    }

    /// The request before comes so many times in all, with so much time between two. Those that follow come after the last
    /// of them.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_host::sim::Simulation;
    /// // A minute of two requests a second.
    /// Simulation::of("hello.wasm").get("/").times(120, Duration::from_millis(500));
    /// ```
    #[must_use]
    pub fn times(mut self, count: u32, between: Duration) -> Self {
        if let Some((at, asked)) = self.requests.last().cloned() {
            for number in 1..count {
                self.at = at.saturating_add(between.saturating_mul(number));
                self.requests.push((self.at, asked.clone()));
            }
        }
        self
    }

    /// Runs it. The answers are in the order of time, and those of the same time in the order of their requests.
    ///
    /// # Errors
    /// [`Error`], when a component cannot be built or loaded, or a fault or a request makes no sense.
    ///
    /// # Panics
    /// On a thread of a tokio runtime: simulated time has one of its own.
    ///
    /// ```
    /// # use steadfast_host::sim::Simulation;
    /// assert!(Simulation::of("no-such-file.wasm").get("/").run().is_err());
    /// ```
    pub fn run(self) -> Result<Answers, Error> {
        let manifest = self.manifest?;
        let path = manifest.path().to_path_buf();
        let wrong = |problem| Error::Manifest { path: path.clone(), line: None, problem };
        if let Some(problem) = self.wrong {
            return Err(wrong(problem));
        }
        let faults = self.faults.into_iter().map(|fault| fault.check(&manifest));
        let weather = faults.collect::<Result<_, _>>().map_err(|problem| Error::Fault { problem })?;
        let mut requests = self.requests;
        requests.sort_by_key(|(at, _)| *at);
        let (times, paths): (Vec<Duration>, Vec<Asked>) = requests.into_iter().unzip();
        let duration = times.last().copied().unwrap_or_default();
        let listed = times.into_iter().zip(0..).collect();
        let traffic = Traffic { load: Load::Listed(listed), duration, paths };
        let http = manifest.http.clone();
        let scenario = Scenario {
            path,
            text: String::new(),
            manifest,
            seed: self.seed,
            traffic,
            weather,
            expect: Expect::default(),
            copies: 1,
            instances: Lifetime::default(),
        };
        let Play { requests, switches, .. } = play(&scenario, self.seed)?;
        Ok(Answers::of(&scenario, requests, Arc::new(Stage { switches, http })))
    }
}

impl Planned {
    fn check(self, manifest: &Manifest) -> Result<Fault, String> {
        match self {
            Planned::Text(text) => parse_fault(&text, &manifest.http),
            Planned::Down(on, time) if time.is_empty() => Err(format!("`{on}` is down for no time; give a range")),
            Planned::Down(on, time) => Ok(Fault {
                on: parse_on(on, "the fault is on", &manifest.http)?,
                kind: FaultKind::NoTarget,
                from: time.start,
                until: Some(time.end),
                flapping: None,
                rate: None,
                first: None,
                line: 0,
            }),
        }
    }
}
