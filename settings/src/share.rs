//! Shares as text: `50%`.

use crate::duration::trim;

/// What a share looks like, for messages.
///
/// ```
/// assert!(steadfast_settings::SHARE.contains("50%"));
/// ```
pub const SHARE: &str = "a percentage such as \"50%\", or a number such as 0.5";

/// The texts that [`percentage`] reads, as a regular expression for a JSON Schema.
///
/// ```
/// assert!(steadfast_settings::PERCENTAGE_PATTERN.ends_with("%[ \\t]*$"));
/// ```
pub const PERCENTAGE_PATTERN: &str = r"^[ \t]*-?([0-9]+\.?[0-9]*|\.[0-9]+)[ \t]*%[ \t]*$";

/// A percentage as a fraction.
///
/// ```
/// assert_eq!(steadfast_settings::percentage("12.5%"), Some(0.125));
/// assert_eq!(steadfast_settings::percentage("12.5"), None);
/// ```
pub fn percentage(text: &str) -> Option<f64> {
    let number = trim(trim(text).strip_suffix('%')?);
    let plain = number.strip_prefix('-').unwrap_or(number).bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let percent: f64 = plain.then(|| number.parse().ok())??;
    Some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_fractions() {
        for (text, share) in [
            ("50%", 0.5),
            ("12.5 %", 0.125),
            (" 5.% ", 0.05),
            (".5%", 0.005),
            ("0%", 0.0),
            ("100%", 1.0),
            ("-5%", -0.05),
        ] {
            assert_eq!(percentage(text), Some(share), "{text}");
        }
        for text in ["", "%", "50", "half", "inf%", "NaN%", "50%%", ".%", "1.2.3%", "--1%", "1e2%", "+1%"] {
            assert_eq!(percentage(text), None, "{text}");
        }
    }
}
