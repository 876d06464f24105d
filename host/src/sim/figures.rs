//! What a run came to, in figures: for properties, for people and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::breakers::Breaker;
use super::expect::Property;
use super::play::{Play, Played};
use super::scenario::Scenario;
use crate::lattice::{Call, Fault, FaultKind, Lost, On};

/// Into so many parts the time of a run is divided, for what changes with it.
const STEPS: usize = 60;

/// A run, as its properties see it.
pub(super) struct Facts<'p> {
    pub requests: &'p [Played],
    pub succeeded: usize,
    pub breakers: &'p [Breaker],
    pub weather_began: Option<Duration>,
    /// When the last of the weather was over, where there was some that ended.
    pub weather_ended: Option<Duration>,
    /// How long each request took, in order.
    times: Vec<Duration>,
}

impl<'p> Facts<'p> {
    pub fn new(requests: &'p [Played], breakers: &'p [Breaker], weather: &[&Fault]) -> Self {
        let succeeded = requests.iter().filter(|request| request.succeeded()).count();
        let mut times: Vec<_> = requests.iter().map(|request| request.took).collect();
        times.sort_unstable();
        let weather_began = weather.iter().map(|fault| fault.from).min();
        let weather_ended = weather.iter().filter_map(|fault| fault.until).max();
        Facts { requests, succeeded, breakers, weather_began, weather_ended, times }
    }

    /// The time within which so many of a hundred requests were answered.
    pub fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.times, percent)
    }

    /// How often requests had `to` called.
    pub fn asked(&self, to: &On) -> u64 {
        let calls = self.requests.iter().flat_map(|request| &request.calls);
        calls.filter(|call| to.is_of(&call.target)).count() as u64
    }

    /// How many calls were made to `to` in a second before the first weather, in the mean, and in that second after the
    /// last one which had most of them.
    pub fn load(&self, to: &On) -> Option<(f64, usize)> {
        let (began, ended) = (self.weather_began?, self.weather_ended?);
        let calls = || self.requests.iter().flat_map(|request| &request.calls).filter(|call| to.is_of(&call.target));
        let before = calls().filter(|call| call.at < began).count();
        let mut after = BTreeMap::<u64, usize>::new();
        for call in calls().filter(|call| call.at >= ended) {
            *after.entry((call.at - ended).as_secs()).or_default() += 1;
        }
        Some((before as f64 / seconds(began), after.into_values().max().unwrap_or_default()))
    }

    /// How often `to` worked for the request for which it did so most often.
    pub fn executions_of_one_request(&self, to: &On) -> u64 {
        let count = |request: &Played| request.executions.iter().filter(|(_, target)| to.is_of(target)).count();
        self.requests.iter().map(count).max().unwrap_or_default() as u64
    }
}

/// All that there is to say of the run of one seed. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Run {
    pub seed: u64,
    pub held: bool,
    pub properties: Vec<Property>,
    /// From the first request to the end of the last one.
    pub lasted: f64,
    pub requests: usize,
    pub succeeded: usize,
    /// How many requests were answered how.
    pub answers: BTreeMap<String, u64>,
    pub latency: Latency,
    pub targets: Vec<Target>,
    pub weather: Vec<Weather>,
    /// Those whose state all instances share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakers: Vec<Breaker>,
    pub steps: Steps,
    /// Of some requests, all that happened: those that failed and those that took longest before others.
    pub timelines: Vec<Timeline>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    pub mean: f64,
}

/// The calls to one function, or the requests to one address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Target {
    pub to: String,
    /// How many were made.
    pub asked: u64,
    /// How many the target began to work on.
    pub arrived: u64,
    /// What became of those that were made.
    pub outcomes: BTreeMap<String, u64>,
    pub asked_by_step: Vec<u64>,
    pub arrived_by_step: Vec<u64>,
}

/// Something that goes wrong on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Weather {
    pub on: String,
    pub kind: String,
    /// How strong it is, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
    pub from: f64,
    pub until: Option<f64>,
    /// Where it comes and goes: how often, and for how long.
    pub flapping: Option<(f64, f64)>,
    /// The share of the calls that it hits.
    pub rate: Option<f64>,
}

