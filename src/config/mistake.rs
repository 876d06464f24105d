//! What is wrong with a configuration, and where.

use core::fmt;

/// One mistake in a configuration: where it is, what stands there, and what may.
///
/// ```
/// use steadfast::config::Policies;
///
/// let mistakes = Policies::from_json(r#"{"policies": {"greeter": {"retry": {"attemps": 4}}}}"#).unwrap_err();
/// let mistake = mistakes.iter().next().unwrap();
/// assert_eq!(mistake.path(), "policies.greeter.retry.attemps");
/// assert_eq!(
///     mistake.to_string(),
///     "policies.greeter.retry.attemps: unknown field, did you mean `attempts`?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) missing: bool,
}

impl Mistake {
    /// Where it is: the keys that lead there, with a dot between them. Empty where the text as a whole cannot be
    /// read.
    ///
    /// ```
    /// let mistakes = steadfast::config::Policies::from_json("{").unwrap_err();
    /// assert_eq!(mistakes.iter().next().unwrap().path(), "");
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether something is not there that has to be. A configuration that only overrides what the code says may do
    /// without it.
    ///
    /// ```
    /// let mistakes = steadfast::config::Policies::from_json(r#"{"policies": {"p": {"retry": {}}}}"#).unwrap_err();
    /// assert!(mistakes.iter().all(|mistake| mistake.is_missing()));
    /// ```
    pub fn is_missing(&self) -> bool {
        self.missing
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

impl core::error::Error for Mistake {}

/// All mistakes in a configuration, at least one; displayed, one to a line.
///
/// ```
/// use steadfast::config::Policies;
///
/// let mistakes = Policies::from_json(r#"{"policies": {"p": {"deadline": 3, "retry": {"attempts": 0}}}}"#);
/// assert_eq!(mistakes.unwrap_err().iter().count(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub(super) Vec<Mistake>);

impl Mistakes {
    /// One after the other.
    ///
    /// ```
    /// let mistakes = steadfast::config::Policies::from_json("{").unwrap_err();
    /// assert_eq!(mistakes.iter().count(), 1);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    pub(super) fn one(text: String) -> Self {
        Mistakes(vec![Mistake { path: String::new(), text, missing: false }])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for mistake in &self.0 {
            write!(f, "{separator}{mistake}")?;
            separator = "\n";
        }
        Ok(())
    }
}

impl core::error::Error for Mistakes {}

/// The one of `known` that was meant by `written`, if any of them is near enough to tell.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let distances = known.map(|name| (distance(written, name), name));
    // A third of the letters may be wrong; beyond that, the suggestion would be another mistake.
    distances.filter(|(distance, name)| *distance <= name.len().max(3) / 3).min().map(|(_, name)| name)
}

/// How many letters have to be changed, added or removed (Levenshtein); hyphens and underscores are the same.
fn distance(one: &str, other: &str) -> usize {
    let letter = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let above = *cell;
            let changed = diagonal + usize::from(letter(a) != letter(b));
            *cell = changed.min(above + 1).min(left + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["attempts", "backoff", "budget", "retry-after-cap", "on"];
        let meant = |written| nearest(written, known.into_iter());
        for (written, name) in [
            ("attemps", Some("attempts")),
            ("atempts", Some("attempts")),
            ("Attempts", Some("attempts")),
            ("retry_after_cap", Some("retry-after-cap")),
            ("back-off", Some("backoff")),
            ("onn", Some("on")),
            ("jitter", None),
            ("", None),
        ] {
            assert_eq!(meant(written), name, "{written}");
        }
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }
}
