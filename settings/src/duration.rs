//! Durations as text: `250ms`, `1m30s`.

use core::time::Duration;

/// What a duration looks like, for messages.
///
/// ```
/// assert!(steadfast_settings::DURATION.contains("1m30s"));
/// ```
pub const DURATION: &str = "a duration with units (ns, us, ms, s, m, h, d), such as \"250ms\" or \"1m30s\"";

/// The texts that [`duration`] reads, as a regular expression for a JSON Schema.
///
/// ```
/// assert!(steadfast_settings::DURATION_PATTERN.starts_with('^'));
/// ```
pub const DURATION_PATTERN: &str = r"^[ \t]*([0-9]+(\.[0-9]+)?[ \t]*(ns|us|[µμ]s|ms|s|min|m|h|d)[ \t]*)+$";

const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    // The micro sign and the Greek letter look the same.
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Numbers with units, in any order, with or without spaces between them. What is less than a nanosecond is cut off.
/// More than 584 years, which is what a `u64` of nanoseconds holds, count as 584 years.
///
/// ```
/// use core::time::Duration;
/// use steadfast_settings::duration;
///
/// assert_eq!(duration("1m 30s"), Some(Duration::from_secs(90)));
/// assert_eq!(duration("1.5s"), Some(Duration::from_millis(1_500)));
/// assert_eq!(duration("3"), None);
/// ```
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = trim(text);
    let mut nanos = 0_u64;
    loop {
        let (whole, after) = digits(rest);
        if whole.is_empty() {
            return None;
        }
        let (fraction, after) = match after.strip_prefix('.').map(digits) {
            Some(("", _)) => return None,
            Some(fraction) => fraction,
            None => ("", after),
        };
        let after = trim(after);
        let end = after.find(|c: char| c.is_ascii_digit() || is_space(c)).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole = whole
            .bytes()
            .fold(0_u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        nanos = nanos.saturating_add(whole.saturating_mul(*unit));
        let mut part = *unit;
        for digit in fraction.bytes() {
            part /= 10;
            nanos = nanos.saturating_add(u64::from(digit - b'0') * part);
        }
        rest = trim(after);
        if rest.is_empty() {
            return Some(Duration::from_nanos(nanos));
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Without the spaces around it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, millis) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            (" 1 m  30\ts ", 90_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
            ("1.5s", 1_500),
            ("0.25s", 250),
            ("2min", 120_000),
            ("30s1m", 90_000),
            ("1000us", 1),
            ("1000\u{b5}s", 1),
            ("1000\u{3bc}s", 1),
            ("1000000ns", 1),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("1.5ns"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn a_number_too_long_to_count_is_the_longest_duration() {
        for text in ["99999999999999999999d", "18446744073709551616ns", "600000d"] {
            assert_eq!(duration(text), Some(Duration::from_nanos(u64::MAX)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in [
            "",
            " ",
            "3",
            "s",
            "3 seconds",
            "3sec",
            "-3s",
            "1,5s",
            "1.s",
            ".5s",
            "1..5s",
            "3s 4",
            "3s,4s",
            "½s",
            "1e3s",
            "3s\n",
            "3s\u{a0}4s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
