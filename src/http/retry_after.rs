//! How long a server asks to be left alone: its `Retry-After` (RFC 9110, section 10.2.3).

use core::time::Duration;

use wstd::http::HeaderMap;

use super::date;

/// The wish in either of its forms: seconds, or a date. A date is counted from the response's own `Date` where there is
/// one, so that clocks that differ do no harm, and else from now. Anything else is ignored, and so is a date that has
/// passed.
pub(super) fn of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.as_bytes();
    if let Some(seconds) = seconds(text) {
        return Some(Duration::from_secs(seconds));
    }
    let until = date::parse(text, now)?;
    let from = headers.get("date").and_then(|date| date::parse(date.as_bytes(), now)).unwrap_or_else(now);
    u64::try_from(until.saturating_sub(from)).ok().filter(|wait| *wait > 0).map(Duration::from_secs)
}

/// `1*DIGIT`, no sign and nothing else. More than there are is no wish but nonsense.
fn seconds(text: &[u8]) -> Option<u64> {
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
    let add = |number: u64, next: &u8| number.checked_mul(10)?.checked_add(digit(next)?);
    if text.is_empty() { None } else { text.iter().try_fold(0, add) }
}

/// The Unix time in seconds, off the clock on the wall: a date has no other.
fn now() -> i64 {
    #[cfg(target_os = "wasi")]
    let seconds = wasip2::clocks::wall_clock::now().seconds;
    #[cfg(not(target_os = "wasi"))]
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use wstd::http::HeaderValue;

    use super::*;

    fn wish(retry_after: &str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(retry_after).unwrap());
        if let Some(date) = date {
            headers.insert("date", HeaderValue::from_static(date));
        }
        of(&headers)
    }

    // case 20
    #[test]
    fn seconds_and_dates_both_parse() {
        let at = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for date in [None, at] {
            assert_eq!(wish("0", date), Some(Duration::ZERO));
            assert_eq!(wish("120", date), Some(Duration::from_secs(120)));
            assert_eq!(wish("0000000000000000000000000000007", date), Some(Duration::from_secs(7)));
        }
        let minute = Some(Duration::from_secs(60));
        assert_eq!(wish("Sun, 06 Nov 1994 08:50:37 GMT", at), minute);
        assert_eq!(wish("Sunday, 06-Nov-94 08:50:37 GMT", at), minute);
        assert_eq!(wish("Sun Nov  6 08:50:37 1994", at), minute);
        assert_eq!(wish("Sun, 06 Nov 1994 08:50:37 GMT", Some("yesterday")), None, "long past");
    }

    #[test]
    fn a_date_without_a_date_of_the_response_counts_from_now() {
        let wait = wish("Fri, 31 Dec 9999 23:59:59 GMT", None).unwrap();
        let passed = Duration::from_secs(u64::try_from(now()).unwrap());
        let whole = Duration::from_secs(253_402_300_799);
        assert!(wait + passed <= whole + Duration::from_secs(60) && wait + passed + Duration::from_secs(60) >= whole);
    }

    // case 20
    #[test]
    fn what_makes_no_sense_is_no_wish() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for text in ["", "-1", "+1", "1.5", "1s", "1 2", "0x10", "99999999999999999999", "soon", "Sun, 06 Nov 1994"] {
            assert_eq!(wish(text, date), None, "{text}");
        }
        assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT", date), None, "now");
        assert_eq!(wish("Sun, 06 Nov 1994 08:49:36 GMT", date), None, "in the past");
        assert_eq!(wish("18446744073709551615", date), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(of(&HeaderMap::new()), None);
    }
}
