//! Many requests at a time to two providers that share them, and one of the providers goes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::stage::{self, Host, Provider, Stage};
use steadfast_demo::client::Answer;
use steadfast_demo::table::Row;

const REQUESTS: usize = 400;
const AT_ONCE: usize = 16;

/// Twice the usual: a machine that is busy with other things, too, is not to lose calls that nobody killed. Within the
/// deadline of http-hello's policy, 3 s, it leaves a second for the next attempt.
const TIMEOUT: &str = "invocation-timeout = '2s'";

/// Each request has a name of its own, by which its executions are counted. They take 50 ms.
fn name(number: usize) -> String {
    format!("n{number}-50ms")
}

/// What becomes of one of the providers while it greets somebody.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Killed,
    Terminated,
}

/// Only what certainly was not sent is repeated.
pub async fn killed_and_not_idempotent(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    one_ends(stage, "one of 2 providers killed (SIGKILL) under load", "strict", End::Killed, |run| {
        let killed: Vec<_> = run.answers.iter().filter(|(_, answer)| answer.status != 200).collect();
        let told = |answer: &Answer| {
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
            answer.status == 504 && problem["cause"] == "timeout" && problem["attempts"] == 1
        };
        let failed: BTreeSet<_> = killed.iter().map(|(name, _)| name.as_str()).collect();
        if let Some((name, answer)) = killed.iter().find(|(_, answer)| !told(answer)) {
            Some(format!("{name} failed with {}, and not as unknown", answer.status))
        } else if failed.len() > AT_ONCE {
            Some(format!("{} failed, and {AT_ONCE} were under way", failed.len()))
        } else if let Some(name) = failed.iter().find(|name| run.by_the_other.contains_key(**name)) {
            Some(format!("{name} failed, and was executed by the provider that lives"))
        } else if let Some(name) = run.interrupted.iter().find(|name| !failed.contains(name.as_str())) {
            Some(format!("{name} was interrupted, and did not fail"))
        } else if run.calls != REQUESTS as u64 {
            Some(format!("promised {REQUESTS} calls"))
        } else {
            run.executed_twice().next().map(|name| format!("{name} was executed twice"))
        }
    })
    .await
}

/// What nobody knows to have happened is repeated too.
pub async fn killed_and_idempotent(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    one_ends(stage, "the same, and calls are idempotent", "again", End::Killed, |run| {
        if let Some((name, answer)) = run.answers.iter().find(|(_, answer)| answer.status != 200) {
            Some(format!("{name} was lost ({})", answer.status))
        } else {
            let once = run.interrupted.iter().find(|name| run.executions(name) < 2);
            once.map(|name| format!("{name} was interrupted, and not repeated"))
        }
    })
    .await
}

/// What it has begun, it finishes.
pub async fn terminated(stage: &Stage<'_>) -> Result<Vec<Row>, String> {
    one_ends(stage, "one of 2 providers told to stop (SIGTERM) under load", "strict", End::Terminated, |run| {
        if let Some((name, answer)) = run.answers.iter().find(|(_, answer)| answer.status != 200) {
            Some(format!("{name} was lost ({})", answer.status))
        } else if run.calls != REQUESTS as u64 {
            Some(format!("promised {REQUESTS} calls"))
        } else {
            run.executed_twice().next().map(|name| format!("{name} was executed twice"))
        }
    })
    .await
}

/// What came of a load.
struct Run {
    answers: BTreeMap<String, Answer>,
    calls: u64,
    /// What the provider that went had begun and not finished, at that moment.
    interrupted: BTreeSet<String>,
    /// How often each was executed, by the provider that went and by the other.
    by_the_one: BTreeMap<String, usize>,
    by_the_other: BTreeMap<String, usize>,
}

impl Run {
    fn executions(&self, name: &str) -> usize {
        [&self.by_the_one, &self.by_the_other].iter().filter_map(|by| by.get(name)).sum()
    }

