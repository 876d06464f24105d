//! Goes through a configuration, knows where it is, and takes note of every mistake instead of ending at the first.

use core::fmt::Display;
use core::time::Duration;

use super::mistake::{Mistake, nearest};
use super::value::{Table, Value, get, is_spelled};
use super::words;
use crate::policy::Invalid;

/// Something that a configuration can say.
pub(super) trait Read: Sized {
    /// `None` where it does not; then the reader has taken note of why.
    fn read(value: &Value, reader: &mut Reader) -> Option<Self>;
}

/// Where the reading is, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    path: String,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// Whether there is a mistake that nothing that is added could heal.
    pub fn refuses(&self) -> bool {
        self.mistakes.iter().any(|mistake| !mistake.missing)
    }

    /// How many mistakes there are so far.
    pub fn mistakes(&self) -> usize {
        self.mistakes.len()
    }

    /// Reads something that need not be whole.
    pub fn without_missing<T>(&mut self, read: impl FnOnce(&mut Self) -> T) {
        let before = self.mistakes.len();
        read(self);
        let mut index = 0;
        self.mistakes.retain(|mistake| {
            index += 1;
            index <= before || !mistake.missing
        });
    }

    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// Does something one key further down.
    #[inline]
    pub fn within<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.enter(key);
        let result = read(self);
        self.path.truncate(before);
        result
    }

    // What is generic here is short and the rest is not in line: there are many settings, and a component carries it all.
    #[inline(never)]
    fn enter(&mut self, key: &str) -> usize {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            self.path.push_str(key);
        } else {
            self.path.push_str(&format!("{key:?}"));
        }
        before
    }

    #[cold]
    #[inline(never)]
    pub fn mistake(&mut self, text: String) {
        self.push(self.path.clone(), text);
    }

    /// One mistake for each place: a second one would only follow from the first.
    #[inline(never)]
    fn push(&mut self, path: String, text: String) {
        if !self.mistakes.iter().any(|mistake| mistake.path == path && !mistake.missing) {
            self.mistakes.push(Mistake { path, text, missing: false });
        }
    }

    /// A mistake further down, at `keys` with a dot between them.
    pub fn mistake_below(&mut self, keys: &str, text: String) {
        self.push(format!("{}.{keys}", self.path), text);
    }

    /// There is no `what` with this name.
    #[cold]
    pub fn unknown<'n>(&mut self, what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) {
        let advice = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known: Vec<&str> = known.collect();
                if known.is_empty() { "there is none".into() } else { format!("there are: {}", known.join(", ")) }
            }
        };
        self.mistake(format!("no {what} has the name `{name}`: {advice}"));
    }

    /// What stands here is not what may stand here.
    #[cold]
    #[inline(never)]
    pub fn refuse(&mut self, value: &dyn Display, allowed: &str) {
        self.mistake(format!("{value} is not allowed: it must be {allowed}"));
    }

    /// Something has to stand here that does not.
    #[cold]
    #[inline(never)]
    pub fn missing(&mut self, what: &str) {
        self.mistakes.push(Mistake { path: self.path.clone(), text: format!("{what} is missing"), missing: true });
    }

    /// A value that has to be there. Where it could not be read, that was said.
    pub fn need<T: Copy>(&mut self, value: Option<T>, key: &str) -> Option<T> {
        if value.is_none() {
            self.needed(key);
        }
        value
    }

    #[cold]
    #[inline(never)]
    fn needed(&mut self, key: &str) {
        let path = format!("{}.{key}", self.path);
        if !self.mistakes.iter().any(|mistake| mistake.path == path) {
            self.missing(&format!("`{key}`"));
        }
    }

    pub fn table<'v>(&mut self, value: &'v Value) -> Option<&'v Table> {
        match value {
            Value::Table(table) => Some(table),
            _ => {
                self.refuse(value, "a table of settings, or \"never\"");
                None
            }
        }
    }

    #[inline(never)]
    pub fn field<T: Read>(&mut self, table: &Table, name: &str) -> Option<T> {
        get(table, name).and_then(|(key, value)| self.within(key, |reader| T::read(value, reader)))
    }

    /// Takes note of every key that nobody knows.
    pub fn all_known(&mut self, table: &Table, known: &[&str]) {
        for (key, _) in table {
            if known.iter().any(|name| is_spelled(key, name)) {
                continue;
            }
            let text = match (nearest(key, known.iter().copied()), key.as_str()) {
                (Some(name), _) => format!("unknown field, did you mean `{}`?", name.replace('_', "-")),
                (None, "idempotent" | "fallback") => {
                    "unknown field: only who wrote the call knows, so it is said in the code".into()
                }
                (None, _) => format!("unknown field, known are: {}", known.join(", ").replace('_', "-")),
            };
            self.within(key, |reader| reader.mistake(text));
        }
    }

    /// A part that was checked. Where it makes no sense, that is a mistake at the key that the refused setting has
    /// here: its name, or what stands beside that in `keys`.
    pub fn accept<T>(&mut self, checked: Result<T, Invalid>, keys: &[(&str, &str)]) -> Option<T> {
        match checked {
            Ok(part) => Some(part),
            Err(invalid) => {
                self.refuse_part(&invalid, keys);
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_part(&mut self, invalid: &Invalid, keys: &[(&str, &str)]) {
        let text = format!("{} is not allowed: it must be {}", invalid.value, invalid.allowed.replace('_', "-"));
        match keys.iter().find(|(field, _)| *field == invalid.field) {
            Some((_, "")) => self.mistake(text),
            Some((_, keys)) => self.mistake_below(keys, text),
            None => {
                let key = invalid.field.rsplit(' ').next().unwrap_or(invalid.field);
                self.mistake_below(&key.replace('_', "-"), text);
            }
        }
    }
}

impl Read for u32 {
    #[inline(never)]
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        if let Value::Whole(number) = value
            && let Ok(number) = u32::try_from(*number)
        {
            return Some(number);
        }
        reader.refuse(value, "a whole number from 0 to 4294967295");
        None
    }
}

/// A duration as people write it: `250ms`, `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub Duration);

impl Read for Time {
    #[inline(never)]
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        if let Value::Text(text) = value
            && let Some(duration) = words::duration(text)
        {
            return Some(Time(duration));
        }
        reader.refuse(value, words::DURATION);
        None
    }
}

/// A percentage, or the same as a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub f64);

impl Read for Share {
    #[inline(never)]
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Text(text) => {
                let share = words::percentage(text);
                if share.is_none() {
                    reader.refuse(value, words::SHARE);
                }
                share.map(Share)
            }
            Value::Whole(number) => Some(Share(*number as f64)),
            Value::Number(number) => Some(Share(*number)),
            _ => {
                reader.refuse(value, words::SHARE);
                None
            }
        }
    }
}

/// A number that need not be whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Factor(pub f64);

impl Read for Factor {
    #[inline(never)]
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Whole(number) => Some(Factor(*number as f64)),
            Value::Number(number) => Some(Factor(*number)),
            _ => {
                reader.refuse(value, "a number");
                None
            }
        }
    }
}

/// Something that is there, or that is switched off: `never`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part<T> {
    Never,
    Is(T),
}

/// The word that switches off what the defaults have.
pub(super) const NEVER: &str = "never";

impl<T: Read> Read for Part<T> {
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Text(text) if text == NEVER => Some(Part::Never),
            value => T::read(value, reader).map(Part::Is),
        }
    }
}

impl<T> Part<T> {
    pub fn given(this: &Option<Self>) -> Option<&T> {
        match this {
            Some(Part::Is(part)) => Some(part),
            _ => None,
        }
    }
}