/// What changes with time, for each step of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Steps {
    /// How long one is.
    pub length: f64,
    /// Of the requests that came in it.
    pub succeeded: Vec<u64>,
    pub failed: Vec<u64>,
    pub p50: Vec<f64>,
    pub p99: Vec<f64>,
}

/// One request from its coming to its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// Its number, from 1 in the order of their coming.
    pub number: usize,
    pub at: f64,
    pub took: f64,
    pub request: String,
    pub answer: String,
    pub succeeded: bool,
    pub calls: Vec<TimelineCall>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TimelineCall {
    pub at: f64,
    pub took: f64,
    pub to: String,
    pub outcome: String,
    /// Whether the target began to work for it.
    pub arrived: bool,
}

/// As one division: so it has no more digits than the nanoseconds, and JSON that is read has exactly what was written.
/// Of times in order.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

pub(super) fn seconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e9
}

/// As many digits as tell it from 100 %.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    let text = if share < 1.0 && text == "100.000" { "99.999".into() } else { text };
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What became of a call, in a word.
pub(super) fn outcome(call: &Call) -> String {
    match call.outcome {
        Some(Ok(())) => "ok".into(),
        Some(Err((cause, _))) => cause.to_string(),
        None => "abandoned".into(),
    }
}

impl Run {
    /// The figures of what was played, with the timelines of at most so many requests.
    pub fn of(scenario: &Scenario, seed: u64, play: &Play, timelines: usize) -> Self {
        let played = play.requests.as_slice();
        let weather: Vec<&Fault> = scenario.manifest.faults.iter().chain(&scenario.weather).collect();
        let facts = Facts::new(played, &play.breakers, &weather);
        let properties = scenario.expect.check(&facts);
        let lasted = played.iter().map(|played| played.at + played.took).max().unwrap_or_default();
        let lasted = lasted.max(scenario.traffic.duration);
        let mut answers = BTreeMap::new();
        for played in played {
            *answers.entry(played.answer()).or_default() += 1;
        }
        let total: Duration = facts.times.iter().sum();
        Run {
            seed,
            held: properties.iter().all(|property| property.held),
            properties,
            lasted: seconds(lasted),
            requests: played.len(),
            succeeded: facts.succeeded,
            answers,
            latency: Latency {
                p50: seconds(facts.percentile(50)),
                p90: seconds(facts.percentile(90)),
                p99: seconds(facts.percentile(99)),
                max: seconds(facts.percentile(100)),
                mean: seconds(total / u32::try_from(played.len()).unwrap_or(u32::MAX).max(1)),
            },
            targets: targets(played, lasted),
            weather: weather.into_iter().map(Weather::of).collect(),
            breakers: play.breakers.clone(),
            steps: Steps::of(played, lasted),
            timelines: chosen(played, timelines)
                .map(|number| Timeline::of(scenario, number, &played[number]))
                .collect(),
        }
    }
}

/// The step that a time is in.
fn step(at: Duration, lasted: Duration) -> usize {
    let step = at.as_nanos() * STEPS as u128 / lasted.as_nanos().max(1);
    usize::try_from(step).unwrap_or(STEPS).min(STEPS - 1)
}

fn targets(played: &[Played], lasted: Duration) -> Vec<Target> {
    let mut targets: BTreeMap<&str, Target> = BTreeMap::new();
    let new = |to: &str| Target {
        to: to.into(),
        asked_by_step: vec![0; STEPS],
        arrived_by_step: vec![0; STEPS],
        ..Target::default()
    };
    for call in played.iter().flat_map(|played| &played.calls) {
        let target = targets.entry(&call.target).or_insert_with(|| new(&call.target));
        target.asked += 1;
        *target.outcomes.entry(outcome(call)).or_default() += 1;
        target.asked_by_step[step(call.at, lasted)] += 1;
    }
    for (at, to) in played.iter().flat_map(|played| &played.executions) {
        let target = targets.entry(to).or_insert_with(|| new(to));
        target.arrived += 1;
        target.arrived_by_step[step(*at, lasted)] += 1;
    }
    targets.into_values().collect()
}