    fn executed_twice(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str).filter(|name| self.executions(name) > 1)
    }

    /// What holds for every load: who got a greeting was greeted, and by the right name.
    fn broken_promise(&self) -> Option<String> {
        let greeted = |(name, answer): &(&String, &Answer)| {
            answer.status != 200 || (answer.body == format!("Hello, {name}!") && self.executions(name) > 0)
        };
        let wrong = self.answers.iter().find(|answer| !greeted(answer));
        wrong.map(|(name, answer)| format!("{name} was not greeted, and read {:?}", answer.body))
    }
}

async fn one_ends(
    stage: &Stage<'_>,
    injected: &str,
    path: &str,
    end: End,
    promise: impl FnOnce(&Run) -> Option<String>,
) -> Result<Vec<Row>, String> {
    let server = stage.server().await?;
    let host = stage.linked_host(&server, TIMEOUT).await?;
    let mut one = stage.provider("provider-1", "counted-greeter", &server, 1).await?;
    let other = stage.provider("provider-2", "counted-greeter", &server, 2).await?;

    let (begin, before) = (Instant::now(), host.calls());
    let mut load = Load::begin(&host, path);
    load.answered(REQUESTS / 4).await?;
    let interrupted = one.pause_at_work().await?;
    match end {
        End::Killed => one.kill()?,
        End::Terminated => one.terminate()?,
    }
    load.answered(REQUESTS).await?;
    let took = begin.elapsed();
    let status = if end == End::Terminated { Some(one.ended().await?) } else { None };

    let calls = host.calls() - before;
    let (by_the_one, by_the_other) = (counted(&one), counted(&other));
    let run = Run { answers: load.answers, calls, interrupted, by_the_one, by_the_other };
    let broken_end =
        status.filter(|status| !status.success()).map(|status| format!("the provider ended with {status}"));
    let broken_promise = run.broken_promise().or_else(|| promise(&run)).or(broken_end);
    let row = Row {
        injected: injected.into(),
        request: format!("{REQUESTS} × /{path}/ID,\n{AT_ONCE} at a time"),
        http: statuses(&run),
        read: summary(&run, end),
        calls,
        took,
        broken_promise,
    };
    Ok(vec![row])
}

fn counted(provider: &Provider) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in provider.executed() {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn statuses(run: &Run) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for answer in run.answers.values() {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts.iter().map(|(status, count)| format!("{count} × {status}")).collect::<Vec<_>>().join(",\n")
}

fn summary(run: &Run, end: End) -> String {
    let verb = if end == End::Killed { "interrupted" } else { "under way there" };
    let failed = run.answers.values().filter(|answer| answer.status != 200).count();
    let lost = if failed > 0 { format!("timeout: {failed}; ") } else { String::new() };
    format!("{lost}{verb}: {}, executed twice: {}", run.interrupted.len(), run.executed_twice().count())
}

/// Requests that are sent as fast as they are answered, so many at a time.
struct Load {
    answers: BTreeMap<String, Answer>,
    results: mpsc::UnboundedReceiver<(String, Result<Answer, String>)>,
    _senders: JoinSet<()>,
}

impl Load {
    fn begin(host: &Host, path: &str) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = JoinSet::new();
        for _ in 0..AT_ONCE {
            senders.spawn(send(host.address(), path.to_string(), next.clone(), sender.clone()));
        }
        Load { answers: BTreeMap::new(), results, _senders: senders }
    }

    /// Waits until so many of the requests were answered.
    async fn answered(&mut self, count: usize) -> Result<(), String> {
        while self.answers.len() < count {
            let (name, answer) = self.results.recv().await.ok_or("the requests ended early")?;
            self.answers.insert(name, answer?);
        }
        Ok(())
    }
}

async fn send(
    address: SocketAddr,
    path: String,
    next: Arc<AtomicUsize>,
    results: mpsc::UnboundedSender<(String, Result<Answer, String>)>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= REQUESTS {
            return;
        }
        let name = name(number);
        let answer = stage::get(address, &format!("/{path}/{name}")).await;
        // Nobody listens any more when the scenario has failed.
        let _ = results.send((name, answer));
    }
}
