//! Requests that a scenario lists, in turn, and what is expected of their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::expect::Property;
use super::play::Played;
use super::summary::counts;
use super::traffic::{Asked, LONGEST, Turn, parse_asked};
use crate::lattice::Call;
use crate::manifest::value;

/// What is expected of the answer to a request, or to each of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    /// The request, as it is called in what is said of it.
    name: String,
    status: Option<u64>,
    /// Of a run of a job: `ok`, or why it failed.
    outcome: Option<String>,
    /// The body, as a whole.
    answer: Option<String>,
    /// What is in the body.
    says: Vec<String>,
    /// In how many of the bodies there is what.
    counts: BTreeMap<String, u64>,
    retry_after: Option<Duration>,
    /// For all of them together.
    calls: Option<RangeInclusive<u64>>,
    after: Option<Duration>,
    within: Option<Duration>,
}

/// What is expected, and what there is.
#[derive(Default)]
struct Verdict {
    failed: bool,
    expected: Vec<String>,
    found: Vec<String>,
}

impl Verdict {
    fn add(&mut self, held: bool, expected: impl Into<String>) {
        self.failed |= !held;
        self.expected.push(expected.into());
    }
}

impl Promise {
    /// None, where nothing is expected.
    pub fn check(&self, requests: &[Played]) -> Option<Property> {
        let mut verdict = Verdict::default();
        self.of_heads(requests, &mut verdict);
        self.of_times(requests, &mut verdict);
        self.of_bodies(requests, &mut verdict);
        let Verdict { failed, expected, found } = verdict;
        let (expected, found) = (expected.join(", "), found.join(", "));
        (!expected.is_empty()).then(|| Property { held: !failed, name: self.name.clone(), expected, found })
    }

    fn of_heads(&self, requests: &[Played], verdict: &mut Verdict) {
        let mut answers: BTreeMap<String, u64> = BTreeMap::new();
        for played in requests {
            *answers.entry(played.answer()).or_default() += 1;
        }
        verdict.found.push(match answers.keys().next() {
            Some(answer) if requests.len() == 1 => answer.clone(),
            _ => counts(&answers),
        });
        if let Some(status) = self.status {
            let held = requests.iter().all(|played| played.whole && u64::from(played.status) == status);
            verdict.add(held, status.to_string());
        }
        if let Some(outcome) = &self.outcome {
            verdict.add(requests.iter().all(|played| played.answer() == *outcome), outcome);
        }
        if let Some(wait) = self.retry_after {
            verdict
                .add(requests.iter().all(|played| played.retry_after == Some(wait)), format!("retry after {wait:?}"));
            let told: BTreeSet<_> = requests.iter().map(|played| played.retry_after).collect();
            let told = told.iter().map(|told| told.map_or("no retry".into(), |wait| format!("retry after {wait:?}")));
            verdict.found.push(told.collect::<Vec<_>>().join(" or "));
        }
    }

    fn of_times(&self, requests: &[Played], verdict: &mut Verdict) {
        if let Some(calls) = &self.calls {
            // What a policy remembers in a store is not what was asked for.
            let is_asked = |call: &&Call| !call.target.starts_with("wasi:keyvalue/");
            let made = requests.iter().map(|played| played.calls.iter().filter(is_asked).count() as u64).sum();
            verdict.add(
                calls.contains(&made),
                match calls.end() - calls.start() {
                    0 => format!("{} calls", calls.start()),
                    _ => format!("{} to {} calls", calls.start(), calls.end()),
                },
            );
            verdict.found.push(format!("{made} calls"));
        }
        if let Some(least) = self.after {
            verdict.add(requests.iter().all(|played| played.took >= least), format!("after {least:?}"));
        }
        if let Some(most) = self.within {
            verdict.add(requests.iter().all(|played| played.took <= most), format!("within {most:?}"));
        }
        if self.after.or(self.within).is_some() {
            let longest = requests.iter().map(|played| played.took).max().unwrap_or_default();
            verdict.found.push(format!("after {longest:?}"));
        }
    }

