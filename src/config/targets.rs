//! What a policy is for: a function, an interface, or the rest.

use super::reader::Reader;
use super::value::{Table, Value};

/// The key of the policy for whatever has none of its own.
const DEFAULT: &str = "default";

/// The same as [`Target::read`], as a regular expression for the schema.
#[cfg(feature = "schema")]
pub(super) const TARGET_PATTERN: &str =
    r"^(default|[A-Za-z0-9.\[\]_-]+:[A-Za-z0-9.\[\]_-]+/[A-Za-z0-9.\[\]_-]+(#[A-Za-z0-9.\[\]_-]+)?)$";

/// A key of `targets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `acme:greeter/api`, or `acme:greeter/api#greet`.
    Named(String),
    Default,
}

impl Target {
    pub fn as_str(&self) -> &str {
        match self {
            Target::Named(name) => name,
            Target::Default => DEFAULT,
        }
    }

    pub fn read(key: &str, reader: &mut Reader) -> Option<Self> {
        if key == DEFAULT {
            return Some(Target::Default);
        }
        let (interface, function) = match key.split_once('#') {
            Some((interface, function)) => (interface, Some(function)),
            None => (key, None),
        };
        if interface.contains('@') {
            reader.mistake("a target has no version: a policy is for all of them".into());
            return None;
        }
        let parts: Option<[&str; 3]> = interface
            .split_once(':')
            .and_then(|(namespace, rest)| rest.split_once('/').map(|(package, name)| [namespace, package, name]));
        let is_name = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'[' | b']' | b'_'))
        };
        match parts {
            Some(parts) if parts.into_iter().chain(function).all(is_name) => Some(Target::Named(key.into())),
            _ => {
                reader.mistake(
                    "not a target: that is an interface such as `acme:greeter/api`, a function such as \
                     `acme:greeter/api#greet`, or `default`"
                        .into(),
                );
                None
            }
        }
    }
}

/// The interface without its version, and the function.
pub(super) fn parsed(target: &str) -> (String, Option<&str>) {
    let (interface, function) = match target.split_once('#') {
        Some((interface, function)) => (interface, Some(function)),
        None => (target, None),
    };
    let interface = interface.split_once('@').map_or(interface, |(interface, _version)| interface);
    (interface.into(), function)
}

/// The name of the policy that is bound, and what is laid over it.
pub(super) fn binding(value: &Value, reader: &mut Reader) -> Option<(String, Table)> {
    let table = match value {
        Value::Text(name) => return Some((name.clone(), Table::new())),
        Value::Table(table) => table,
        _ => {
            reader.refuse(value, "the name of a policy, or a table with `policy` and what is different");
            return None;
        }
    };
    let mut over = table.clone();
    let mut policy = None;
    over.retain(|(key, value)| {
        if key == "policy" {
            policy = Some(value.clone());
        }
        key != "policy"
    });
    match policy {
        Some(Value::Text(name)) => Some((name, over)),
        Some(value) => {
            reader.within("policy", |reader| reader.refuse(&value, "the name of a policy"));
            None
        }
        None => {
            reader.mistake("`policy` is missing: the name of the policy that is changed here".into());
            None
        }
    }
}
