//! The requests of a simulation: when each comes, and what it asks for.

use std::fmt;
use std::time::Duration;

use hyper::{Method, Uri};
use rand::rngs::StdRng;
use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::arrivals::{Arrivals, Rate, Times};
use crate::lattice::{Delay, pick};
use crate::manifest::{delay, value};

/// So many requests fit into the memory of a small machine.
pub(super) const MAX_REQUESTS: u64 = 1_000_000;

/// For so long requests may come: within it, no sum of times overflows.
const MAX_DAYS: u64 = 366;

/// The same as a time.
pub(super) const LONGEST: Duration = Duration::from_secs(MAX_DAYS * 24 * 60 * 60);

/// Who asks, and how often.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub load: Load,
    pub duration: Duration,
    pub paths: Vec<Asked>,
}

/// How much comes, and when.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Load {
    /// So many in a second, whatever becomes of them.
    Open(Arrivals, Rate),
    /// So many clients, each of which asks again after its answer, and a pause.
    Closed { clients: u64, pause: Delay },
    /// At these times, each for the path of that number.
    Listed(Vec<(Duration, usize)>),
    /// Each of the paths in turn, when all before are answered.
    InTurn(Vec<Turn>),
}

/// The requests for one of the paths, which follow those for the path before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// They come not before this time.
    pub at: Option<Duration>,
    /// Nor before as much time has passed as the last answer said in its `Retry-After`.
    pub when_told: bool,
    pub count: usize,
    /// Whether all come at once, or each after the answer to the one before.
    pub at_once: bool,
    /// In place of requests, the next run of this job is waited for.
    pub job: Option<String>,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// As people call it: `GET /hello/Ada`. Of a run of a job, which has nothing else, that of the job.
    pub name: String,
    pub method: Method,
    pub uri: Uri,
    pub body: String,
    pub weight: u64,
}

impl Traffic {
    /// When each request comes that waits for no other, and which of the paths it is for. Chance has its own generator, so
    /// that the traffic of a seed is the same whatever becomes of it.
    pub fn requests(&self, mut chance: StdRng) -> Box<dyn Iterator<Item = (Duration, usize)> + '_> {
        match &self.load {
            Load::Open(arrivals, rate) => {
                let mut times = Times::of(rate, *arrivals);
                Box::new(std::iter::from_fn(move || {
                    let time = times.next(&mut chance).filter(|time| *time < self.duration)?;
                    Some((time, self.path(&mut chance)))
                }))
            }
            Load::Closed { .. } | Load::InTurn(_) => Box::new(std::iter::empty()),
            Load::Listed(all) => Box::new(all.iter().copied()),
        }
    }

    /// One of the paths, by its weight.
    pub fn path(&self, chance: &mut StdRng) -> usize {
        pick(self.paths.iter().map(|asked| asked.weight), chance)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `requests-per-second = 20`")]
pub(super) struct FileTraffic {
    #[serde(default, deserialize_with = "value::arrivals")]
    arrivals: FileArrivals,
    #[serde(default, deserialize_with = "value::some_count")]
    burst: Option<u64>,
    #[serde(default, deserialize_with = "rate")]
    requests_per_second: Option<FileRate>,
    #[serde(default, deserialize_with = "value::some_count")]
    clients: Option<u64>,
    #[serde(default, deserialize_with = "delay")]
    pause: Option<Delay>,
    #[serde(default, deserialize_with = "value::duration")]
    duration: Option<Duration>,
    #[serde(default)]
    paths: Vec<Spanned<FileAsked>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileArrivals {
    #[default]
    Constant,
    Poisson,
    Bursts,
}

/// How many requests come in a second: always as many, or from point to point.
enum FileRate {
    Constant(f64),
    Points(Vec<(Duration, f64)>),
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileRate>, D::Error> {
    deserializer.deserialize_any(RateVisitor).map(Some)
}

struct RateVisitor;

impl<'de> Visitor<'de> for RateVisitor {
    type Value = FileRate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number above 0, like 20 or 0.5, or a list of points, like [[\"0s\", 10], [\"30s\", 200]]")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<FileRate, E> {
        let wrong = || E::invalid_value(Unexpected::Float(number), &self);
        (number.is_finite() && number > 0.0).then_some(FileRate::Constant(number)).ok_or_else(wrong)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<FileRate, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<FileRate, E> {
        self.visit_f64(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FileRate, A::Error> {
        let mut points = Vec::new();
        while let Some((Time(at), number)) = list.next_element::<(Time, f64)>()? {
            if !number.is_finite() || number < 0.0 {
                return Err(A::Error::invalid_value(Unexpected::Float(number), &"a number from 0, like 20"));
            }
            points.push((at.unwrap_or_default(), number));
        }
        Ok(FileRate::Points(points))
    }
}

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "value::duration")] Option<Duration>);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ path = \"/hello/Ada\" }`")]
struct FileAsked {
    path: Option<String>,
    method: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default, deserialize_with = "value::some_count")]
    weight: Option<u64>,
}

