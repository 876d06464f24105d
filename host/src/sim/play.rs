//! One run of a scenario: its requests are sent, in simulated time, and what becomes of them is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Collected, Full};
use hyper::Request;
use hyper::header::{HOST, RETRY_AFTER};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::breakers::Breaker;
use super::figures::outcome;
use super::scenario::Scenario;
use super::traffic::{LONGEST, Load, MAX_REQUESTS, Traffic};
use crate::clock::{self, Time};
use crate::error::Error;
use crate::host::Host;
use crate::lattice::Call;
use crate::manifest::Cron;
use crate::switches::Switches;
use crate::trace::{TRACEPARENT, TraceId};

/// What became of a request.
#[derive(Debug)]
pub(super) struct Played {
    pub at: Duration,
    pub took: Duration,
    /// Which of the paths of the traffic it was for.
    pub path: usize,
    pub status: u16,
    /// Of a run of a job, in place of a status: `ok`, or why it failed.
    pub outcome: Option<String>,
    /// What the answer says in its `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether the body of the answer came to its end.
    pub whole: bool,
    /// What came of it.
    pub body: Bytes,
    pub calls: Vec<Call>,
    /// When which targets began to work for it.
    pub executions: Vec<(Duration, String)>,
}

impl Played {
    pub fn succeeded(&self) -> bool {
        self.whole && self.status < 400
    }

    /// In a word.
    pub fn answer(&self) -> String {
        match &self.outcome {
            Some(outcome) => outcome.clone(),
            None if self.whole => self.status.to_string(),
            None => format!("{} cut short", self.status),
        }
    }
}

/// What happened in a run.
pub(super) struct Play {
    /// In the order of their coming.
    pub requests: Vec<Played>,
    pub breakers: Vec<Breaker>,
    /// Those of the host, which know what there is to call.
    pub switches: Switches,
}

