//! Faults that are switched on and off while a host runs.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::called::Called;
use crate::error::Error;
use crate::escape;
use crate::lattice::{Armed, Delay, Fault, FaultKind, Faults, Lost, On};
use crate::manifest::{Http, parse_fault};

/// So many can be switched on at a time: each call asks all of them.
const MAX_SWITCHED: usize = 1000;

/// The faults of a host, as switches. Cheap to clone; clones are of the same.
///
/// ```no_run
/// # fn example(host: steadfast_host::Host) -> Result<(), steadfast_host::Error> {
/// let faults = host.faults();
/// let down = faults.switch_on("on = 'acme:greeter/api'\nkind = 'no-target'")?;
/// // Calls of the greeter fail now.
/// assert!(faults.switch_off(down));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Switches {
    faults: Arc<Faults>,
    called: Arc<Called>,
    http: Http,
}

impl Switches {
    pub(crate) fn new(faults: Arc<Faults>, called: Arc<Called>, http: Http) -> Self {
        Switches { faults, called, http }
    }

    /// Switches a fault on, given as TOML, as a table below `[[faults]]` in a manifest. Its times count from now. Of
    /// several faults that fail a call, the one that is there longest counts. Returns the number by which to switch it
    /// off.
    ///
    /// # Errors
    /// [`Error::Fault`], when the text is wrong, the fault is on something that is not called, or 1,000 are switched on.
    pub fn switch_on(&self, fault: &str) -> Result<u64, Error> {
        let wrong = |problem| Error::Fault { problem };
        let fault = parse_fault(fault, &self.http).map_err(wrong)?;
        self.called.check(&fault).map_err(wrong)?;
        if self.switched().len() >= MAX_SWITCHED {
            let problem = format!("{MAX_SWITCHED} are switched on already; switch others off first");
            return Err(wrong(problem));
        }
        Ok(self.faults.switch_on(fault))
    }

    /// Switches on a fault that is parsed already; or what is wrong with it.
    pub(crate) fn add(&self, fault: Fault) -> Result<u64, String> {
        self.called.check(&fault)?;
        Ok(self.faults.switch_on(fault))
    }

    /// Whether calls are made there; or a message that begins with `what` names it.
    pub(crate) fn check(&self, what: &str, on: &On) -> Result<(), String> {
        self.called.check_on(what, on)
    }

    /// Switches the fault with this number off, which may be one of the manifest. Whether there was one.
    pub fn switch_off(&self, id: u64) -> bool {
        self.faults.switch_off(|other| other == id)
    }

    /// Switches all faults off, those of the manifest too.
    pub fn clear(&self) {
        self.faults.switch_off(|_| true);
    }

    /// What is switched on at `other` is on here too, by the same number, where there is something to be on: for a host
    /// that takes another's place.
    pub fn take_over(&self, other: &Switches) {
        for armed in other.switched().into_iter().filter(|armed| self.called.check(&armed.fault).is_ok()) {
            self.faults.share(armed);
        }
    }

    fn switched(&self) -> Vec<Arc<Armed>> {
        self.faults.all().iter().filter(|armed| armed.is_switched()).cloned().collect()
    }

    /// All faults, as a list of objects: `id`, what it is `on`, its `kind`, the `line` of the manifest where it has one,
    /// its times and numbers as the manifest has them, and how many calls it has `hit`. Durations are in seconds.
    pub fn to_json(&self) -> String {
        let all: Vec<_> = self.faults.all().iter().map(|armed| Row::of(armed)).collect();
        // Texts and numbers: there is nothing in it that JSON does not have.
        escape::json(&serde_json::to_string(&all).unwrap_or_default())
    }
}

impl fmt::Debug for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Switches").field(&self.to_json()).finish()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    id: u64,
    on: String,
    kind: String,
    /// Of a mix, in the order of its kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weights: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loses: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Delay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<Delay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    from: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<f64>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    hit: u64,
}

impl Row {
    fn of(armed: &Armed) -> Self {
        let Fault { on, kind, from, until, flapping, rate, first, line } = &armed.fault;
        let (mut loses, mut delay, mut status, mut retry_after, mut capacity) = (None, None, None, None, None);
        for kind in kind.kinds() {
            match kind {
                FaultKind::Drop(Lost::Request) => loses = Some("request"),
                FaultKind::Latency(time) => delay = Some(time.clone()),
                FaultKind::Overloaded(again) => retry_after = *again,
                FaultKind::Status(answer, again) => (status, retry_after) = (Some(answer.as_u16()), *again),
                FaultKind::Capacity(able) => (capacity, retry_after) = (Some(able), able.retry_after),
                _ => {}
            }
        }
        let weights = match kind {
            FaultKind::Mix(kinds) => kinds.iter().map(|(_, weight)| *weight).collect(),
            _ => Vec::new(),
        };
        let seconds = |time: std::time::Duration| time.as_secs_f64();
        Row {
            id: armed.id,
            on: on.to_string(),
            kind: kind.name().into_owned(),
            weights,
            loses,
            line: (!armed.is_switched()).then_some(*line),
            delay,
            concurrency: capacity.map(|capacity| capacity.concurrency),
            work: capacity.map(|capacity| capacity.work.clone()),
            queue: capacity.map(|capacity| capacity.queue),
            retry_after: retry_after.map(seconds),
            status,
            from: seconds(*from),
            until: until.map(seconds),
            every: flapping.map(|flapping| seconds(flapping.every)),
            lasts: flapping.map(|flapping| seconds(flapping.lasts)),
            rate: *rate,
            first: *first,
            hit: armed.hit(),
        }
    }
}
