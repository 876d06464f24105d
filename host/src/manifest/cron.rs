//! Calls that the host makes by itself, again and again.

use std::time::Duration;

use serde::Deserialize;

use super::value;

/// A call on schedule.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    /// An interface without its version, as `acme:jobs/job`.
    pub interface: String,
    pub function: String,
    pub every: Duration,
    /// How long one run may take.
    pub timeout: Duration,
    pub payload: Option<String>,
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
    #[serde(default, deserialize_with = "value::duration")]
    timeout: Option<Duration>,
    payload: Option<String>,
}

impl FileCron {
    /// The job, or what is wrong with it. Only the components know the function.
    pub fn check(self, line: usize, request_timeout: Duration) -> Result<Cron, String> {
        let Some(call) = self.call else {
            return Err("`call` is missing; say which function to call, like `call = \"acme:jobs/job#run\"`".into());
        };
        let Some(every) = self.every else {
            return Err(format!(
                "`every` is missing from the cron job `{call}`; say how often, like `every = \"10s\"`"
            ));
        };
        if every.is_zero() || self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(format!("the cron job `{call}` needs an `every` and a `timeout` of more than nothing"));
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
            every,
            timeout: self.timeout.unwrap_or(request_timeout),
            payload: self.payload,
            line,
        })
    }
}
