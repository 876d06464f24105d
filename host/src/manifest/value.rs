//! What the values of a manifest look like: each says what was expected when it finds something else.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;
use jiff::tz::TimeZone;
use serde::de::value::StrDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::fault::{FileFaultKind, FileLost};
use super::http::FileDeadlines;
use super::{ClientLeft, Instances, Missed, schedule};
use crate::authority::Allowed;

pub(crate) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let parse = |text: &str| match text {
        "" => Err("the path is empty; write that of a component's file, like \"app.wasm\"".into()),
        path => Ok(Some(PathBuf::from(path))),
    };
    deserializer.deserialize_str(Text { expected: "the path of a component's file, like \"app.wasm\"", parse })
}

pub(super) fn certificate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let parse = |text: &str| match text {
        "" => Err("the path is empty; write that of a file with certificates, like \"ca.pem\"".into()),
        path => Ok(Some(PathBuf::from(path))),
    };
    deserializer.deserialize_str(Text { expected: "the path of a file with certificates, like \"ca.pem\"", parse })
}

pub(super) fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let parse = |text: &str| match text {
        "" => Err("the path is empty; write that of a file, like \"policies.toml\"".into()),
        path => Ok(Some(PathBuf::from(path))),
    };
    deserializer.deserialize_str(Text { expected: "the path of a file, like \"policies.toml\"", parse })
}

pub(crate) fn manifest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let parse = |text: &str| match text {
        "" => Err("the path is empty; write that of a manifest, like \"hello.toml\"".into()),
        path => Ok(Some(PathBuf::from(path))),
    };
    deserializer.deserialize_str(Text { expected: "the path of a manifest, like \"hello.toml\"", parse })
}

#[cfg(feature = "wrpc")]
pub(super) fn nats_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let parse = |text: &str| match text {
        "" => Err("the path is empty; write that of a file, like \"app.creds\"".into()),
        path => Ok(PathBuf::from(path)),
    };
    deserializer.deserialize_str(Text { expected: "the path of a file, like \"app.creds\"", parse })
}

/// A host and a port. Whether the host is there shows when it is listened on.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let parse = |text: &str| match check_address(text) {
        true => Ok(text.into()),
        false => Err(format!("`{text}` is not a host with a port; write it like \"127.0.0.1:8080\"")),
    };
    deserializer.deserialize_str(Text { expected: "a host with a port, like \"127.0.0.1:8080\"", parse })
}

fn check_address(text: &str) -> bool {
    let is_name = |host: &str| !host.is_empty() && !host.contains(|c: char| "/:@[]".contains(c) || c.is_whitespace());
    let is_place = |(host, port): (&str, &str)| is_name(host) && port.parse::<u16>().is_ok();
    text.parse::<SocketAddr>().is_ok() || text.rsplit_once(':').is_some_and(is_place)
}

pub(super) fn some_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    address(deserializer).map(Some)
}

pub(crate) fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let parse = |text: &str| match parse_duration(text)? {
        Duration::ZERO => {
            Err(format!("a timeout of `{text}` leaves no time at all; write it like \"250ms\" or \"1m 30s\""))
        }
        duration => Ok(duration),
    };
    deserializer.deserialize_str(Text { expected: DURATION, parse })
}

pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserializer.deserialize_str(Text { expected: DURATION, parse: |text| parse_duration(text).map(Some) })
}

pub(super) fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<croner::Cron>, D::Error> {
    let expected = "a cron expression, like \"0 3 * * *\"";
    deserializer.deserialize_str(Text { expected, parse: |text| schedule::parse(text).map(Some) })
}

pub(super) fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let expected = "the name of a time zone, like \"Europe/Berlin\"";
    deserializer.deserialize_str(Text { expected, parse: |text| schedule::zone(text).map(Some) })
}

pub(super) fn missed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Missed, D::Error> {
    deserializer.deserialize_str(Text { expected: "\"skip\" or \"once\"", parse: |text| parse_name(text) })
}

pub(super) fn instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instances, D::Error> {
    deserializer.deserialize_str(Text { expected: "\"fresh\" or \"reuse\"", parse: |text| parse_name(text) })
}

pub(super) fn some_instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Instances>, D::Error> {
    instances(deserializer).map(Some)
}

pub(super) fn nats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let expected = "the address of a NATS server, like \"nats://127.0.0.1:4222\"";
    deserializer.deserialize_str(Text { expected, parse: |text| Ok(Some(text.into())) })
}

pub(super) fn tcp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let expected = "the address of a provider, like \"127.0.0.1:7761\"";
    deserializer.deserialize_str(Text { expected, parse: |text| Ok(Some(text.into())) })
}

pub(super) fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let expected = "what subjects begin with, like \"default\"";
    deserializer.deserialize_str(Text { expected, parse: |text| Ok(Some(text.into())) })
}

/// One kind of fault, or several with their weights.
pub(super) fn kinds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(FileFaultKind, u64)>, D::Error> {
    struct Kinds;

    impl<'de> Visitor<'de> for Kinds {
        type Value = Vec<(FileFaultKind, u64)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "a kind of fault, like \"no-target\", or several with weights, like { no-target = 3, drop = 1 }",
            )
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![(parse_name(text).map_err(E::custom)?, 1)])
        }

        fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some((Kind(kind), Count(weight))) = table.next_entry()? {
                all.push((kind, weight.unwrap_or(1)));
            }
            if all.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(all) }
        }
    }

    #[derive(Deserialize)]
    struct Kind(FileFaultKind);

    #[derive(Deserialize)]
    struct Count(#[serde(deserialize_with = "some_count")] Option<u64>);

    deserializer.deserialize_any(Kinds)
}

