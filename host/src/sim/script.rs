//! Requests that a scenario lists, each after the answer to the one before, and what is expected of their answers.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::expect::Property;
use super::play::Played;
use super::traffic::{Asked, LONGEST, parse_asked};
use crate::manifest::value;

/// What is expected of the answer to one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    /// The request, as it is called in what is said of it.
    name: String,
    status: Option<u64>,
    /// The body, as a whole.
    answer: Option<String>,
    /// What is in the body.
    says: Vec<String>,
    calls: Option<RangeInclusive<u64>>,
    after: Option<Duration>,
    within: Option<Duration>,
}

impl Promise {
    /// None, where nothing is expected.
    pub fn check(&self, played: &Played) -> Option<Property> {
        let Promise { name, status, answer, says, calls, after, within } = self;
        let (mut held, mut expected, mut found) = (true, Vec::new(), vec![played.answer()]);
        if let Some(status) = status {
            held &= played.whole && u64::from(played.status) == *status;
            expected.push(status.to_string());
        }
        if let Some(calls) = calls {
            let made = played.calls.len() as u64;
            held &= calls.contains(&made);
            expected.push(match calls.end() - calls.start() {
                0 => format!("{} calls", calls.start()),
                _ => format!("{} to {} calls", calls.start(), calls.end()),
            });
            found.push(format!("{made} calls"));
        }
        if let Some(least) = after {
            held &= played.took >= *least;
            expected.push(format!("after {least:?}"));
        }
        if let Some(most) = within {
            held &= played.took <= *most;
            expected.push(format!("within {most:?}"));
        }
        if after.or(*within).is_some() {
            found.push(format!("after {:?}", played.took));
        }
        let body = String::from_utf8_lossy(&played.body);
        let texts =
            answer.iter().map(|text| (text, body == *text)).chain(says.iter().map(|text| (text, body.contains(text))));
        for (text, there) in texts {
            held &= there;
            expected.push(format!("{text:?}"));
            found.push(if there { format!("{text:?}") } else { format!("not {text:?}") });
        }
        let (expected, found) = (expected.join(", "), found.join(", "));
        (!expected.is_empty()).then(|| Property { held, name: name.clone(), expected, found })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table, like `{ path = \"/hello/Ada\" }`")]
pub(super) struct FileRequest {
    #[serde(default, deserialize_with = "value::duration")]
    at: Option<Duration>,
    path: Option<String>,
    method: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default, deserialize_with = "value::some_count")]
    status: Option<u64>,
    answer: Option<String>,
    #[serde(default, deserialize_with = "value::texts")]
    says: Vec<String>,
    calls: Option<Calls>,
    #[serde(default, deserialize_with = "value::duration")]
    after: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    within: Option<Duration>,
}

impl FileRequest {
    /// When it comes, where that is said; what it asks for, and what is expected of its answer.
    pub fn check(self, number: usize) -> Result<(Option<Duration>, Asked, Promise), String> {
        let FileRequest { at, path, method, body, status, answer, says, calls, after, within } = self;
        if at.is_some_and(|at| at > LONGEST) {
            return Err("`at` is more than 366 days from the beginning, which are the most; bring it forward".into());
        }
        let path = path.ok_or("`path` is missing; say what is asked for, like `path = \"/hello/Ada\"`")?;
        let asked = parse_asked(&path, method.unwrap_or_else(|| "GET".into()), body)?;
        let name = format!("request {number}, {} {}", asked.method, asked.uri);
        let calls = calls.map(|Calls(calls)| calls);
        Ok((at, asked, Promise { name, status, answer, says, calls, after, within }))
    }
}

/// So many, or from so many to so many.
struct Calls(RangeInclusive<u64>);

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Calls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of calls, like 3, or the least and the most of them, like [2, 4]")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Calls, E> {
                Ok(Calls(number..=number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Calls, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Calls, A::Error> {
                match (list.next_element()?, list.next_element()?, list.next_element::<u64>()?) {
                    (Some(least), Some(most), None) if least <= most => Ok(Calls(least..=most)),
                    _ => Err(A::Error::custom("the least and the most are two numbers that grow, like [2, 4]")),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}
