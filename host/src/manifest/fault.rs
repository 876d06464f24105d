//! What goes wrong on purpose, and on which calls.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::http::uri::Scheme;
use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::delay::delay;
use super::document::{NOT_TOML, explained};
use super::{Http, date, value};
use crate::authority::Authority;
use crate::lattice::{Capacity, Delay, Fault, FaultKind, Flapping, Lost, On};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ kind = \"no-target\" }`")]
pub(crate) struct FileFault {
    #[serde(default, deserialize_with = "value::one_or_more")]
    on: Vec<String>,
    #[serde(default, deserialize_with = "value::kinds")]
    kind: Vec<(FileFaultKind, u64)>,
    #[serde(default, deserialize_with = "value::loses")]
    loses: Option<FileLost>,
    #[serde(default, deserialize_with = "value::duration")]
    from: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    until: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    every: Option<Duration>,
    #[serde(rename = "for", default, deserialize_with = "value::duration")]
    lasts: Option<Duration>,
    #[serde(default, deserialize_with = "value::calls")]
    first: Option<NonZeroU64>,
    #[serde(default, deserialize_with = "value::share")]
    rate: Option<f64>,
    #[serde(default, deserialize_with = "delay")]
    delay: Option<Delay>,
    #[serde(default, deserialize_with = "value::duration")]
    retry_after: Option<Duration>,
    #[serde(default, deserialize_with = "value::status")]
    status: Option<StatusCode>,
    #[serde(default, deserialize_with = "value::some_count")]
    concurrency: Option<u64>,
    #[serde(default, deserialize_with = "delay")]
    work: Option<Delay>,
    #[serde(default, deserialize_with = "value::some_whole")]
    queue: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFaultKind {
    NoLink,
    NoTarget,
    Disconnected,
    Blackhole,
    Drop,
    Trap,
    Latency,
    Overloaded,
    Status,
    Capacity,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileLost {
    Request,
    Answer,
}

/// A fault by itself: the lines below a `[[faults]]`.
pub(crate) fn parse(text: &str, http: &Http) -> Result<Fault, String> {
    let table = DeTable::parse(text).map_err(|error| explained(&error) + NOT_TOML)?;
    if let Some((key, _, kind)) = date::find(table.get_ref()) {
        return Err(date::misplaced(&key, kind));
    }
    let fault = FileFault::deserialize(Deserializer::from(table)).map_err(|error| explained(&error))?;
    fault.check(0, http)
}

impl FileFault {
    /// The fault, or what is wrong with it. What it is on is checked here if that is HTTP; only the components
    /// know their functions.
    pub fn check(self, line: usize, http: &Http) -> Result<Fault, String> {
        use FileFaultKind as Kind;

        let of = |kind| self.kind.iter().any(|(one, _)| *one == kind);
        if self.kind.is_empty() {
            return Err("`kind` is missing from the fault; say what goes wrong, like `kind = \"no-target\"`".into());
        }
        if self.delay.is_none() && of(Kind::Latency) {
            return Err("a fault of kind \"latency\" needs a `delay`; say how long, like `delay = \"200ms\"`".into());
        }
        if self.delay.is_some() && !of(Kind::Latency) {
            return Err("`delay` belongs to a fault of kind \"latency\"; remove it, or change `kind`".into());
        }
        if self.retry_after.is_some() && !(of(Kind::Overloaded) || of(Kind::Status) || of(Kind::Capacity)) {
            return Err(
                "`retry-after` belongs to a fault of kind \"overloaded\", \"status\" or \"capacity\"; remove it, \
                        or change `kind`"
                    .into(),
            );
        }
        if self.status.is_some() && !of(Kind::Status) {
            return Err("`status` belongs to a fault of kind \"status\"; remove it, or change `kind`".into());
        }
        if self.loses.is_some() && !of(Kind::Drop) {
            return Err("`loses` belongs to a fault of kind \"drop\"; remove it, or change `kind`".into());
        }
        if (self.concurrency.is_some() || self.work.is_some() || self.queue.is_some()) && !of(Kind::Capacity) {
            return Err(
                "`concurrency`, `work` and `queue` belong to a fault of kind \"capacity\"; remove them, or change \
                        `kind`"
                    .into(),
            );
        }
        if of(Kind::Capacity) && self.kind.len() > 1 {
            return Err(
                "\"capacity\" is what a target can do on each call, and no failure among others; give it a fault of \
                        its own"
                    .into(),
            );
        }
        let from = self.from.unwrap_or_default();
        if self.until.is_some_and(|until| until <= from) {
            return Err("`until` must be later than `from`; both count from the moment the host is ready".into());
        }
        let flapping = match (self.every, self.lasts) {
            (None, None) => None,
            (Some(every), Some(lasts)) if !lasts.is_zero() && lasts < every => Some(Flapping { every, lasts }),
            _ => {
                return Err(
                    "`every` and `for` belong together, and `for` is above zero and shorter than `every`; write \
                            both, like `every = \"10s\"` and `for = \"2s\"`"
                        .into(),
                );
            }
        };
        let kinds = self.kind.iter().map(|(kind, weight)| Ok((self.of_kind(*kind)?, *weight)));
        let mut kinds = kinds.collect::<Result<Vec<(FaultKind, u64)>, String>>()?;
        let status = of(Kind::Status);
        let kind = match kinds.pop() {
            Some((only, _)) if kinds.is_empty() => only,
            last => FaultKind::Mix(kinds.into_iter().chain(last).collect()),
        };
        let on = self.on.into_iter().map(|on| parse_on(on, "the fault is on", http));
        let mut on = on.collect::<Result<Vec<On>, String>>()?;
        if status && (on.is_empty() || !on.iter().all(|on| matches!(on, On::Http(..)))) {
            return Err(
                "a fault of kind \"status\" is an answer to an HTTP request; say where requests go with `on`, \
                        like `on = \"http://127.0.0.1:9000\"`, or use the kind \"overloaded\""
                    .into(),
            );
        }
        let first = self.first.map(NonZeroU64::get);
        let on = match on.pop() {
            None => On::Everything,
            Some(only) if on.is_empty() => only,
            Some(last) => {
                on.push(last);
                On::Any(on)
            }
        };
        Ok(Fault { on, kind, from, until: self.until, flapping, rate: self.rate, first, line })
    }

    /// What goes wrong, for one of the kinds.
    fn of_kind(&self, kind: FileFaultKind) -> Result<FaultKind, String> {
        use FileFaultKind as Kind;

        Ok(match kind {
            Kind::NoLink => FaultKind::NoLink,
            Kind::NoTarget => FaultKind::NoTarget,
            Kind::Disconnected => FaultKind::Disconnected,
            Kind::Blackhole => FaultKind::Blackhole,
            Kind::Drop if self.loses == Some(FileLost::Request) => FaultKind::Drop(Lost::Request),
            Kind::Drop => FaultKind::Drop(Lost::Answer),
            Kind::Trap => FaultKind::Trap,
            Kind::Latency => FaultKind::Latency(self.delay.clone().unwrap_or(Delay::Constant(Duration::ZERO))),
            Kind::Overloaded => FaultKind::Overloaded(self.retry_after),
            Kind::Capacity => {
                match (self.concurrency, self.work.clone()) {
                    (Some(concurrency), Some(work)) => FaultKind::Capacity(Arc::new(Capacity {
                        concurrency,
                        work,
                        queue: self.queue.unwrap_or_default(),
                        retry_after: self.retry_after,
                    })),
                    _ => {
                        return Err("a fault of kind \"capacity\" needs `concurrency` and `work`; say how many calls are worked \
                                on at a time and how long each takes, like `concurrency = 4` and `work = \"20ms\"`"
                        .into());
                    }
                }
            }
            Kind::Status => match self.status {
                Some(status) => FaultKind::Status(status, self.retry_after),
                None => {
                    return Err("a fault of kind \"status\" needs a `status`; say which, like `status = 503`".into());
                }
            },
        })
    }
}

/// The calls or requests that `on` names. An authority is known by its scheme, by characters that no name of a function
/// has, or since the manifest has it elsewhere. What names them is for the message.
pub(crate) fn parse_on(on: String, what: &str, http: &Http) -> Result<On, String> {
    let (scheme, rest) = match on.split_once("://") {
        Some(("http", rest)) => (Some(Scheme::HTTP), rest),
        Some(("https", rest)) => (Some(Scheme::HTTPS), rest),
        Some((other, _)) => {
            return Err(format!("{what} `{on}`, and requests go by http or https, not `{other}`"));
        }
        None => (None, on.as_str()),
    };
    let path = rest.contains('/') || rest.contains('#');
    let known = Authority::parse(rest).is_ok_and(|authority| http.reaches(&authority));
    if scheme.is_none() && (path || !(rest.contains(['.', ':']) || known)) {
        return Ok(On::Function(on));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority = Authority::parse(rest).map_err(|problem| format!("{what} `{on}`, and {problem}"))?;
    if !http.reaches(&authority) {
        return Err(format!("{what} `{on}`, and {}", http.reachable()));
    }
    Ok(On::Http(scheme, authority))
}
