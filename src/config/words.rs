//! Durations and shares as people write them.

use core::time::Duration;

/// What a duration looks like, for messages.
pub(super) const DURATION: &str = "a duration with units, such as \"250ms\" or \"1m30s\"";

/// What a share looks like, for messages.
pub(super) const SHARE: &str = "a percentage such as \"50%\", or a number such as 0.5";

const UNITS: [(&str, u64); 10] = [
    ("ns", 1),
    ("us", 1_000),
    // The sign, and the Greek letter, as `#[resilient]` has them too: nobody sees the difference.
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Numbers with units, largest first or not, with or without spaces between them. More than 584 years count as that.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
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
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos = nanos.saturating_add(number(whole).saturating_mul(*unit));
        let mut part = *unit;
        for digit in fraction.bytes() {
            part /= 10;
            nanos = nanos.saturating_add(u64::from(digit - b'0') * part);
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(Duration::from_nanos(nanos));
        }
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn number(digits: &str) -> u64 {
    digits.bytes().fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// A percentage as a fraction.
pub(super) fn percentage(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().strip_suffix('%')?.trim_end().parse().ok()?;
    percent.is_finite().then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            (" 1 m  30 s ", 90_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
            ("1.5s", 1_500),
            ("0.25s", 250),
            ("2min", 120_000),
            ("30s1m", 90_000),
            ("1000us", 1),
            ("1000µs", 1),
            ("1000μs", 1),
            ("1000000ns", 1),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("1.5ns"), Some(Duration::from_nanos(1)), "what is less than that is lost");
        assert_eq!(duration("99999999999999999999d"), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn what_is_no_duration_is_none() {
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
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_are_fractions() {
        for (text, share) in [("50%", 0.5), ("12.5 %", 0.125), ("0%", 0.0), ("100%", 1.0), ("-5%", -0.05)] {
            assert_eq!(percentage(text), Some(share), "{text}");
        }
        for text in ["", "%", "50", "half", "inf%", "NaN%", "50%%"] {
            assert_eq!(percentage(text), None, "{text}");
        }
    }
}
