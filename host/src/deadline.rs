//! How long a caller still waits, as it travels with a call or a request: the time that is left, in whole milliseconds.
//! It is no point in time, since the clocks of two machines differ.

use std::time::Duration;

use tokio::time::Instant;

/// When the caller waits no longer, counted from now. Of several values the shortest counts. One that is no number says
/// nothing, and neither does a number that is beyond what a clock can show.
pub(crate) fn read<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Option<Instant> {
    let left = values.into_iter().filter_map(|value| millis(value.as_ref())).min()?;
    Instant::now().checked_add(Duration::from_millis(left))
}

/// What is left until `end`, as it travels.
pub(crate) fn written(end: Instant) -> String {
    // Rounded up, so that of the two ends the caller is the one that says that the time is over.
    left(end).as_nanos().div_ceil(1_000_000).to_string()
}

/// What is left until `end`.
pub(crate) fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// The earlier of two ends, where there are any.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Digits, and nothing else: `str::parse` takes a `+` too.
fn millis(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_whole_number_of_milliseconds_says_anything() {
        let read = |value: &str| read([value]).map(|end| end - Instant::now());
        for (value, expected) in [("0", 0), ("1500", 1500), ("01500", 1500)] {
            assert_eq!(read(value), Some(Duration::from_millis(expected)), "{value}");
        }
        for value in [
            "",
            " ",
            "-1",
            "+1500",
            "1.5",
            "1e3",
            "1500ms",
            "100, 200",
            "soon",
            "\u{661}",
            "18446744073709551616",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(super::read([[0xff_u8, 0x00]]), None);
        // As far away as no caller waits; what matters is that it is not a panic.
        let _ = read("18446744073709551615");
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_the_shortest_counts() {
        let now = Instant::now();
        assert_eq!(read(["300", "soon", "200", "900"]), Some(now + Duration::from_millis(200)));
        assert_eq!(read::<&str>([]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_rounded_up() {
        let now = Instant::now();
        for (nanos, text) in [(0, "0"), (1, "1"), (1_000_000, "1"), (1_000_001, "2"), (250_000_000, "250")] {
            assert_eq!(written(now + Duration::from_nanos(nanos)), text);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(written(now), "0");
    }
}
