//! How long the client of a request still waits, as the request says.

use core::time::Duration;

/// The name of the header. Its value is the time that is left, in whole milliseconds: no point in time, since the clocks
/// of two machines differ.
pub(super) const REQUEST_TIMEOUT: &str = "request-timeout";

/// The time that a request's headers of that name leave. Of several, the shortest counts. One that is no number says
/// nothing, and neither does a number beyond 64 bits.
pub(super) fn left<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Option<Duration> {
    values.into_iter().filter_map(|value| millis(value.as_ref())).min().map(Duration::from_millis)
}

/// Digits, and nothing else: `str::parse` takes a `+` too.
fn millis(value: &[u8]) -> Option<u64> {
    let (first, rest) = value.split_first()?;
    rest.iter().try_fold(digit(*first)?, |number, next| number.checked_mul(10)?.checked_add(digit(*next)?))
}

fn digit(byte: u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_of_milliseconds_says_anything() {
        let values: [(&str, Option<u64>); 17] = [
            ("0", Some(0)),
            ("250", Some(250)),
            ("0250", Some(250)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999999999999999", None),
            ("", None),
            (" ", None),
            ("+250", None),
            ("-1", None),
            ("1.5", None),
            ("1e3", None),
            ("250ms", None),
            ("0x10", None),
            ("100, 200", None),
            ("soon", None),
            ("\u{661}", None),
        ];
        for (value, expected) in values {
            assert_eq!(left([value]), expected.map(Duration::from_millis), "{value}");
        }
        assert_eq!(left([[0xff_u8, 0x00]]), None);
    }

    #[test]
    fn of_several_the_shortest_counts() {
        assert_eq!(left(["300", "soon", "200", "900"]), Some(Duration::from_millis(200)));
        assert_eq!(left::<&str>([]), None);
    }
}
