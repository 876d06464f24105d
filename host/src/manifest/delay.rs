//! A delay as a person writes it: always as long, or a distribution.

use std::fmt;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::value;
use crate::lattice::Delay;

/// A duration in quotes, or a table with a distribution.
pub(crate) fn delay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Delay>, D::Error> {
    deserializer.deserialize_any(DelayVisitor).map(Some)
}

struct DelayVisitor;

impl<'de> Visitor<'de> for DelayVisitor {
    type Value = Delay;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration, like \"250ms\", or a distribution, like { min = \"10ms\", max = \"50ms\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Delay, E> {
        value::duration(StrDeserializer::new(text)).map(|delay| Delay::Constant(delay.unwrap_or_default()))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Delay, A::Error> {
        let FileDelay { min, max, mean, median, p99, quantiles } =
            FileDelay::deserialize(MapAccessDeserializer::new(table))?;
        match (min, max, mean, median, p99, quantiles) {
            (Some(min), Some(max), None, None, None, None) if min <= max => Ok(Delay::Uniform(min, max)),
            (None, None, Some(mean), None, None, None) => Ok(Delay::Exponential(mean)),
            (None, None, None, Some(median), Some(p99), None) if !median.is_zero() && median <= p99 => {
                Ok(Delay::LogNormal(median, p99))
            }
            (None, None, None, None, None, Some(quantiles)) => quantiles_of(quantiles).map_err(A::Error::custom),
            _ => Err(A::Error::custom(
                "a time by chance is between two, like { min = \"10ms\", max = \"50ms\" }, or has a mean, like \
                 { mean = \"20ms\" }, or a median and what 99 of 100 are within, like { median = \"20ms\", p99 = \
                 \"300ms\" }, or is a list, like { quantiles = [[\"50%\", \"20ms\"], [\"100%\", \"1s\"]] }",
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDelay {
    #[serde(default, deserialize_with = "value::duration")]
    min: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    max: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    mean: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    median: Option<Duration>,
    #[serde(default, deserialize_with = "value::duration")]
    p99: Option<Duration>,
    quantiles: Option<Vec<(Share, Time)>>,
}

#[derive(Deserialize)]
struct Share(#[serde(deserialize_with = "value::share")] Option<f64>);

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "value::duration")] Option<Duration>);

fn quantiles_of(list: Vec<(Share, Time)>) -> Result<Delay, &'static str> {
    let all: Vec<(f64, Duration)> =
        list.into_iter().map(|(share, time)| (share.0.unwrap_or_default(), time.0.unwrap_or_default())).collect();
    if all.is_empty() || !all.is_sorted_by(|(share, time), (next, later)| share < next && time <= later) {
        return Err(
            "`quantiles` are shares that grow, each with the time that such a share is within, like [[\"50%\", \"20ms\"], \
             [\"99%\", \"300ms\"], [\"100%\", \"1s\"]]",
        );
    }
    Ok(Delay::Quantiles(all.into()))
}
