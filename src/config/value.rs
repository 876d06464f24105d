//! What a configuration says before anybody asks what it means: the same whatever it was written in.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// What `table` says about `name`, and how it spells that.
pub(super) fn get<'v>(table: &'v [(String, Value)], name: &str) -> Option<&'v (String, Value)> {
    table.iter().find(|(key, _)| is_spelled(key, name))
}

/// Whether `key` is the name `name` of a field or method, as a configuration spells it.
pub(super) fn is_spelled(key: &str, name: &str) -> bool {
    let hyphen = |byte| if byte == b'_' { b'-' } else { byte };
    key.len() == name.len() && key.bytes().zip(name.bytes()).all(|(one, other)| one == hyphen(other))
}
