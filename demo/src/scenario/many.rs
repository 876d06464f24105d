//! Many requests, and how many of their answers are of each kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;

use super::{Ask, Read, Step};
use crate::client::{self, Answer};
use crate::table::Row;

/// The answers, each request with a connection of its own.
pub async fn ask(address: SocketAddr, path: &'static str, ask: Ask) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    match ask {
        Ask::AtOnce(_, count) => {
            let requests: Vec<_> =
                (0..count).map(|_| tokio::spawn(client::send(address, Method::GET, path, ""))).collect();
            for request in requests {
                answers.push(request.await.map_err(|error| error.to_string())??);
            }
        }
        Ask::Times(_, count) => {
            for _ in 0..count {
                answers.push(client::send(address, Method::GET, path, "").await?);
            }
        }
        _ => answers.push(client::send(address, Method::GET, path, "").await?),
    }
    Ok(answers)
}

/// How long an answer told its client to wait.
pub fn told(answer: &Answer) -> Duration {
    let seconds = answer.retry_after.as_deref().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// The type of a problem, or the status of another answer.
fn kind(answer: &Answer) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
    let kind = problem.as_ref().and_then(|problem| problem["type"].as_str()?.rsplit(':').next());
    match kind {
        Some("breaker-open") if answer.retry_after.is_some() => "breaker-open, Retry-After".into(),
        Some(kind) => kind.into(),
        None => answer.status.to_string(),
    }
}

impl Step {
    /// What came of many requests, beside what was promised.
    pub fn row_of_many(&self, answers: &[Answer], calls: u64, took: Duration) -> Row {
        let mut kinds = BTreeMap::new();
        let mut statuses = BTreeMap::new();
        for answer in answers {
            *kinds.entry(kind(answer)).or_insert(0) += 1;
            *statuses.entry(answer.status).or_insert(0) += 1;
        }
        let as_promised = match self.read {
            Read::Answers(promised) => {
                promised.iter().map(|(kind, count)| (kind.to_string(), *count)).collect::<BTreeMap<_, _>>() == kinds
            }
            _ => false,
        };
        let broken_promise = if statuses.keys().any(|status| *status != self.status) {
            Some(format!("promised {} for all", self.status))
        } else if !as_promised {
            Some("not the promised answers".into())
        } else {
            self.broken_measure(calls, took)
        };
        let listed: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        let http: Vec<_> = statuses.keys().map(ToString::to_string).collect();
        Row {
            injected: self.injected.into(),
            request: self.ask.to_string(),
            http: http.join(", "),
            read: listed.join("; "),
            calls,
            took,
            broken_promise,
        }
    }
}
