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
    /// Of a text that cannot be read.
    pub(super) line: Option<usize>,
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

    /// The line, from 1, where the text as a whole cannot be read. `None` for a mistake that has a [path](Self::path).
    ///
    /// ```
    /// let mistakes = steadfast::config::Policies::from_json("{\n").unwrap_err();
    /// assert_eq!(mistakes.iter().next().unwrap().line(), Some(2));
    /// ```
    pub fn line(&self) -> Option<usize> {
        self.line
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

    pub(super) fn unreadable(text: String, line: usize) -> Self {
        Mistakes(vec![Mistake { path: String::new(), text, missing: false, line: Some(line) }])
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
