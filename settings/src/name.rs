//! Names in a store.

/// What [`is_name`] allows, for messages.
///
/// ```
/// assert!(steadfast_settings::NAME.contains("letters"));
/// ```
pub const NAME: &str = "1 to 100 letters, digits, and - _ . /";

/// The texts that [`is_name`] allows, as a regular expression for a JSON Schema.
///
/// ```
/// assert!(steadfast_settings::NAME_PATTERN.starts_with('^'));
/// ```
pub const NAME_PATTERN: &str = "^[A-Za-z0-9_./-]{1,100}$";

/// Whether this may be a name in every store.
///
/// ```
/// assert!(steadfast_settings::is_name("acme/greeter"));
/// assert!(!steadfast_settings::is_name("acme:greeter"));
/// ```
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}
