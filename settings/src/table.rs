//! What a table of settings is made of.

use core::fmt;

/// The settings of one part.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What the schema calls it.
    pub name: &'static str,
    /// What it is for; with the feature `docs`.
    #[cfg(feature = "docs")]
    pub about: &'static str,
    /// Its settings, in the order in which they apply.
    pub settings: &'static [Setting],
    /// Settings of which only one may be given.
    pub choices: &'static [Choice],
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the builder's method: `open_for`. A configuration writes it with hyphens.
    pub name: &'static str,
    /// What it looks like.
    pub kind: Kind,
    /// Which values are allowed. Of a table: all.
    pub range: &'static Range,
    /// Whether it has to be given wherever its table is.
    pub needed: bool,
    /// Whether [`NEVER`](crate::NEVER) may stand in its place.
    pub optional: bool,
    /// What it means; with the feature `docs`.
    #[cfg(feature = "docs")]
    pub about: &'static str,
    /// Its default as text, or the words for it; with the feature `docs`. Empty where there is none.
    #[cfg(feature = "docs")]
    pub default: &'static str,
}

/// What a setting looks like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text such as `250ms`; its range is in nanoseconds.
    Duration,
    /// A whole number.
    Count,
    /// A number.
    Number,
    /// A number, or a percentage as a text.
    Share,
    /// One of [`JITTERS`](crate::JITTERS), or a share.
    Jitter,
    /// One of [`STORES`](crate::STORES).
    Store,
    /// A text that [`is_name`](crate::is_name) allows.
    Name,
    /// A table of further settings.
    Table(&'static Table),
    /// The name of a budget, or a table of settings.
    Budget(&'static Table),
}

/// The values that are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The least.
    pub low: f64,
    /// Whether the least is not allowed itself.
    pub above: bool,
    /// The greatest.
    pub high: f64,
    /// Whether the greatest is not allowed itself.
    pub below: bool,
    /// The same in words, to stand after "it must be".
    pub words: &'static str,
}

/// Settings of which a table has one, each with those that go with it only.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What there is to choose from.
    pub kinds: &'static [KindOf],
    /// Whether one has to be given.
    pub needed: Needed,
}

/// One of a [`Choice`].
#[derive(Clone, Copy, Debug)]
pub struct KindOf {
    /// The setting that says that it is this one.
    pub name: &'static str,
    /// Settings that have to be given with it.
    pub needs: &'static [&'static str],
    /// Settings that may be given with it.
    pub takes: &'static [&'static str],
}

/// Where one of a [`Choice`] has to be given.
#[derive(Clone, Copy, Debug)]
pub enum Needed {
    /// Wherever the table is.
    Always,
    /// Where this other setting is.
    With(&'static str),
    /// Nowhere.
    No,
}

impl Table {
    pub(crate) const fn new(name: &'static str, about: &'static str, settings: &'static [Setting]) -> Self {
        let _ = about;
        Table {
            name,
            #[cfg(feature = "docs")]
            about,
            settings,
            choices: &[],
        }
    }

    pub(crate) const fn choices(self, choices: &'static [Choice]) -> Self {
        Table { choices, ..self }
    }

    /// The setting with this name, as the builders have it: with underscores.
    ///
    /// ```
    /// assert!(steadfast_settings::BREAKER.setting("open_for").is_some());
    /// ```
    pub fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// The setting that a configuration writes as `key`: with hyphens.
    ///
    /// ```
    /// assert!(steadfast_settings::BREAKER.written("open-for").is_some());
    /// ```
    pub fn written(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| is_spelled(key, setting.name))
    }
}

/// A row of a table.
pub(crate) const fn row(name: &'static str, kind: Kind, range: &'static Range, about: &'static str) -> Setting {
    let _ = about;
    Setting {
        name,
        kind,
        range,
        needed: false,
        optional: false,
        #[cfg(feature = "docs")]
        about,
        #[cfg(feature = "docs")]
        default: "",
    }
}

