//! Dates of HTTP (RFC 9110, section 5.6.7): all three forms that a recipient must accept, and nothing else.

/// A text that is read from its front.
struct Reader<'t>(&'t [u8]);

impl<'t> Reader<'t> {
    fn take(&mut self, length: usize) -> Option<&'t [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn is(&mut self, text: &[u8]) -> Option<()> {
        (self.take(text.len())? == text).then_some(())
    }

    /// The place of the name that stands here.
    fn name(&mut self, names: &[&str]) -> Option<i64> {
        let place = names.iter().position(|name| self.0.starts_with(name.as_bytes()))?;
        self.take(names[place].len())?;
        i64::try_from(place).ok()
    }

    /// So many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let mut number = 0;
        for digit in self.take(digits)? {
            number = number * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        Some(number)
    }

    /// `hour:minute:second` as seconds; the 60th is a leap second.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        self.is(b":")?;
        let minute = self.number(2)?;
        self.is(b":")?;
        let second = self.number(2)?;
        (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
    }
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const SHORT_DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The Unix time of a date, in seconds. `now` is asked only for a year of two digits, which "MUST" lie at most 50 years
/// in the future. The day of the week is not compared with the date.
pub(super) fn parse(text: &[u8], now: impl FnOnce() -> i64) -> Option<i64> {
    let mut at = Reader(text);
    // The long names begin with the short ones.
    let day;
    let month;
    let year;
    let time;
    if at.name(&DAYS).is_some() {
        // Sunday, 06-Nov-94 08:49:37 GMT (RFC 850)
        at.is(b", ")?;
        day = at.number(2)?;
        at.is(b"-")?;
        month = at.name(&MONTHS)?;
        at.is(b"-")?;
        let short = at.number(2)?;
        at.is(b" ")?;
        time = at.time()?;
        at.is(b" GMT")?;
        year = full_year(short, month, day, time, now());
    } else {
        at.name(&SHORT_DAYS)?;
        if at.is(b", ").is_some() {
            // Sun, 06 Nov 1994 08:49:37 GMT (IMF-fixdate)
            day = at.number(2)?;
            at.is(b" ")?;
            month = at.name(&MONTHS)?;
            at.is(b" ")?;
            year = at.number(4)?;
            at.is(b" ")?;
            time = at.time()?;
            at.is(b" GMT")?;
        } else {
            // Sun Nov  6 08:49:37 1994 (asctime)
            at = Reader(text.get(3..)?);
            at.is(b" ")?;
            month = at.name(&MONTHS)?;
            at.is(b" ")?;
            day = match at.is_space() {
                true => at.number(1)?,
                false => at.number(2)?,
            };
            at.is(b" ")?;
            time = at.time()?;
            at.is(b" ")?;
            year = at.number(4)?;
        }
    }
    at.0.is_empty().then_some(())?;
    Some(days(year, month, day)? * 86_400 + time)
}

impl Reader<'_> {
    /// Takes a space, if there is one.
    fn is_space(&mut self) -> bool {
        let is = self.0.first() == Some(&b' ');
        if is {
            self.0 = &self.0[1..];
        }
        is
    }
}

/// "Recipients of a timestamp value in rfc850-date format, which uses a two-digit year, MUST interpret a timestamp that
/// appears to be more than 50 years in the future as representing the most recent year in the past that had the same
/// last two digits."
fn full_year(short: i64, month: i64, day: i64, time: i64, now: i64) -> i64 {
    let (this, at_this) = year_of(now);
    let year = this - this % 100 + short;
    // Later in the year than now?
    let later = (month, day, time) > at_this;
    let too_far = |year: i64| year - this > 50 || (year - this == 50 && later);
    match year {
        year if too_far(year) => year - 100,
        // In 2099, 00 is the year that comes.
        year if !too_far(year + 100) => year + 100,
        year => year,
    }
}

/// Days since 1970-01-01 of a day of the Gregorian calendar; months from 0. `None` where there is no such day.
///
/// The algorithm is that of "chrono-Compatible Low-Level Date Algorithms" (H. Hinnant), `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 if leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    if day < 1 || day > last {
        return None;
    }
    // Years that begin in March, so that the leap day is the last.
    let year = if month < 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The year of a Unix time, and its month (from 0), day and second of the day.