/// The numbers of the requests that tell most: at first those that failed, and then those that took longest.
fn chosen(played: &[Played], most: usize) -> impl Iterator<Item = usize> {
    let mut numbers: Vec<usize> = (0..played.len()).collect();
    numbers.sort_by_key(|number| {
        let played = &played[*number];
        (played.succeeded(), std::cmp::Reverse(played.took))
    });
    numbers.truncate(most);
    numbers.sort_unstable();
    numbers.into_iter()
}

impl Weather {
    fn of(fault: &Fault) -> Self {
        Weather {
            on: fault.on.to_string(),
            kind: fault.kind.name().into_owned(),
            strength: match &fault.kind {
                FaultKind::Mix(kinds) => {
                    let weights: Vec<String> = kinds.iter().map(|(_, weight)| weight.to_string()).collect();
                    Some(weights.join(" : "))
                }
                FaultKind::Drop(Lost::Request) => Some("of the request".into()),
                FaultKind::Latency(delay) => Some(delay.to_string()),
                FaultKind::Capacity(capacity) => {
                    Some(format!("{} at a time, each for {}", capacity.concurrency, capacity.work))
                }
                _ => None,
            },
            from: seconds(fault.from),
            until: fault.until.map(seconds),
            flapping: fault.flapping.map(|flapping| (seconds(flapping.every), seconds(flapping.lasts))),
            // As few digits as it was written with.
            rate: fault.rate.map(|rate| (rate * 1e9).round() / 1e9),
        }
    }
}

impl Weather {
    /// Whether it is there at some time between these two.
    pub fn is_there(&self, start: f64, end: f64) -> bool {
        if end <= self.from || self.until.is_some_and(|until| start >= until) {
            return false;
        }
        self.flapping.is_none_or(|(every, lasts)| {
            let phase = (start - self.from).max(0.0) % every;
            phase < lasts || phase + (end - start) > every
        })
    }

    /// As a person names it.
    pub fn name(&self) -> String {
        let rate = self.rate.map_or(String::new(), |rate| format!(" {}", percent(rate)));
        let strength = self.strength.as_ref().map_or(String::new(), |strength| format!(" ({strength})"));
        format!("{}{strength}{rate} on {}", self.kind, self.on)
    }
}

impl Steps {
    fn of(played: &[Played], lasted: Duration) -> Self {
        let mut parts: Vec<Vec<Duration>> = vec![Vec::new(); STEPS];
        let mut steps = Steps {
            length: seconds(lasted / STEPS as u32),
            succeeded: vec![0; STEPS],
            failed: vec![0; STEPS],
            p50: Vec::new(),
            p99: Vec::new(),
        };
        for played in played {
            let step = step(played.at, lasted);
            parts[step].push(played.took);
            if played.succeeded() { steps.succeeded[step] += 1 } else { steps.failed[step] += 1 }
        }
        for mut times in parts {
            times.sort_unstable();
            steps.p50.push(seconds(percentile(&times, 50)));
            steps.p99.push(seconds(percentile(&times, 99)));
        }
        steps
    }
}

impl Timeline {
    pub fn of(scenario: &Scenario, number: usize, played: &Played) -> Self {
        let asked = &scenario.traffic.paths[played.path];
        let calls = played.calls.iter().map(|call| {
            let within = |at: Duration| call.at <= at && at <= call.at + call.took;
            TimelineCall {
                at: seconds(call.at),
                took: seconds(call.took),
                to: call.target.clone(),
                outcome: outcome(call),
                arrived: played.executions.iter().any(|(at, target)| *target == call.target && within(*at)),
            }
        });
        Timeline {
            number: number + 1,
            at: seconds(played.at),
            took: seconds(played.took),
            request: asked.name.clone(),
            answer: played.answer(),
            succeeded: played.succeeded(),
            calls: calls.collect(),
        }
    }
}