impl FileTraffic {
    /// The traffic; or the line of what is wrong, and what that is.
    pub fn check(mut self, line: usize, line_of: &dyn Fn(usize) -> usize) -> Result<Traffic, (usize, String)> {
        let wrong = |problem: &str| (line, problem.to_string());
        let duration = self.duration.filter(|duration| !duration.is_zero()).ok_or_else(|| {
            wrong(
                "`[traffic]` needs a `duration` above zero; say for how long requests come, like `duration = \"30s\"`",
            )
        })?;
        if duration > LONGEST {
            return Err(wrong("the `duration` is longer than 366 days, which are the most; shorten it"));
        }
        let asked_for = std::mem::take(&mut self.paths);
        let load = self.load(duration).map_err(|problem| wrong(&problem))?;
        let mut paths = Vec::new();
        for asked in asked_for {
            let line = line_of(asked.span().start);
            paths.push(asked.into_inner().check().map_err(|problem| (line, problem))?);
        }
        if paths.is_empty() {
            return Err(wrong(
                "`paths` is missing from `[traffic]`; say what is asked for, like `paths = [{ path = \"/hello/Ada\" }]`",
            ));
        }
        Ok(Traffic { load, duration, paths })
    }

    fn load(self, duration: Duration) -> Result<Load, String> {
        let FileTraffic { arrivals, burst, requests_per_second, clients, pause, .. } = self;
        if burst.is_some() != (arrivals == FileArrivals::Bursts) {
            return Err("`burst` and `arrivals = \"bursts\"` belong together; write both, like `burst = 50`".into());
        }
        let rate = match (requests_per_second, clients) {
            (Some(FileRate::Constant(rate)), None) => Rate::constant(rate),
            (Some(FileRate::Points(points)), None) => Rate::through(&points).ok_or(
                "the points of `requests-per-second` begin at \"0s\", come in order, and end above 0; write them like \
                 [[\"0s\", 10], [\"30s\", 200]]",
            )?,
            (None, Some(clients)) if arrivals == FileArrivals::Constant => {
                let pause = pause.ok_or(
                    "`clients` need a `pause` between an answer and the next request; say how long, like `pause = \"1s\"`",
                )?;
                return Ok(Load::Closed { clients, pause });
            }
            _ => {
                return Err(
                    "`requests-per-second` is missing from `[traffic]`, or is not alone; say how many come, like \
                     `requests-per-second = 20`, or, without it and `arrivals`, how many clients ask again and again, \
                     like `clients = 20`"
                        .into(),
                );
            }
        };
        if pause.is_some() {
            return Err("`pause` belongs to `clients`, which ask again after their answer; remove it".into());
        }
        let requests = rate.requests_until(duration);
        if requests > MAX_REQUESTS as f64 {
            return Err(format!(
                "`requests-per-second` times `duration` is {requests:.0} requests, and {MAX_REQUESTS} are the most; \
                 lower one of them"
            ));
        }
        let burst = u32::try_from(burst.unwrap_or(1)).unwrap_or(u32::MAX);
        let arrivals = match arrivals {
            FileArrivals::Constant => Arrivals::Constant,
            FileArrivals::Poisson => Arrivals::Poisson,
            FileArrivals::Bursts => Arrivals::Bursts(burst),
        };
        Ok(Load::Open(arrivals, rate))
    }
}

impl FileAsked {
    fn check(self) -> Result<Asked, String> {
        let path = self.path.ok_or("`path` is missing; say what is asked for, like `path = \"/hello/Ada\"`")?;
        let asked = parse_asked(&path, self.method.unwrap_or_else(|| "GET".into()), self.body)?;
        Ok(Asked { weight: self.weight.unwrap_or(1), ..asked })
    }
}

/// A request that can be sent; or what is wrong with it.
pub(super) fn parse_asked(path: &str, method: String, body: String) -> Result<Asked, String> {
    let uri = path.starts_with('/').then(|| path.parse().ok()).flatten();
    let uri = uri.ok_or_else(|| {
        format!("`path` is {path:?}, which is no path of an HTTP request; write one like \"/hello/Ada\"")
    })?;
    let method = method
        .parse()
        .ok()
        .filter(|parsed: &Method| *parsed != Method::CONNECT)
        .ok_or_else(|| format!("`method` is {method:?}, which is none of HTTP; write one like \"POST\""))?;
    let uri: Uri = uri;
    Ok(Asked { name: format!("{method} {}", uri.path()), method, uri, body, weight: 1 })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn paths_are_asked_for_as_often_as_they_weigh() {
        let asked =
            |path: &'static str, weight| Asked { weight, ..parse_asked(path, "GET".into(), String::new()).unwrap() };
        let load = Load::Open(Arrivals::Constant, Rate::constant(100.0));
        let paths = vec![asked("/often", 3), asked("/rarely", 1)];
        let traffic = Traffic { load, duration: Duration::from_secs(100), paths };
        let all: Vec<_> = traffic.requests(StdRng::seed_from_u64(1)).collect();
        let often = all.iter().filter(|(_, path)| *path == 0).count();
        assert!(all.len() == 10_000 && (7_300..7_700).contains(&often), "{often}");
    }
}
