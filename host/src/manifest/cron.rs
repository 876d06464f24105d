//! Calls that the host makes by itself, again and again.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::schedule::Schedule;
use super::value;

/// What becomes of the times at which no run could begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Missed {
    #[default]
    Skip,
    /// One run makes up for all of them, as soon as it can.
    Once,
}

/// A call on schedule.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    /// An interface without its version, as `acme:jobs/job`.
    pub interface: String,
    pub function: String,
    pub schedule: Schedule,
    /// Each run begins up to so much later than its time.
    pub jitter: Duration,
    pub missed: Missed,
    /// How long one run may take.
    pub timeout: Duration,
    pub payload: Option<String>,
    /// Of the hosts that share a store, one runs the job; where it goes away, another after so long.
    pub lease: Option<Duration>,
    pub line: usize,
}

impl Cron {
    /// `acme:jobs/job#run`
    pub fn target(&self) -> String {
        format!("{}#{}", self.interface, self.function)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, like `{ call = \"acme:jobs/job#run\", every = \"10s\" }`")]
pub(super) struct FileCron {
    call: Option<String>,
    #[serde(default, deserialize_with = "value::duration")]
    every: Option<Duration>,
    #[serde(default, deserialize_with = "value::schedule")]
    schedule: Option<croner::Cron>,
    #[serde(default, deserialize_with = "value::zone")]
    zone: Option<TimeZone>,
    #[serde(default, deserialize_with = "value::duration")]
    jitter: Option<Duration>,
    #[serde(default, deserialize_with = "value::missed")]
    missed: Missed,
    #[serde(default, deserialize_with = "value::duration")]
    timeout: Option<Duration>,
    payload: Option<String>,
    #[serde(default, deserialize_with = "value::duration")]
    lease: Option<Duration>,
}

impl FileCron {
    /// The job, or what is wrong with it. Only the components know the function.
    pub fn check(self, line: usize, request_timeout: Duration) -> Result<Cron, String> {
        let Some(call) = self.call else {
            return Err("`call` is missing; say which function to call, like `call = \"acme:jobs/job#run\"`".into());
        };
        let jitter = self.jitter.unwrap_or_default();
        let schedule = match (self.every, self.schedule) {
            (None, None) => {
                return Err(format!(
                    "neither `every` nor `schedule` is there in the cron job `{call}`; say how often, like `every = \"10s\"`, \
                     or when, like `schedule = \"0 3 * * *\"`"
                ));
            }
            (Some(_), Some(_)) => {
                return Err(format!("the cron job `{call}` has an `every` and a `schedule`; remove one of them"));
            }
            (Some(_), None) if self.zone.is_some() => {
                return Err(format!(
                    "the cron job `{call}` has a `zone`, and `every` is the same in all of them; remove `zone`, or write a \
                     `schedule`"
                ));
            }
            (Some(every), None) if every.is_zero() => {
                return Err(format!("the cron job `{call}` needs an `every` of more than nothing"));
            }
            (Some(every), None) if jitter >= every => {
                return Err(format!("the cron job `{call}` needs a `jitter` that is shorter than its `every`"));
            }
            (Some(every), None) => Schedule::Every(every),
            (None, Some(cron)) => Schedule::Cron { cron: Box::new(cron), zone: self.zone.unwrap_or(TimeZone::UTC) },
        };
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(format!("the cron job `{call}` needs a `timeout` of more than nothing"));
        }
        if self.lease.is_some_and(|lease| lease < Duration::from_secs(1)) {
            return Err(format!("the cron job `{call}` needs a `lease` from 1 s, like \"10s\""));
        }
        let name = call.split_once('#').filter(|(interface, function)| interface.contains('/') && !function.is_empty());
        let Some((interface, function)) = name else {
            return Err(format!("`{call}` is not a function of an interface; write it like \"acme:jobs/job#run\""));
        };
        if let Some((any, _)) = interface.split_once('@') {
            return Err(format!(
                "`{call}` is to be called, in whichever version it is there; write `{any}#{function}`"
            ));
        }
        Ok(Cron {
            interface: interface.into(),
            function: function.into(),
            schedule,
            jitter,
            missed: self.missed,
            timeout: self.timeout.unwrap_or(request_timeout),
            payload: self.payload,
            lease: self.lease,
            line,
        })
    }
}
