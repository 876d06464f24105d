//! What a configuration says before anybody asks what it means: the same whatever it was written in.

use core::fmt;
use core::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use steadfast_settings::{Kind, NEVER, is_spelled};

use crate::policy::Jitter;

/// A value as people write it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Whole(u64),
    /// Also a whole number below zero.
    Number(f64),
    /// What no setting is: how it reads.
    Other(&'static str),
    Table(Table),
}

/// Keys and values in the order in which they were written; a key is there once.
pub(super) type Table = Vec<(String, Value)>;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Whole(number) => write!(f, "{number}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Other(words) => f.write_str(words),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}

/// How the crate `toml` hands on a date: as a table with this key.
const TOML_DATE: &str = "$__toml_private_datetime";

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of settings")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Other(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while let Some(IgnoredAny) = list.next_element()? {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut table = Table::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == TOML_DATE {
                let text: String = map.next_value()?;
                return Ok(Value::Other(match (text.contains('-'), text.contains(':')) {
                    (true, true) => "a date with a time",
                    (false, true) => "a time",
                    _ => "a date",
                }));
            }
            if table.iter().any(|(other, _)| *other == key) {
                return Err(Error::custom(format_args!("`{key}` is given twice")));
            }
            table.push((key, map.next_value()?));
        }
        Ok(Value::Table(table))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

impl Value {
    /// Whether it switches off what the code has.
    pub fn is_never(&self) -> bool {
        matches!(self, Value::Text(text) if text == NEVER)
    }

    pub fn duration(&self) -> Option<Duration> {
        match self {
            Value::Text(text) => steadfast_settings::duration(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Whole(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A number, or a percentage as a fraction.
    pub fn share(&self) -> Option<f64> {
        match self {
            Value::Text(text) => steadfast_settings::percentage(text),
            value => value.number(),
        }
    }

    /// What a setting of this kind is compared with its range by, where the value is of this kind.
    pub fn number_of(&self, kind: Kind) -> Option<f64> {
        match kind {
            Kind::Duration => self.duration().map(|time| time.as_nanos() as f64),
            Kind::Count => self.number().filter(|number| number.fract() == 0.0),
            Kind::Number => self.number(),
            Kind::Share | Kind::Jitter => self.share(),
            Kind::Store | Kind::Name | Kind::Table(_) | Kind::Budget(_) => None,
        }
    }

    pub fn jitter(&self) -> Option<Jitter> {
        match self {
            Value::Text(text) if text == "none" => Some(Jitter::None),
            Value::Text(text) if text == "full" => Some(Jitter::Full),
            Value::Text(text) if text == "equal" => Some(Jitter::Equal),
            value => value.share().map(Jitter::Proportional),
        }
    }
}

/// The settings of one table, after they were checked.
#[derive(Clone, Copy)]
pub(super) struct Settings<'v>(pub &'v Table);

// Not in line: there are many settings, and a component carries the code for all of them.
impl<'v> Settings<'v> {
    /// What is said about `name`, "never" included.
    #[inline(never)]
    pub fn said(self, name: &str) -> Option<&'v Value> {
        get(self.0, name).map(|(_, value)| value)
    }

    #[inline(never)]
    pub fn duration(self, name: &str) -> Option<Duration> {
        self.said(name)?.duration()
    }

    #[inline(never)]
    pub fn count(self, name: &str) -> Option<u32> {
        self.said(name)?.number().map(|number| number as u32)
    }

    #[inline(never)]
    pub fn number(self, name: &str) -> Option<f64> {
        self.said(name)?.share()
    }

    pub fn jitter(self, name: &str) -> Option<Jitter> {
        self.said(name)?.jitter()
    }

    /// A name; also the word for a store.
    #[cfg(feature = "keyvalue-state")]
    pub fn text(self, name: &str) -> Option<&'v str> {
        match self.said(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    #[inline(never)]
    pub fn table(self, name: &str) -> Option<Settings<'v>> {
        match self.said(name)? {
            Value::Table(table) => Some(Settings(table)),
            _ => None,
        }
    }
}

/// What `table` says about `name`, and how it spells that.
pub(super) fn get<'v>(table: &'v [(String, Value)], name: &str) -> Option<&'v (String, Value)> {
    table.iter().find(|(key, _)| is_spelled(key, name))
}