    fn of_bodies(&self, requests: &[Played], verdict: &mut Verdict) {
        let bodies: Vec<_> = requests.iter().map(|played| String::from_utf8_lossy(&played.body)).collect();
        let whole = self.answer.iter().map(|text| (text, bodies.iter().all(|body| body == text)));
        let parts = self.says.iter().map(|text| (text, bodies.iter().all(|body| body.contains(text))));
        for (text, there) in whole.chain(parts) {
            verdict.add(there, format!("{text:?}"));
            verdict.found.push(if there { format!("{text:?}") } else { format!("not {text:?}") });
        }
        for (text, count) in &self.counts {
            let found = bodies.iter().filter(|body| body.contains(text)).count() as u64;
            verdict.add(found == *count, format!("{text:?} ×{count}"));
            verdict.found.push(format!("{text:?} ×{found}"));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ path = \"/hello/Ada\" }`")]
pub(super) struct FileRequest {
    #[serde(default, deserialize_with = "value::duration")]
    at: Option<Duration>,
    #[serde(default)]
    when_told: bool,
    job: Option<String>,
    outcome: Option<String>,
    #[serde(default, deserialize_with = "value::some_count")]
    times: Option<u64>,
    #[serde(default, deserialize_with = "value::some_count")]
    at_once: Option<u64>,
    path: Option<String>,
    method: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default, deserialize_with = "value::some_count")]
    status: Option<u64>,
    answer: Option<String>,
    #[serde(default, deserialize_with = "value::texts")]
    says: Vec<String>,
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    #[serde(default, deserialize_with = "value::duration")]
    retry_after: Option<Duration>,
    calls: Option<Calls>,
    #[serde(default, deserialize_with = "value::duration")]
    after: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    within: Option<Duration>,
}

impl FileRequest {
    /// When it comes, and how often; what it asks for, and what is expected of the answers. `number` is that of the first.
    pub fn check(self, number: usize) -> Result<(Turn, Asked, Promise), String> {
        if self.job.is_some() {
            return self.check_run(number);
        }
        let FileRequest { at, when_told, times, at_once, path, method, body, .. } = self;
        if self.outcome.is_some() {
            return Err("`outcome` is that of a `job`; a request has a `status`".into());
        }
        if at.is_some_and(|at| at > LONGEST) {
            return Err("`at` is more than 366 days from the beginning, which are the most; bring it forward".into());
        }
        if times.is_some() && at_once.is_some() {
            return Err("`times` and `at-once` both say how many requests there are; remove one of them".into());
        }
        if when_told && number == 1 {
            return Err("`when-told` waits for what the answer before said, and there is none; remove it".into());
        }
        let path = path.ok_or("`path` is missing; say what is asked for, like `path = \"/hello/Ada\"`")?;
        let asked = parse_asked(&path, method.unwrap_or_else(|| "GET".into()), body)?;
        let count = usize::try_from(times.or(at_once).unwrap_or(1)).unwrap_or(usize::MAX);
        let name = match count {
            1 => format!("request {number}, {} {}", asked.method, asked.uri),
            _ => format!("requests {number} to {}, {} {}", number + count - 1, asked.method, asked.uri),
        };
        let turn = Turn { at, when_told, count, at_once: at_once.is_some(), job: None };
        let promise = Promise {
            name,
            status: self.status,
            outcome: None,
            answer: self.answer,
            says: self.says,
            counts: self.counts,
            retry_after: self.retry_after,
            calls: self.calls.map(|Calls(calls)| calls),
            after: self.after,
            within: self.within,
        };
        Ok((turn, asked, promise))
    }

    /// The next run of a job in place of a request.
    fn check_run(self, number: usize) -> Result<(Turn, Asked, Promise), String> {
        let job = self.job.unwrap_or_default();
        let of_requests = self.path.is_some()
            || self.method.is_some()
            || !self.body.is_empty()
            || self.at.is_some()
            || self.when_told
            || self.times.or(self.at_once).or(self.status).is_some()
            || self.answer.is_some()
            || !self.says.is_empty()
            || !self.counts.is_empty()
            || self.retry_after.is_some();
        if of_requests {
            return Err(
                "`job` waits for the next run of a job, which is no request; beside it may stand `outcome`, `calls`, \
                        `after` and `within`"
                    .into(),
            );
        }
        let turn = Turn { at: None, when_told: false, count: 1, at_once: false, job: Some(job.clone()) };
        let promise = Promise {
            name: format!("{number}, a run of {job}"),
            outcome: self.outcome,
            calls: self.calls.map(|Calls(calls)| calls),
            after: self.after,
            within: self.within,
            ..Promise::default()
        };
        let asked = parse_asked("/", "GET".into(), String::new())?;
        Ok((turn, Asked { name: job, ..asked }, promise))
    }
}

/// So many, or from so many to so many.
struct Calls(RangeInclusive<u64>);

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Calls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of calls, like 3, or the least and the most of them, like [2, 4]")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Calls, E> {
                Ok(Calls(number..=number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Calls, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Calls, A::Error> {
                match (list.next_element()?, list.next_element()?, list.next_element::<u64>()?) {
                    (Some(least), Some(most), None) if least <= most => Ok(Calls(least..=most)),
                    _ => Err(A::Error::custom("the least and the most are two numbers that grow, like [2, 4]")),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}
