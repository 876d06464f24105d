//! Dates and times. Postgres counts from the year 2000, in the calendar of today, whatever was in force then.

/// The days from the year 0 to 2000-01-01, where a year begins in March.
const DAYS_TO_2000: i64 = 730_425;

/// The days of 400 years, after which the calendar is the same again.
const DAYS_OF_400_YEARS: i64 = 146_097;

const MICROS_OF_A_DAY: i64 = 86_400_000_000;

/// Year, month and day. The year 0 is the one before the year 1, as ISO 8601 has it.
pub(super) type Day = (i64, u32, u32);

/// The day that is so many after 2000-01-01.
pub(super) fn day(since_2000: i64) -> Day {
    let days = since_2000 + DAYS_TO_2000;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months of 30 and 31 days, five of which have 153 days: from March on, as the leap day is then the last.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    (year + era * 400 + next, small(month), small(day))
}

/// Days since 2000-01-01, and microseconds of the last one.
pub(super) fn split(micros: i64) -> (i64, i64) {
    (micros.div_euclid(MICROS_OF_A_DAY), micros.rem_euclid(MICROS_OF_A_DAY))
}

/// Hours, minutes, seconds and microseconds. The end of a day is 24 hours.
pub(super) fn time(micros: i64) -> [u32; 4] {
    let seconds = micros / 1_000_000;
    [seconds / 3_600, seconds / 60 % 60, seconds % 60, micros % 1_000_000]
        .map(|part| u32::try_from(part).unwrap_or_default())
}

/// Like `+02:00`, and with seconds where there are some.
pub(super) fn offset_text(east: i64) -> String {
    let (sign, seconds) = (if east < 0 { '-' } else { '+' }, east.unsigned_abs());
    let text = format!("{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60);
    if seconds.is_multiple_of(60) { text } else { format!("{text}:{:02}", seconds % 60) }
}

/// A duration as ISO 8601 writes it, which Postgres reads: `P1Y2M-3DT4H`.
pub(super) fn duration_text(micros: i64, days: i32, months: i32) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, fraction) = (seconds.unsigned_abs(), fraction.unsigned_abs());
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("P{months}M{days}DT{sign}{seconds}{fraction}S")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (2000, 1, 1)),
            (59, (2000, 2, 29)),
            (60, (2000, 3, 1)),
            (-1, (1999, 12, 31)),
            (8_826, (2024, 3, 1)),
            (-730_119, (1, 1, 1)),
            (-730_120, (0, 12, 31)),
            // The first and the last one that Postgres has: in 4714 before our time, and far from now.
            (-2_451_545, (-4713, 11, 24)),
            (2_145_031_948, (5_874_897, 12, 31)),
        ] {
            assert_eq!(day(days), expected, "{days}");
        }
    }

    #[test]
    fn a_duration_may_have_parts_of_both_signs() {
        assert_eq!(duration_text(-1_500_000, -3, 14), "P14M-3DT-1.500000S");
        assert_eq!(duration_text(3_600_000_000, 0, 0), "P0M0DT3600S");
    }
}