pub(super) fn loses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileLost>, D::Error> {
    let parse = |text: &str| parse_name(text).map(Some);
    deserializer.deserialize_str(Text { expected: "\"request\" or \"answer\"", parse })
}

pub(super) fn mebibytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU64, D::Error> {
    deserializer.deserialize_u64(Whole { expected: "a whole number of MiB from 1, like 64", from: NonZeroU64::new })
}

pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU64, D::Error> {
    deserializer.deserialize_u64(Whole { expected: "a whole number from 1, like 1024", from: NonZeroU64::new })
}

pub(super) fn client_left<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClientLeft, D::Error> {
    deserializer.deserialize_str(Text { expected: "\"finish\" or \"end\"", parse: |text| parse_name(text) })
}

pub(super) fn deadlines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileDeadlines, D::Error> {
    let expected = "\"read\", \"send\", \"both\" or \"neither\"";
    deserializer.deserialize_str(Text { expected, parse: |text| parse_name(text) })
}

pub(super) fn calls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU64>, D::Error> {
    let from = |number| NonZeroU64::new(number).map(Some);
    deserializer.deserialize_u64(Whole { expected: "a whole number of calls from 1, like 3", from })
}

pub(crate) fn some_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let from = |number| (1..=1_000_000).contains(&number).then_some(Some(number));
    deserializer.deserialize_u64(Whole { expected: "a whole number from 1 to 1,000,000, like 3", from })
}

/// Each of them has a pool of instances.
pub(crate) fn copies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let from = |number| (1..=100).contains(&number).then_some(Some(number));
    deserializer.deserialize_u64(Whole { expected: "a whole number from 1 to 100, like 3", from })
}

pub(crate) fn some_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_u64(Whole { expected: "a whole number from 0, like 7", from: |number| Some(Some(number)) })
}

pub(crate) fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let expected = "a number above 0, like 20 or 0.5";
    deserializer.deserialize_f64(Number { expected, from: |number| (number > 0.0).then_some(Some(number)) })
}

/// A share from 0 to 1, as a percentage.
pub(crate) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let parse = |text: &str| {
        let share = steadfast_settings::percentage(text).filter(|share| (0.0..=1.0).contains(share));
        share.map(Some).ok_or_else(|| format!("`{text}` is no percentage from 0% to 100%; write it like \"5%\""))
    };
    deserializer.deserialize_str(Text { expected: "a percentage, like \"5%\"", parse })
}

pub(crate) fn arrivals<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'t> Deserialize<'t>,
{
    deserializer
        .deserialize_str(Text { expected: "\"constant\", \"poisson\" or \"bursts\"", parse: |text| parse_name(text) })
}

pub(crate) fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_u64(Whole { expected: "a whole number from 0, like 7", from: |number| Some(Some(number)) })
}

pub(super) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusCode>, D::Error> {
    let from = |number| {
        let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
        // What is below ends no exchange.
        status.filter(|status| status.as_u16() >= 200).map(Some)
    };
    deserializer.deserialize_u64(Whole { expected: "the status of an HTTP answer, like 503", from })
}

pub(super) fn authorities<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Allowed>, D::Error> {
    /// One of the list, so that the parser knows its line.
    struct One(Allowed);

    impl<'de> Deserialize<'de> for One {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let parse = |text: &str| Allowed::parse(text).map(One);
            deserializer.deserialize_str(Text { expected: "a host, like \"127.0.0.1:9000\"", parse })
        }
    }

    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<Allowed>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of hosts, like [\"127.0.0.1:9000\", \"api.example.com\"]")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Allowed>, A::Error> {
            let mut authorities = Vec::new();
            while let Some(One(authority)) = list.next_element()? {
                authorities.push(authority);
            }
            Ok(authorities)
        }
    }

    deserializer.deserialize_seq(List)
}

/// Names of what is called: a text, or a list of some.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let expected = "an interface, a function or a host, like \"acme:greeter/api\", or a list of them";
    deserializer.deserialize_any(OneOrMore(expected))
}

/// A text, or a list of some.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(OneOrMore("a text, like \"Hello\", or a list of them"))
}

struct OneOrMore(&'static str);

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.into()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = list.next_element()? {
            all.push(text);
        }
        if all.is_empty() { Err(A::Error::invalid_length(0, &self)) } else { Ok(all) }
    }
}

const DURATION: &str = "a duration, like \"250ms\" or \"1m 30s\"";

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration ({error}); write it like \"250ms\" or \"1m 30s\""))
}

/// One of the names that `T` knows.
fn parse_name<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<serde::de::value::Error>::new(text)).map_err(|error| error.to_string())
}

/// A value in quotes.
struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// A number.
struct Number<T> {
    expected: &'static str,
    from: fn(f64) -> Option<T>,
}

impl<T> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        let value = number.is_finite().then(|| (self.from)(number)).flatten();
        value.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }
}

/// A number without a fraction, of which some values may be wrong.
struct Whole<T> {
    expected: &'static str,
    from: fn(u64) -> Option<T>,
}

impl<T> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        (self.from)(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let value = u64::try_from(number).ok().and_then(self.from);
        value.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }
}
