//! How long a message that was not taken stays away.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The longest that it stays away.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Before a message comes again that came `deliveries` times: `first`, and twice as long each time, of which up to a half
/// is left out at random, so that those that failed together do not come together. At least as long as the component
/// asked for.
pub(super) fn wait(first: Duration, deliveries: u32, asked: Option<Duration>) -> Duration {
    let share = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    between(first, deliveries, asked, share)
}

fn between(first: Duration, deliveries: u32, asked: Option<Duration>, share: f64) -> Duration {
    let doublings = deliveries.saturating_sub(1).min(30);
    let longest = first.saturating_mul(1 << doublings).min(LONGEST);
    longest.mul_f64(0.5 + 0.5 * share).max(asked.unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_away_twice_as_long_each_time() {
        let seconds = Duration::from_secs;
        for (deliveries, longest) in [(0, 1), (1, 1), (2, 2), (5, 16), (12, 2048), (13, 3600), (u32::MAX, 3600)] {
            assert_eq!(between(seconds(1), deliveries, None, 1.0), seconds(longest), "{deliveries}");
            assert_eq!(between(seconds(1), deliveries, None, 0.0), seconds(longest) / 2, "{deliveries}");
        }
        assert_eq!(between(Duration::ZERO, 7, None, 1.0), Duration::ZERO);
        assert_eq!(between(Duration::MAX, 7, None, 1.0), LONGEST);
    }

    #[test]
    fn a_message_stays_away_as_long_as_is_asked_for() {
        let seconds = Duration::from_secs;
        assert_eq!(between(seconds(1), 1, Some(seconds(30)), 1.0), seconds(30));
        assert_eq!(between(seconds(60), 1, Some(seconds(30)), 1.0), seconds(60));
        assert_eq!(between(seconds(1), 1, Some(Duration::MAX), 1.0), LONGEST);
    }

    #[test]
    fn the_time_has_a_part_that_is_random() {
        let waits: Vec<_> = (0..100).map(|_| wait(Duration::from_secs(2), 1, None)).collect();
        assert!(waits.iter().all(|wait| (1.0..=2.0).contains(&wait.as_secs_f64())), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }
}
