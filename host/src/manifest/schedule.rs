//! When a job is due: after a time, again and again, or at the times of a cron expression.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use steadfast_settings::nearest;

/// When a job is due. Times are a [`Duration`] since the clock of the schedule began: that of `Every` begins with the
/// job, and that of `Cron` with the year 1970 in UTC.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    Every(Duration),
    Cron { cron: Box<Cron>, zone: TimeZone },
}

impl Schedule {
    /// The first time after `after`; `None` when there is none that a clock can show.
    pub fn next(&self, after: Duration) -> Option<Duration> {
        match self {
            Schedule::Every(every) => {
                let next = periods(after, *every).checked_add(1)?.checked_mul(every.as_nanos())?;
                let seconds = u64::try_from(next / NANOS).ok()?;
                Some(Duration::new(seconds, u32::try_from(next % NANOS).ok()?))
            }
            Schedule::Cron { cron, zone } => {
                // Times of a schedule are whole seconds.
                let after = Timestamp::from_second(i64::try_from(after.as_secs()).ok()?).ok()?;
                let next = cron.find_next_occurrence(&after.to_zoned(zone.clone()), false).ok()?;
                Some(Duration::from_secs(u64::try_from(next.timestamp().as_second()).ok()?))
            }
        }
    }

    /// How many times there are after `after`, up to `until`; [`MANY`](Self::MANY) stands for that many and more.
    pub fn count(&self, mut after: Duration, until: Duration) -> u64 {
        if let Schedule::Every(every) = self {
            let count = periods(until, *every).saturating_sub(periods(after, *every));
            return u64::try_from(count).unwrap_or(Self::MANY).min(Self::MANY);
        }
        let times = std::iter::from_fn(|| {
            after = self.next(after).filter(|next| *next <= until)?;
            Some(())
        });
        u64::try_from(times.take(Self::MANY as usize).count()).unwrap_or(Self::MANY)
    }

    /// Counting ends here: each time of a cron expression costs a search.
    pub const MANY: u64 = 1000;
}

const NANOS: u128 = 1_000_000_000;

/// How often `every` has passed within `time`.
fn periods(time: Duration, every: Duration) -> u128 {
    time.as_nanos().checked_div(every.as_nanos()).unwrap_or_default()
}

/// The fields, in their order, and what they range over.
const FIELDS: [(&str, &str); 6] = [
    ("a second", "0 to 59"),
    ("a minute", "0 to 59"),
    ("an hour", "0 to 23"),
    ("a day", "1 to 31"),
    ("a month", "1 to 12 or JAN to DEC"),
    ("a weekday", "0 to 7 or SUN to SAT"),
];

const FORM: &str = "minute, hour, day, month and weekday, like \"0 3 * * *\", or six, with the second before them";

/// Reads a cron expression of five or six fields, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Cron, String> {
    let fields: Vec<_> = text.split_whitespace().collect();
    let names = match fields.len() {
        5 => &FIELDS[1..],
        6 => &FIELDS[..],
        number => {
            let has = if number == 1 { "1 field".into() } else { format!("{number} fields") };
            return Err(format!("`{text}` is not a schedule, it has {has}; write five: {FORM}"));
        }
    };
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = match parser.parse(text) {
        Ok(cron) => cron,
        Err(error) => {
            // The parser does not say which field it is, so each is tried by itself.
            let alone = |wrong: usize| {
                let field = |index| if index == wrong { fields[wrong] } else { "*" };
                parser.parse(&(0..fields.len()).map(field).collect::<Vec<_>>().join(" ")).is_err()
            };
            return Err(match (0..fields.len()).find(|index| alone(*index)) {
                Some(wrong) => {
                    let (name, range) = names[wrong];
                    format!(
                        "`{text}` is not a schedule: `{}` is not {name}; write {range}, `*` for each, or lists, ranges and \
                         steps of them, like `1,2`, `1-5` and `*/2`",
                        fields[wrong]
                    )
                }
                None => format!("`{text}` is not a schedule ({error}); write five fields: {FORM}"),
            });
        }
    };
    let schedule = Schedule::Cron { cron: Box::new(cron.clone()), zone: TimeZone::UTC };
    match schedule.next(Duration::ZERO) {
        Some(_) => Ok(cron),
        None => Err(format!("`{text}` is a day that no year has; change its day or its month")),
    }
}