fn year_of(time: i64) -> (i64, (i64, i64, i64)) {
    let (shifted, second) = (time.div_euclid(86_400) + 719_468, time.rem_euclid(86_400));
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    (year + era * 400 + i64::from(month < 2), (month, day, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 10:00:00.
    const NOW: i64 = 1_795_514_400;
    /// Sunday, 6 November 1994, 08:49:37: the date of the RFC.
    const THEN: i64 = 784_111_777;

    fn date(text: &str) -> Option<i64> {
        parse(text.as_bytes(), || NOW)
    }

    // case 20
    #[test]
    fn the_three_forms_of_the_rfc_are_one_date() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(date(text), Some(THEN), "{text}");
        }
        assert_eq!(date("Sun Nov 16 08:49:37 1994"), Some(THEN + 10 * 86_400));
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Tue, 24 Nov 2026 10:00:00 GMT"), Some(NOW));
        assert_eq!(date("Wed, 31 Dec 1969 23:59:59 GMT"), Some(-1));
        assert_eq!(date("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_800), "a leap second");
        assert_eq!(date("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
        assert_eq!(date("Sat, 01 Jan 0000 00:00:00 GMT"), Some(-62_167_219_200));
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let days_of = |day: i64| {
            let (year, (month, of_month, second)) = year_of(day * 86_400 + 7);
            assert_eq!(second, 7);
            (days(year, month, of_month), year, month, of_month)
        };
        // From the year 0 to the year 10000: four centuries repeat, and the ends are met.
        let (first, last) = (-719_528, 2_932_896);
        let mut before = days_of(first - 1);
        assert_eq!((before.1, before.2, before.3), (-1, 11, 31));
        for day in (first..first + 146_097 * 2).chain(last - 1_000..=last) {
            let now = days_of(day);
            assert_eq!(now.0, Some(day));
            let next_month = now.3 == 1 && (now.1 * 12 + now.2) == before.1 * 12 + before.2 + 1;
            let jumped = day == last - 1_000;
            assert!(
                jumped || next_month || (now.3 == before.3 + 1 && (now.1, now.2) == (before.1, before.2)),
                "{now:?}"
            );
            before = now;
        }
        assert_eq!((before.1, before.2, before.3), (9999, 11, 31));
    }

    #[test]
    fn a_year_of_two_digits_lies_at_most_50_years_ahead() {
        let year = |text: &str| date(text).map(|time| year_of(time).0);
        assert_eq!(year("Monday, 24-Nov-26 10:00:00 GMT"), Some(2026));
        assert_eq!(year("Monday, 24-Nov-75 10:00:00 GMT"), Some(2075));
        assert_eq!(year("Monday, 24-Nov-76 10:00:00 GMT"), Some(2076), "exactly 50 years");
        assert_eq!(year("Monday, 24-Nov-76 10:00:01 GMT"), Some(1976), "more than 50 years");
        assert_eq!(year("Monday, 25-Nov-76 00:00:00 GMT"), Some(1976));
        assert_eq!(year("Monday, 01-Jan-77 00:00:00 GMT"), Some(1977));
        assert_eq!(year("Monday, 01-Jan-00 00:00:00 GMT"), Some(2000));
        let in_2099 = |text: &str| parse(text.as_bytes(), || 4_100_000_000).map(|time| year_of(time).0);
        assert_eq!(in_2099("Monday, 01-Jan-99 00:00:00 GMT"), Some(2099));
        assert_eq!(in_2099("Monday, 01-Jan-00 00:00:00 GMT"), Some(2100));
        assert_eq!(in_2099("Monday, 01-Jan-50 00:00:00 GMT"), Some(2050));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun",
            "Sun,",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Tue, 29 Feb 2023 00:00:00 GMT",
            "Thu, 29 Feb 1900 00:00:00 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 31-Feb-94 08:49:37 GMT",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov   6 08:49:37 1994",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        assert!(date("Tue, 29 Feb 2000 00:00:00 GMT").is_some());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good: [&[u8]; 3] =
            [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"];
        for text in good {
            for place in 0..text.len() {
                assert_eq!(parse(&text[..place], || NOW), None);
                for byte in 0..=u8::MAX {
                    let mut text = text.to_vec();
                    text[place] = byte;
                    for now in [NOW, i64::MIN / 2, i64::MAX / 2] {
                        let _ = parse(&text, || now);
                    }
                }
            }
        }
    }
}
