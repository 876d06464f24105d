//! What is expected of a run, and whether it held.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::breakers::State;
use super::figures::{Facts, percent};
use super::script::Promise;
use crate::lattice::{Fault, On};
use crate::manifest::{Http, parse_on, value};

/// The properties that a run must have.
#[derive(Clone, Debug, Default)]
pub(super) struct Expect {
    /// At least this share of the requests succeeds.
    success: Option<f64>,
    p50: Option<Duration>,
    p99: Option<Duration>,
    /// All requests that come later than this after the last weather ended succeed.
    recovers_within: Option<Duration>,
    pub calls: Vec<ExpectCalls>,
    breakers: Vec<ExpectBreaker>,
    /// Of each request, where they are listed.
    pub promises: Vec<Promise>,
}

/// What is expected of the calls to a target.
#[derive(Clone, Debug)]
pub(super) struct ExpectCalls {
    pub to: On,
    pub line: usize,
    /// At most so many for each request, in the mean.
    per_request: Option<f64>,
    /// At most so many in all.
    total: Option<u64>,
    /// No request has the target do its work more often.
    executions_per_request: Option<u64>,
    /// In no second after the last weather are there more calls than so many times those of a second before the first.
    load_after: Option<f64>,
}

/// What is expected of a breaker whose state all instances share.
#[derive(Clone, Debug)]
struct ExpectBreaker {
    name: String,
    line: usize,
    /// Counted from the first weather.
    opens_within: Option<Duration>,
    /// Of all requests that come while it is open.
    answers_while_open_within: Option<Duration>,
}

/// A property of a run, with the figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Property {
    pub held: bool,
    pub name: String,
    pub expected: String,
    pub found: String,
}

impl Expect {
    pub fn check(&self, facts: &Facts<'_>) -> Vec<Property> {
        let mut all = Vec::new();
        let mut add = |held, name: String, expected, found| all.push(Property { held, name, expected, found });
        if let Some(least) = self.success {
            let share = facts.succeeded as f64 / facts.requests.len().max(1) as f64;
            add(share >= least, "success".into(), format!("at least {}", percent(least)), percent(share));
        }
        for (name, most, percentile) in [("p50", self.p50, 50), ("p99", self.p99, 99)] {
            if let Some(most) = most {
                let found = facts.percentile(percentile);
                add(found <= most, name.into(), format!("at most {most:?}"), format!("{found:?}"));
            }
        }
        if let (Some(most), Some(ended)) = (self.recovers_within, facts.weather_ended) {
            let failed = facts.requests.iter().filter(|request| !request.succeeded() && request.at >= ended);
            let took = failed.map(|request| request.at - ended).max();
            let found = took.map_or("at once".into(), |took| format!("the last failure came {took:?} after it"));
            add(took.is_none_or(|took| took <= most), "recovery".into(), format!("within {most:?}"), found);
        }
        for calls in &self.calls {
            let asked = facts.asked(&calls.to);
            if let Some(most) = calls.per_request {
                let found = asked as f64 / facts.requests.len().max(1) as f64;
                let name = format!("calls to {} per request", calls.to);
                add(found <= most, name, format!("at most {most}"), format!("{found:.2}"));
            }
            if let Some(most) = calls.total {
                let name = format!("calls to {}", calls.to);
                add(asked <= most, name, format!("at most {most}"), asked.to_string());
            }
            if let Some(most) = calls.executions_per_request {
                let found = facts.executions_of_one_request(&calls.to);
                let name = format!("executions of {} for one request", calls.to);
                add(found <= most, name, format!("at most {most}"), found.to_string());
            }
            if let (Some(most), Some((usual, highest))) = (calls.load_after, facts.load(&calls.to)) {
                let name = format!("calls to {} in a second after the weather", calls.to);
                let found = format!("{highest} in one, and {usual:.1} before it");
                add(highest as f64 <= usual * most, name, format!("at most {most} times those before it"), found);
            }
        }
        for expected in &self.breakers {
            let name = &expected.name;
            let Some(breaker) = facts.breakers.iter().find(|breaker| breaker.name == *name) else {
                let all: Vec<_> = facts.breakers.iter().map(|breaker| breaker.name.as_str()).collect();
                let found = match all.is_empty() {
                    true => "no shared breaker changed".into(),
                    false => format!("it did not change, and {} did", all.join(", ")),
                };
                add(false, format!("breaker {name}"), "open at some time".into(), found);
                continue;
            };
            if let (Some(most), Some(began)) = (expected.opens_within, facts.weather_began) {
                let took = breaker.opened_after(began).map(|at| at - began);
                let found = took.map_or("it did not open after it".into(), |took| format!("{took:?}"));
                let held = took.is_some_and(|took| took <= most);
                add(held, format!("breaker {name} opens"), format!("within {most:?} of the first weather"), found);
            }
            if let Some(most) = expected.answers_while_open_within {
                let asked = facts.requests.iter().filter(|request| breaker.state_at(request.at) == State::Open);
                let slowest = asked.map(|request| request.took).max();
                let found = slowest.map_or("no request came then".into(), |took| format!("{took:?}"));
                let held = slowest.is_some_and(|took| took <= most);
                add(held, format!("answers while breaker {name} is open"), format!("within {most:?}"), found);
            }
        }
        // A promise for each path, whose requests stand together.
        let turns = facts.requests.chunk_by(|one, next| one.path == next.path);
        all.extend(self.promises.iter().zip(turns).filter_map(|(promise, requests)| promise.check(requests)));
        all
    }
}

