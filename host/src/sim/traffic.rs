//! The requests of a simulation: when each comes, and what it asks for.

use std::time::Duration;

use hyper::{Method, Uri};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::Deserialize;
use toml::Spanned;

use crate::manifest::value;

/// So many requests fit into the memory of a small machine.
const MAX_REQUESTS: u64 = 1_000_000;

/// For so long requests may come: within it, no sum of times overflows.
const MAX_DAYS: u32 = 366;

/// Who asks, and how often.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub load: Load,
    pub duration: Duration,
    pub paths: Vec<Asked>,
}

/// How much comes, and when.
#[derive(Clone, Debug)]
pub(super) enum Load {
    /// So many in a second, whatever becomes of them.
    Open { arrivals: Arrivals, per_second: f64 },
    /// At these times, each for the path of that number.
    Listed(Vec<(Duration, usize)>),
}

/// How long after the one before it a request comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Arrivals {
    /// Always as long.
    #[default]
    Constant,
    /// By chance, as independent clients do: the times between have an exponential distribution.
    Poisson,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub body: String,
    pub weight: u64,
}

impl Traffic {
    /// When each request comes, and which of the paths it is for. Chance has its own generator, so that the traffic of a
    /// seed is the same whatever becomes of it.
    pub fn requests(&self, chance: StdRng) -> Box<dyn Iterator<Item = (Duration, usize)> + '_> {
        match &self.load {
            Load::Open { arrivals, per_second } => Box::new(self.open(*arrivals, *per_second, chance)),
            Load::Listed(all) => Box::new(all.iter().copied()),
        }
    }

    fn open(&self, arrivals: Arrivals, per_second: f64, mut chance: StdRng) -> impl Iterator<Item = (Duration, usize)> {
        let weights: u64 = self.paths.iter().map(|asked| asked.weight).sum();
        let (mut number, mut at) = (0u32, 0.0);
        std::iter::from_fn(move || {
            let time = match arrivals {
                Arrivals::Constant => f64::from(number) / per_second,
                Arrivals::Poisson => {
                    at -= (1.0 - chance.random::<f64>()).ln() / per_second;
                    at
                }
            };
            number += 1;
            let time = Duration::try_from_secs_f64(time).ok().filter(|time| *time < self.duration)?;
            let mut pick = chance.random_range(0..weights.max(1));
            let path = self.paths.iter().position(|asked| match pick.checked_sub(asked.weight) {
                Some(rest) => {
                    pick = rest;
                    false
                }
                None => true,
            });
            Some((time, path.unwrap_or_default()))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `requests-per-second = 20`")]
pub(super) struct FileTraffic {
    #[serde(default, deserialize_with = "value::arrivals")]
    arrivals: Arrivals,
    #[serde(default, deserialize_with = "value::rate")]
    requests_per_second: Option<f64>,
    #[serde(default, deserialize_with = "value::duration")]
    duration: Option<Duration>,
    #[serde(default)]
    paths: Vec<Spanned<FileAsked>>,
}

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
    pub fn check(self, line: usize, line_of: &dyn Fn(usize) -> usize) -> Result<Traffic, (usize, String)> {
        let wrong = |problem: &str| (line, problem.to_string());
        let per_second = self.requests_per_second.ok_or_else(|| {
            wrong(
                "`requests-per-second` is missing from `[traffic]`; say how many come, like `requests-per-second = 20`",
            )
        })?;
        let duration = self.duration.filter(|duration| !duration.is_zero()).ok_or_else(|| {
            wrong(
                "`[traffic]` needs a `duration` above zero; say for how long requests come, like `duration = \"30s\"`",
            )
        })?;
        if duration > Duration::from_secs(24 * 60 * 60) * MAX_DAYS {
            return Err(wrong(&format!(
                "the `duration` is longer than {MAX_DAYS} days, which are the most; shorten it"
            )));
        }
        let requests = per_second * duration.as_secs_f64();
        if requests > MAX_REQUESTS as f64 {
            return Err(wrong(&format!(
                "`requests-per-second` times `duration` is {requests:.0} requests, and {MAX_REQUESTS} are the most; \
                 lower one of them"
            )));
        }
        let mut paths = Vec::new();
        for asked in self.paths {
            let line = line_of(asked.span().start);
            paths.push(asked.into_inner().check().map_err(|problem| (line, problem))?);
        }
        if paths.is_empty() {
            return Err(wrong(
                "`paths` is missing from `[traffic]`; say what is asked for, like `paths = [{ path = \"/hello/Ada\" }]`",
            ));
        }
        Ok(Traffic { load: Load::Open { arrivals: self.arrivals, per_second }, duration, paths })
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
    Ok(Asked { method, uri, body, weight: 1 })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn traffic(arrivals: Arrivals) -> Traffic {
        let asked = |path: &'static str, weight| Asked {
            method: Method::GET,
            uri: Uri::from_static(path),
            body: String::new(),
            weight,
        };
        let paths = vec![asked("/often", 3), asked("/rarely", 1)];
        Traffic { load: Load::Open { arrivals, per_second: 100.0 }, duration: Duration::from_secs(100), paths }
    }

    #[test]
    fn constant_arrivals_are_as_far_apart_as_the_rate_says() {
        let all: Vec<_> = traffic(Arrivals::Constant).requests(StdRng::seed_from_u64(1)).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().enumerate().all(|(number, (at, _))| *at == Duration::from_millis(10) * number as u32));
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_theory() {
        let all: Vec<_> = traffic(Arrivals::Poisson).requests(StdRng::seed_from_u64(1)).collect();
        // The number has a standard deviation of 100.
        assert!((9_700..10_300).contains(&all.len()), "{}", all.len());
        let gaps: Vec<f64> = all.windows(2).map(|two| (two[1].0 - two[0].0).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Of an exponential distribution, the standard deviation is the mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn paths_are_asked_for_as_often_as_they_weigh() {
        let all: Vec<_> = traffic(Arrivals::Constant).requests(StdRng::seed_from_u64(1)).collect();
        let often = all.iter().filter(|(_, path)| *path == 0).count();
        assert!((7_300..7_700).contains(&often), "{often}");
    }
}
