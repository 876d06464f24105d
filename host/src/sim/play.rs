//! One run of a scenario: its requests are sent, in simulated time, and what becomes of them is written down.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::Request;
use hyper::header::HOST;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::scenario::Scenario;
use super::traffic::Load;
use crate::clock::{self, Time};
use crate::error::Error;
use crate::host::Host;
use crate::lattice::Call;
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
        if self.whole { self.status.to_string() } else { format!("{} cut short", self.status) }
    }
}

/// Sends all requests of `scenario`, whose chances are those of `seed`. They are in the order of their coming. With the
/// switches of the host, which know what there is to call.
///
/// # Errors
/// [`Error`], when the components cannot be loaded, or the scenario names what they do not have.
pub(super) fn play(scenario: &Scenario, seed: u64) -> Result<(Vec<Played>, Switches), Error> {
    let mut chances = StdRng::seed_from_u64(seed);
    let mut manifest = scenario.manifest.clone();
    // Neighbouring seeds have nothing in common.
    manifest.seed = Some(chances.next_u64());
    let traffic = StdRng::from_rng(&mut chances);
    clock::run(async {
        let host = Host::load(&manifest, Time::Simulated)?;
        let wrong = |line, problem| Error::Manifest { path: scenario.path.clone(), line: Some(line), problem };
        let switches = host.faults();
        for fault in &scenario.weather {
            switches.add(fault.clone()).map_err(|problem| wrong(fault.line, problem))?;
        }
        for calls in &scenario.expect.calls {
            switches.check("these calls are to", &calls.to).map_err(|problem| wrong(calls.line, problem))?;
        }
        host.journal().follow();
        let start = Instant::now();
        // Others are only counted, and may be many.
        let keeps_bodies = matches!(scenario.traffic.load, Load::Listed(_));
        let mut under_way = JoinSet::new();
        for (number, (at, path)) in scenario.traffic.requests(traffic).enumerate() {
            clock::sleep_until(start + at).await;
            let asked = &scenario.traffic.paths[path];
            let request = Request::builder().method(asked.method.clone()).uri(asked.uri.clone());
            let request = request.header(HOST, "localhost").header(TRACEPARENT, parent_of(number));
            let request = request.body(Full::new(Bytes::from(asked.body.clone())));
            let host = host.clone();
            under_way.spawn(async move {
                let at = start.elapsed();
                // Of parts that were checked when the scenario was read.
                let (status, body) = match request {
                    Ok(request) => {
                        let answer = host.handle(request).await;
                        let status = answer.status().as_u16();
                        (status, answer.into_body().collect().await.ok().map(Collected::to_bytes))
                    }
                    Err(_) => (400, None),
                };
                let took = start.elapsed() - at;
                let (whole, body) = (body.is_some(), body.filter(|_| keeps_bodies).unwrap_or_default());
                (number, Played { at, took, path, status, whole, body, calls: Vec::new(), executions: Vec::new() })
            });
        }
        let mut all = under_way.join_all().await;
        all.sort_unstable_by_key(|(number, _)| *number);
        let mut all: Vec<Played> = all.into_iter().map(|(_, played)| played).collect();
        let followed = host.journal().take_followed();
        for call in followed.calls {
            if let Some(played) = number_of(call.trace).and_then(|number| all.get_mut(number)) {
                played.calls.push(call);
            }
        }
        for execution in followed.executions {
            if let Some(played) = number_of(execution.trace).and_then(|number| all.get_mut(number)) {
                played.executions.push((execution.at, execution.target));
            }
        }
        for played in &mut all {
            played.calls.sort_by_key(|call| call.at);
        }
        Ok((all, switches))
    })
}

/// Each request begins a trace, whose id is its number, from 1: so its calls are known, through whatever they pass.
fn parent_of(number: usize) -> String {
    format!("00-{0:032x}-{0:016x}-00", number + 1)
}

fn number_of(trace: TraceId) -> Option<usize> {
    usize::try_from(u128::from_be_bytes(trace.to_bytes())).ok()?.checked_sub(1)
}