/// Sends all requests of `scenario`, whose chances are those of `seed`.
///
/// # Errors
/// [`Error`], when the components cannot be loaded, or the scenario names what they do not have.
pub(super) fn play(scenario: &Scenario, seed: u64) -> Result<Play, Error> {
    let mut chances = StdRng::seed_from_u64(seed);
    let mut manifest = scenario.manifest.clone();
    // Neighbouring seeds have nothing in common.
    manifest.seed = Some(chances.next_u64());
    let traffic = StdRng::from_rng(&mut chances);
    manifest.limits.uses = scenario.instances.requests.unwrap_or(u64::MAX);
    clock::run(async {
        let host = Host::load(&manifest, Time::Simulated)?;
        let wrong = |line, problem| Error::Manifest { path: scenario.path.clone(), line, problem };
        let switches = host.faults();
        for fault in &scenario.weather {
            switches.add(fault.clone()).map_err(|problem| wrong(Some(fault.line), problem))?;
        }
        for calls in &scenario.expect.calls {
            switches.check("these calls are to", &calls.to).map_err(|problem| wrong(Some(calls.line), problem))?;
        }
        host.journal().follow();
        let clients = Arc::new(Clients {
            hosts: host.clone().copies(&manifest, scenario.copies)?,
            traffic: scenario.traffic.clone(),
            start: Instant::now(),
            sent: AtomicUsize::new(0),
        });
        let _restarts = clients.restarts(&host, &scenario.instances.restarts);
        let mut all = match scenario.traffic.load {
            Load::Closed { clients: count, .. } => clients.closed(count, traffic).await,
            Load::Open(..) | Load::Listed(_) => clients.open(traffic).await,
            Load::InTurn(_) => clients.in_turn().await,
        };
        if matches!(scenario.traffic.load, Load::Closed { .. }) && all.len() as u64 >= MAX_REQUESTS {
            let problem =
                format!("the `clients` sent {MAX_REQUESTS} requests, which are the most; lengthen their `pause`");
            return Err(wrong(None, problem));
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        let mut all: Vec<Played> = all.into_iter().map(|(_, played)| played).collect();
        let followed = host.journal().take_followed();
        let jobs: Vec<String> = manifest.cron.iter().map(Cron::target).collect();
        for call in followed.calls {
            if let Some(played) = owner(&mut all, &jobs, call.trace, call.at, &call.target) {
                played.calls.push(call);
            }
        }
        for execution in followed.executions {
            if let Some(played) = owner(&mut all, &jobs, execution.trace, execution.at, &execution.target) {
                played.executions.push((execution.at, execution.target));
            }
        }
        for played in &mut all {
            played.calls.sort_by_key(|call| call.at);
        }
        Ok(Play { requests: all, breakers: Breaker::all(&followed.written), switches })
    })
}

/// Those who ask.
struct Clients {
    /// In turns.
    hosts: Vec<Host>,
    traffic: Traffic,
    start: Instant,
    sent: AtomicUsize,
}

/// What became of requests, by their numbers.
type Numbered = Vec<(usize, Played)>;

impl Clients {
    /// Each comes at its time, whatever became of those before.
    async fn open(self: &Arc<Self>, traffic: StdRng) -> Numbered {
        let mut under_way = JoinSet::new();
        for (at, path) in self.traffic.requests(traffic) {
            clock::sleep_until(self.start + at).await;
            let (this, number) = (self.clone(), self.number());
            under_way.spawn(async move { (number, this.ask(number, path).await) });
        }
        under_way.join_all().await
    }

    /// Each client asks again after its answer, and a pause.
    async fn closed(self: &Arc<Self>, clients: u64, mut traffic: StdRng) -> Numbered {
        let Load::Closed { pause, .. } = &self.traffic.load else { return Vec::new() };
        let mut under_way = JoinSet::new();
        for _ in 0..clients {
            let (this, pause, mut chance) = (self.clone(), pause.clone(), StdRng::from_rng(&mut traffic));
            under_way.spawn(async move {
                let mut all = Vec::new();
                // Not all at once.
                clock::sleep(pause.draw(&mut chance).mul_f64(chance.random::<f64>())).await;
                while this.start.elapsed() < this.traffic.duration {
                    let (number, path) = (this.number(), this.traffic.path(&mut chance));
                    if number as u64 >= MAX_REQUESTS {
                        break;
                    }
                    all.push((number, this.ask(number, path).await));
                    clock::sleep(pause.draw(&mut chance)).await;
                }
                all
            });
        }
        under_way.join_all().await.into_iter().flatten().collect()
    }

    /// Each turn begins when all requests before are answered.
    async fn in_turn(&self) -> Numbered {
        let Load::InTurn(turns) = &self.traffic.load else { return Vec::new() };
        let mut all: Numbered = Vec::new();
        for (path, turn) in turns.iter().enumerate() {
            if let Some(at) = turn.at {
                clock::sleep_until(self.start + at).await;
            }
            if turn.when_told {
                let told = all.last().and_then(|(_, played)| played.retry_after);
                clock::sleep(told.unwrap_or_default()).await;
            }
            let mut numbers = (0..turn.count).map(|_| self.number());
            if let Some(job) = &turn.job {
                let before = turns[..path].iter().filter(|turn| turn.job.as_ref() == Some(job)).count();
                all.push((self.number(), self.watch(job, before, path).await));
            } else if turn.at_once {
                let asked = numbers.map(async |number| (number, self.ask(number, path).await));
                all.extend(join_all(asked).await);
            } else {
                for number in &mut numbers {
                    all.push((number, self.ask(number, path).await));
                }
            }
        }
        all
    }

    /// Waits for the run of a job after so many others.
    async fn watch(&self, job: &str, before: usize, path: usize) -> Played {
        let ended = self.hosts[0].journal().ended(job, before);
        let (at, took, outcome) = match clock::timeout(LONGEST, ended).await {
            Some(call) => (call.at, call.took, outcome(&call)),
            None => (self.start.elapsed(), Duration::ZERO, "no run".into()),
        };
        let whole = outcome == "ok";
        Played {
            at,
            took,
            path,
            status: 0,
            outcome: Some(outcome),
            retry_after: None,
            whole,
            body: Bytes::new(),
            calls: Vec::new(),
            executions: Vec::new(),
        }
    }

    fn number(&self) -> usize {
        self.sent.fetch_add(1, Ordering::Relaxed)
    }

    async fn ask(&self, number: usize, path: usize) -> Played {
        let (at, asked) = (self.start.elapsed(), &self.traffic.paths[path]);
        let request = Request::builder().method(asked.method.clone()).uri(asked.uri.clone());
        let request = request.header(HOST, "localhost").header(TRACEPARENT, parent_of(number));
        // Of parts that were checked when the scenario was read.
        let (status, retry_after, body) = match request.body(Full::new(Bytes::from(asked.body.clone()))) {
            Ok(request) => {
                let answer = self.hosts[number % self.hosts.len()].handle(request).await;
                let (head, body) = answer.into_parts();
                let told = head.headers.get(RETRY_AFTER).and_then(|told| told.to_str().ok()?.parse().ok());
                let body = body.collect().await.ok().map(Collected::to_bytes);
                (head.status.as_u16(), told.map(Duration::from_secs), body)
            }
            Err(_) => (400, None, None),
        };
        let took = self.start.elapsed() - at;
        // Others are only counted, and may be many.
        let keeps_bodies = matches!(self.traffic.load, Load::Listed(_) | Load::InTurn(_));
        let (whole, body) = (body.is_some(), body.filter(|_| keeps_bodies).unwrap_or_default());
        let (outcome, calls, executions) = (None, Vec::new(), Vec::new());
        Played { at, took, path, status, outcome, retry_after, whole, body, calls, executions }
    }

    /// At these times, all instances of `host` and its copies begin anew; as long as this is kept.
    fn restarts(&self, host: &Host, times: &[Duration]) -> JoinSet<()> {
        let at = |at: &Duration| {
            let (host, time) = (host.clone(), self.start + *at);
            async move {
                clock::sleep_until(time).await;
                host.restart();
            }
        };
        times.iter().map(at).collect()
    }
}

/// Each request begins a trace, whose id is its number, from 1: so its calls are known, through whatever they pass.
fn parent_of(number: usize) -> String {
    format!("00-{0:032x}-{0:016x}-00", number + 1)
}

/// The one of `all` that a call of `target` is for: a request, which began its trace, or a run of a job, which has none and
/// was under way. A run itself is for none.
fn owner<'p>(
    all: &'p mut [Played],
    jobs: &[String],
    trace: TraceId,
    at: Duration,
    target: &str,
) -> Option<&'p mut Played> {
    match usize::try_from(u128::from_be_bytes(trace.to_bytes())).ok()?.checked_sub(1) {
        Some(number) => all.get_mut(number),
        None if jobs.iter().any(|job| job == target) => None,
        None => {
            let mut runs = all.iter_mut().filter(|played| played.outcome.is_some());
            runs.find(|run| run.at <= at && at <= run.at + run.took)
        }
    }
}