impl Expect {
    /// What is expected and cannot be seen in this weather: its line, where it has one, and why.
    pub fn unseen(&self, weather: &[&Fault]) -> Option<(Option<usize>, String)> {
        let ends = weather.iter().any(|fault| fault.until.is_some());
        let begins = weather.iter().map(|fault| fault.from).min();
        let load = self.calls.iter().find(|calls| calls.load_after.is_some());
        let opening = self.breakers.iter().find(|breaker| breaker.opens_within.is_some());
        let ending = "counts from the end of the weather, and none ends; give one an `until`";
        match (self.recovers_within, load, opening) {
            (Some(_), ..) if !ends => Some((None, format!("`recovers-within` {ending}"))),
            (_, Some(calls), _) if !ends => Some((Some(calls.line), format!("`load-after` {ending}"))),
            (_, Some(calls), _) if begins.is_some_and(|begins| begins.is_zero()) => {
                let problem = "`load-after` compares with the time before the first weather, and there is none; give \
                               each a `from`";
                Some((Some(calls.line), problem.into()))
            }
            (.., Some(breaker)) if begins.is_none() => {
                let problem = "`opens-within` counts from the first weather, and there is none; add a `[[weather]]`";
                Some((Some(breaker.line), problem.into()))
            }
            _ => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `success = \"99%\"`")]
pub(super) struct FileExpect {
    #[serde(default, deserialize_with = "value::share")]
    success: Option<f64>,
    #[serde(default, deserialize_with = "value::duration")]
    p50: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    p99: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    recovers_within: Option<Duration>,
    #[serde(default)]
    calls: Vec<Spanned<FileCalls>>,
    #[serde(default)]
    breakers: Vec<Spanned<FileBreaker>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ to = \"acme:greeter/api\" }`")]
struct FileCalls {
    to: Option<String>,
    #[serde(default, deserialize_with = "value::rate")]
    per_request: Option<f64>,
    #[serde(default, deserialize_with = "value::some_whole")]
    total: Option<u64>,
    #[serde(default, deserialize_with = "value::some_whole")]
    executions_per_request: Option<u64>,
    #[serde(default, deserialize_with = "value::rate")]
    load_after: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ name = \"acme/greeter\" }`")]
struct FileBreaker {
    name: Option<String>,
    #[serde(default, deserialize_with = "value::duration")]
    opens_within: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    answers_while_open_within: Option<Duration>,
}

impl FileExpect {
    /// What is expected; or the line of what is wrong, and what that is. Whether targets are called shows once the
    /// components are read.
    pub fn check(self, http: &Http, line_of: &dyn Fn(usize) -> usize) -> Result<Expect, (usize, String)> {
        let calls = self.calls.into_iter().map(|calls| {
            let line = line_of(calls.span().start);
            calls.into_inner().check(line, http).map_err(|problem| (line, problem))
        });
        let breakers = self.breakers.into_iter().map(|breaker| {
            let line = line_of(breaker.span().start);
            breaker.into_inner().check(line).map_err(|problem| (line, problem))
        });
        Ok(Expect {
            success: self.success,
            p50: self.p50,
            p99: self.p99,
            recovers_within: self.recovers_within,
            calls: calls.collect::<Result<_, _>>()?,
            breakers: breakers.collect::<Result<_, _>>()?,
            promises: Vec::new(),
        })
    }
}

impl FileCalls {
    fn check(self, line: usize, http: &Http) -> Result<ExpectCalls, String> {
        let FileCalls { to, per_request, total, executions_per_request, load_after } = self;
        let to = to.ok_or("`to` is missing; say which calls are meant, like `to = \"acme:greeter/api\"`")?;
        if per_request.is_none() && total.is_none() && executions_per_request.is_none() && load_after.is_none() {
            return Err("nothing is expected of these calls; add `per-request`, `total`, `executions-per-request` or \
                        `load-after`"
                .into());
        }
        Ok(ExpectCalls {
            to: parse_on(to, "these calls are to", http)?,
            line,
            per_request,
            total,
            executions_per_request,
            load_after,
        })
    }
}

impl FileBreaker {
    fn check(self, line: usize) -> Result<ExpectBreaker, String> {
        let FileBreaker { name, opens_within, answers_while_open_within } = self;
        let name =
            name.ok_or("`name` is missing; say which shared breaker is meant, like `name = \"acme/greeter\"`")?;
        if opens_within.is_none() && answers_while_open_within.is_none() {
            return Err("nothing is expected of this breaker; add `opens-within` or `answers-while-open-within`".into());
        }
        Ok(ExpectBreaker { name, line, opens_within, answers_while_open_within })
    }
}
