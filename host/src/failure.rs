//! A failed invocation, and how it becomes the value of the well-known error and back.

use std::fmt;
use std::time::Duration;

use wasmtime::component::Val;

/// Where an invocation failed; `cause` of `steadfast:rpc/types`, where each case is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in the WIT")]
pub enum Cause {
    NoLink,
    NoTarget,
    Timeout,
    Disconnected,
    Overloaded,
    Trapped,
    Protocol,
    Other,
}

/// How far an invocation got; `delivery` of `steadfast:rpc/types`, where each case is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in the WIT")]
pub enum Delivery {
    NotSent,
    Unknown,
    Delivered,
}

const CAUSES: [(Cause, &str); 8] = [
    (Cause::NoLink, "no-link"),
    (Cause::NoTarget, "no-target"),
    (Cause::Timeout, "timeout"),
    (Cause::Disconnected, "disconnected"),
    (Cause::Overloaded, "overloaded"),
    (Cause::Trapped, "trapped"),
    (Cause::Protocol, "protocol"),
    (Cause::Other, "other"),
];

const DELIVERIES: [(Delivery, &str); 3] =
    [(Delivery::NotSent, "not-sent"), (Delivery::Unknown, "unknown"), (Delivery::Delivered, "delivered")];

fn name<T: PartialEq + Copy>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(candidate, _)| *candidate == value).map_or("other", |(_, name)| name)
}

impl Cause {
    /// As the WIT spells it.
    pub(crate) fn name(self) -> &'static str {
        name(&CAUSES, self)
    }
}

impl Delivery {
    /// As the WIT spells it.
    pub(crate) fn name(self) -> &'static str {
        name(&DELIVERIES, self)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failed invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it failed.
    pub cause: Cause,
    /// How far it got.
    pub delivery: Delivery,
    /// How long the other side asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The function whose call failed, when that is not the one that was called here: the callee passes on a
    /// failure of a call of its own.
    pub(crate) target: Option<String>,
    /// For the people who run the system.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(cause: Cause, delivery: Delivery, message: impl Into<String>) -> Self {
        Failure { cause, delivery, retry_after: None, target: None, message: message.into() }
    }

    /// The failure, for the caller of `target`.
    pub(crate) fn of(mut self, target: String) -> Self {
        self.target.get_or_insert(target);
        self
    }

    /// The failure as a record `rpc-error`, for the caller of `target`.
    pub(crate) fn into_value(self, target: String) -> Val {
        let retry_after = self.retry_after.map(|after| {
            // 584 years of nanoseconds, and then it does not matter.
            Box::new(Val::U64(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
        });
        let field = |name: &str, value| (name.to_string(), value);
        Val::Record(vec![
            field("cause", Val::Enum(self.cause.to_string())),
            field("delivery", Val::Enum(self.delivery.to_string())),
            field("retry-after", Val::Option(retry_after)),
            field("target", Val::String(self.target.unwrap_or(target))),
            field("message", Val::String(self.message)),
        ])
    }

    /// The failure in a record `rpc-error` that a callee returned.
    pub(crate) fn from_value(value: &Val) -> Option<Self> {
        let Val::Record(fields) = value else { return None };
        let field = |name: &str| fields.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value);
        let find = |name: &str| match field(name) {
            Some(Val::Enum(case)) => Some(case.as_str()),
            _ => None,
        };
        let text = |name: &str| match field(name) {
            Some(Val::String(text)) => Some(text.clone()),
            _ => None,
        };
        let cause = find("cause")?;
        let delivery = find("delivery")?;
        let retry_after = match field("retry-after")? {
            Val::Option(Some(nanos)) => match **nanos {
                Val::U64(nanos) => Some(Duration::from_nanos(nanos)),
                _ => return None,
            },
            _ => None,
        };
        Some(Failure {
            cause: CAUSES.iter().find(|(_, name)| *name == cause)?.0,
            delivery: DELIVERIES.iter().find(|(_, name)| *name == delivery)?.0,
            retry_after,
            target: text("target").filter(|target| !target.is_empty()),
            message: text("message")?,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.cause, self.delivery)?;
        if let Some(after) = self.retry_after {
            write!(f, ", retry after {} ms", after.as_millis())?;
        }
        write!(f, "): {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_being_a_value() {
        for (cause, _) in CAUSES {
            for (delivery, _) in DELIVERIES {
                let failure =
                    Failure { retry_after: Some(Duration::from_nanos(7)), ..Failure::new(cause, delivery, "why") };
                let back = Failure::from_value(&failure.clone().into_value("a:b/c#d".into())).unwrap();
                assert_eq!(back, Failure { target: Some("a:b/c#d".into()), ..failure });
            }
        }
    }
}