/// A kind that a table has one of.
pub(crate) const fn kind(name: &'static str, needs: &'static [&'static str], takes: &'static [&'static str]) -> KindOf {
    KindOf { name, needs, takes }
}

impl Setting {
    /// It has to be given.
    pub(crate) const fn needed(self) -> Self {
        Setting { needed: true, ..self }
    }

    /// `"never"` may stand in its place.
    pub(crate) const fn or_never(self) -> Self {
        Setting { optional: true, ..self }
    }

    pub(crate) const fn default(self, default: &'static str) -> Self {
        let _ = default;
        Setting {
            #[cfg(feature = "docs")]
            default,
            ..self
        }
    }
}

impl Range {
    pub(crate) const fn from_to(low: f64, high: f64, words: &'static str) -> Self {
        Range { low, above: false, high, below: false, words }
    }

    pub(crate) const fn above_to(low: f64, high: f64, words: &'static str) -> Self {
        Range { above: true, ..Self::from_to(low, high, words) }
    }

    pub(crate) const fn above_below(low: f64, high: f64, words: &'static str) -> Self {
        Range { below: true, ..Self::above_to(low, high, words) }
    }

    /// Whether `number` is allowed. What is not a number is not.
    ///
    /// ```
    /// let rate = steadfast_settings::BREAKER.setting("failure_rate").unwrap().range;
    /// assert!(rate.contains(1.0) && !rate.contains(0.0) && !rate.contains(f64::NAN));
    /// ```
    pub const fn contains(&self, number: f64) -> bool {
        (number > self.low || (number == self.low && !self.above))
            && (number < self.high || (number == self.high && !self.below))
    }
}

impl Choice {
    pub(crate) const fn always(kinds: &'static [KindOf]) -> Self {
        Choice { kinds, needed: Needed::Always }
    }

    pub(crate) const fn with(other: &'static str, kinds: &'static [KindOf]) -> Self {
        Choice { kinds, needed: Needed::With(other) }
    }

    pub(crate) const fn maybe(kinds: &'static [KindOf]) -> Self {
        Choice { kinds, needed: Needed::No }
    }

    /// Whether `key` goes with another kind than `kind` only.
    ///
    /// ```
    /// let choice = &steadfast_settings::BACKOFF.choices[0];
    /// let linear = choice.kinds.iter().find(|kind| kind.name == "linear").unwrap();
    /// assert!(choice.excludes(linear, "factor") && !choice.excludes(linear, "max"));
    /// ```
    pub fn excludes(&self, kind: &KindOf, key: &str) -> bool {
        !kind.has(key) && self.kinds.iter().any(|other| other.has(key))
    }
}

/// The names to choose from, for a message: "`aimd` or `gradient`".
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.kinds.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == self.kinds.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}`{}`", spelled(kind.name))?;
        }
        Ok(())
    }
}

impl KindOf {
    /// Whether the setting that is written `key` is this kind's, with hyphens or underscores.
    ///
    /// ```
    /// let kinds = steadfast_settings::RATE_LIMIT.choices[0].kinds;
    /// let window = kinds.iter().find(|kind| kind.name == "window").unwrap();
    /// assert!(window.has("period") && !window.has("burst"));
    /// ```
    pub fn has(&self, key: &str) -> bool {
        let is = |name: &str| is_spelled(key, name) || key == name;
        is(self.name) || self.needs.iter().chain(self.takes).any(|name| is(name))
    }
}

/// Whether `key` is the name `name`, as a configuration spells it: with hyphens.
///
/// ```
/// assert!(steadfast_settings::is_spelled("open-for", "open_for"));
/// assert!(!steadfast_settings::is_spelled("open_for", "open_for"));
/// ```
pub fn is_spelled(key: &str, name: &str) -> bool {
    let hyphen = |byte| if byte == b'_' { b'-' } else { byte };
    key.len() == name.len() && key.bytes().zip(name.bytes()).all(|(one, other)| one == hyphen(other))
}

/// The name `name` as a configuration spells it.
///
/// ```
/// assert_eq!(steadfast_settings::spelled("open_for"), "open-for");
/// ```
pub fn spelled(name: &str) -> String {
    name.replace('_', "-")
}