/// Finds a time zone by its name.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let meant = nearest(name, known.iter().map(String::as_str));
        let meant = meant.map_or("; write".into(), |meant| format!(", did you mean `{meant}`? Write"));
        format!("`{name}` is not a time zone{meant} its name in the IANA database, like \"Europe/Berlin\"")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    /// The times of a schedule from `from` on, in its zone.
    fn times(text: &str, zone: &str, from: &str, number: usize) -> Vec<String> {
        let zone = super::zone(zone).unwrap();
        let schedule = Schedule::Cron { cron: Box::new(parse(text).unwrap()), zone: zone.clone() };
        let seconds = from.parse::<Timestamp>().unwrap().as_second();
        let mut now = Duration::from_secs(seconds.try_into().unwrap());
        let next = || {
            now = schedule.next(now)?;
            let time = Timestamp::from_second(now.as_secs().try_into().unwrap()).unwrap();
            Some(time.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S %Z").to_string())
        };
        std::iter::from_fn(next).take(number).collect()
    }

    #[test]
    fn daylight_saving_neither_repeats_nor_drops_a_daily_run() {
        let (spring, autumn) = ("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z");
        for (text, zone, from, expected) in [
            // The clock goes from 02:00 to 03:00: what would fall between runs as soon as the gap is over.
            ("30 1 * * *", "Europe/Berlin", spring, ["03-29 01:30:00 CET", "03-30 01:30:00 CEST"]),
            ("0 2 * * *", "Europe/Berlin", spring, ["03-29 03:00:00 CEST", "03-30 02:00:00 CEST"]),
            ("30 2 * * *", "Europe/Berlin", spring, ["03-29 03:00:00 CEST", "03-30 02:30:00 CEST"]),
            ("0 3 * * *", "Europe/Berlin", spring, ["03-29 03:00:00 CEST", "03-30 03:00:00 CEST"]),
            // It goes from 03:00 back to 02:00: what falls within runs once, the first time.
            ("30 2 * * *", "Europe/Berlin", autumn, ["10-25 02:30:00 CEST", "10-26 02:30:00 CET"]),
            ("0 3 * * *", "Europe/Berlin", autumn, ["10-25 03:00:00 CET", "10-26 03:00:00 CET"]),
            // What runs by the hour or the minute follows the time that passes.
            ("0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", ["03-29 03:00:00 CEST", "03-29 04:00:00 CEST"]),
            ("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", ["10-25 02:00:00 CEST", "10-25 02:00:00 CET"]),
            ("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", ["10-25 02:30:00 CEST", "10-25 02:00:00 CET"]),
            // Elsewhere it is another day, another hour, half an hour, or never.
            ("30 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", ["03-08 03:00:00 EDT", "03-09 02:30:00 EDT"]),
            ("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", ["11-01 01:30:00 EDT", "11-02 01:30:00 EST"]),
            (
                "45 1 * * *",
                "Australia/Lord_Howe",
                "2026-04-04T12:00:00Z",
                ["04-05 01:45:00 +11", "04-06 01:45:00 +1030"],
            ),
            ("30 2 * * *", "Asia/Tokyo", spring, ["03-29 02:30:00 JST", "03-30 02:30:00 JST"]),
            ("30 2 * * *", "UTC", spring, ["03-29 02:30:00 UTC", "03-30 02:30:00 UTC"]),
        ] {
            assert_eq!(times(text, zone, from, 2), expected, "{text} in {zone} from {from}");
        }
    }

    #[test]
    fn expressions_mean_what_cron_has_them_mean() {
        let new_year = "2026-01-01T00:00:00Z"; // A Thursday.
        for (text, expected) in [
            ("*/15 * * * *", ["01-01 00:15:00 UTC", "01-01 00:30:00 UTC"]),
            ("*/20 * * * * *", ["01-01 00:00:20 UTC", "01-01 00:00:40 UTC"]),
            ("0 9-17/4 * * MON-FRI", ["01-01 09:00:00 UTC", "01-01 13:00:00 UTC"]),
            ("0 0 1,15 * *", ["01-15 00:00:00 UTC", "02-01 00:00:00 UTC"]),
            ("0 0 29 2 *", ["02-29 00:00:00 UTC", "02-29 00:00:00 UTC"]),
            ("0 0 L * *", ["01-31 00:00:00 UTC", "02-28 00:00:00 UTC"]),
            // Sunday is 0 and 7. A day and a weekday: either will do.
            ("0 0 * * 0", ["01-04 00:00:00 UTC", "01-11 00:00:00 UTC"]),
            ("0 0 * * 7", ["01-04 00:00:00 UTC", "01-11 00:00:00 UTC"]),
            ("0 0 3 * SUN", ["01-03 00:00:00 UTC", "01-04 00:00:00 UTC"]),
        ] {
            assert_eq!(times(text, "UTC", new_year, 2), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_expression_is_told_by_its_field() {
        for (text, expected) in [
            ("", "`` is not a schedule, it has 0 fields; write five: minute, hour, day, month and weekday, like"),
            ("often", "`often` is not a schedule, it has 1 field; write five"),
            ("* * * *", "`* * * *` is not a schedule, it has 4 fields; write five"),
            ("0 0 0 1 1 * 2026", "it has 7 fields; write five"),
            (
                "60 * * * *",
                "`60 * * * *` is not a schedule: `60` is not a minute; write 0 to 59, `*` for each, or lists",
            ),
            ("60 * * * * *", "`60` is not a second; write 0 to 59"),
            ("0 24 * * *", "`24` is not an hour; write 0 to 23"),
            ("0 0 32 * *", "`32` is not a day; write 1 to 31"),
            ("0 0 * 13 *", "`13` is not a month; write 1 to 12 or JAN to DEC"),
            ("0 0 * * 8", "`8` is not a weekday; write 0 to 7 or SUN to SAT"),
            ("0 0 * * MOON", "`MOON` is not a weekday"),
            ("*/0 * * * *", "`*/0` is not a minute"),
            ("5-1 * * * *", "`5-1` is not a minute"),
            ("0 0 30 2 *", "`0 0 30 2 *` is a day that no year has; change its day or its month"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_wrong_zone_is_told_with_the_nearest() {
        let message = zone("Europe/Belrin").unwrap_err();
        let expected = "`Europe/Belrin` is not a time zone, did you mean `Europe/Berlin`? Write its name in the IANA \
                        database, like \"Europe/Berlin\"";
        assert_eq!(message, expected);
        let message = zone("at/the-office").unwrap_err();
        assert!(message.starts_with("`at/the-office` is not a time zone; write its name"), "{message}");
        assert!(zone("").is_err());
    }

    #[test]
    fn periods_are_counted_from_the_start() {
        let every = Schedule::Every(Duration::from_secs(10));
        let seconds = Duration::from_secs;
        assert_eq!(every.next(seconds(0)), Some(seconds(10)));
        assert_eq!(every.next(seconds(10)), Some(seconds(20)));
        assert_eq!(every.next(seconds(35)), Some(seconds(40)));
        assert_eq!(every.count(seconds(10), seconds(35)), 2);
        assert_eq!(every.count(seconds(35), seconds(10)), 0);
        assert_eq!(Schedule::Every(Duration::MAX).next(Duration::MAX), None);
    }
}
