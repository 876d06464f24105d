//! Goes through a configuration beside the tables of settings, knows where it is, and notes every mistake instead of
//! ending at the first.

use core::fmt::Display;

use steadfast_settings::{DURATION, Kind, NAME, Needed, SHARE, STORES, Setting, is_name, nearest, push_key, spelled};

use super::mistake::Mistake;
use super::value::{Table, Value, get};
use crate::policy::Invalid;

/// Where the reading is, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The names of the budgets that policies may share.
    budgets: Vec<String>,
    path: String,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// From now on, policies may name these budgets.
    pub fn allow_budgets<T>(&mut self, budgets: &[(String, T)]) {
        self.budgets = budgets.iter().map(|(name, _)| name.clone()).collect();
    }

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
        push_key(&mut self.path, key);
        before
    }

    /// Whether there is no mistake at `key` or below it, but for what is missing: the code may have that.
    pub fn is_clean(&self, key: &str) -> bool {
        let mut path = self.path.clone();
        push_key(&mut path, key);
        let is_below = |mistake: &Mistake| {
            mistake.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        !self.mistakes.iter().filter(|mistake| !mistake.missing).any(is_below)
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
            self.mistakes.push(Mistake { path, text, missing: false, line: None });
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
        let text = format!("{what} is missing");
        self.mistakes.push(Mistake { path: self.path.clone(), text, missing: true, line: None });
    }

    /// Checks a value beside the table that says what may stand here.
    pub fn check_table(&mut self, value: &Value, known: &steadfast_settings::Table) {
        let Value::Table(given) = value else { return self.refuse(value, "a table of settings") };
        for (key, value) in given {
            match known.written(key) {
                Some(setting) => self.within(key, |reader| reader.check(value, setting)),
                None => self.unknown_key(key, known.settings.iter().map(|setting| setting.name)),
            }
        }
        for setting in known.settings.iter().filter(|setting| setting.needed) {
            self.need(given, setting.name);
        }
        self.check_choices(given, known);
    }

    /// Checks the value of one setting.
    fn check(&mut self, value: &Value, setting: &Setting) {
        if setting.optional && value.is_never() {
            return;
        }
        let (range, number) = (setting.range, value.number_of(setting.kind));
        let expected = match setting.kind {
            Kind::Table(table) => match value {
                Value::Table(_) => return self.check_table(value, table),
                _ if setting.optional => "a table of settings, or \"never\"",
                _ => "a table of settings",
            },
            Kind::Budget(table) => match value {
                Value::Text(name) => {
                    let budgets = core::mem::take(&mut self.budgets);
                    if !budgets.contains(name) {
                        self.unknown("budget", name, budgets.iter().map(String::as_str));
                    }
                    self.budgets = budgets;
                    return;
                }
                Value::Table(_) => return self.check_table(value, table),
                _ => "the name of a budget, a table of settings, or \"never\"",
            },
            Kind::Store => match value {
                Value::Text(word) if STORES.contains(&word.as_str()) => return,
                _ => "\"keyvalue\", or \"never\"",
            },
            Kind::Name => match value {
                Value::Text(name) if is_name(name) => return,
                _ => NAME,
            },
            Kind::Duration => DURATION,
            Kind::Share => SHARE,
            Kind::Jitter if value.jitter().is_some() && number.is_none() => return,
            Kind::Jitter => "\"none\", \"full\", \"equal\", a percentage, or a fraction",
            Kind::Count if number.is_some_and(|number| number > f64::from(u32::MAX)) => {
                return self.refuse(value, "at most 4294967295");
            }
            Kind::Count => "a whole number",
            Kind::Number => "a number",
        };
        match (number, setting.kind) {
            (Some(number), _) if range.contains(number) => {}
            (Some(_), _) => self.refuse(value, range.words),
            (None, Kind::Count | Kind::Number) => self.refuse(value, &format!("{expected}, {}", range.words)),
            (None, _) => self.refuse(value, expected),
        }
    }

    /// Notes what does not go together, and what has to be given with something else.
    fn check_choices(&mut self, given: &Table, known: &steadfast_settings::Table) {
        for choice in known.choices {
            let Some(kind) = super::overlay::chosen(choice, given) else {
                let needed = match choice.needed {
                    Needed::Always => true,
                    Needed::With(other) => get(given, other).is_some(),
                    Needed::No => false,
                };
                if needed {
                    self.missing(&choice.to_string());
                }
                continue;
            };
            for (key, value) in given {
                if choice.excludes(kind, key) && !value.is_never() {
                    let text = format!("not allowed together with `{}`", spelled(kind.name));
                    self.within(key, |reader| reader.mistake(text));
                }
            }
            for name in kind.needs {
                self.need(given, name);
            }
        }
    }

    fn need(&mut self, given: &Table, name: &str) {
        if get(given, name).is_none() {
            self.missing(&format!("`{}`", spelled(name)));
        }
    }

    /// Notes that there is no setting `key`.
    #[cold]
    pub fn unknown_key<'n>(&mut self, key: &str, known: impl Iterator<Item = &'n str> + Clone) {
        let text = match (nearest(key, known.clone()), key) {
            (Some(name), _) => format!("unknown field, did you mean `{}`?", spelled(name)),
            (None, "idempotent" | "fallback") => "unknown field: this can only be set in the code".into(),
            (None, _) => {
                let known: Vec<_> = known.map(spelled).collect();
                format!("unknown field, known are: {}", known.join(", "))
            }
        };
        self.within(key, |reader| reader.mistake(text));
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
