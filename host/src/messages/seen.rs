//! Which messages of a stream came before, by their numbers. The server's own count does not say: it forgets a part of it
//! when it is killed, and has messages in it that never got here.

use std::collections::{HashSet, VecDeque};

/// So many numbers are kept: what comes again was among the last, of which a consumer has 1,000 under way by default.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct Seen {
    all: HashSet<u64>,
    /// The oldest first.
    order: VecDeque<u64>,
}

impl Seen {
    /// Notes that a message came. Whether it had come before.
    pub fn again(&mut self, number: u64) -> bool {
        if !self.all.insert(number) {
            return true;
        }
        self.order.push_back(number);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_came_is_known_for_a_long_time() {
        let mut seen = Seen::default();
        assert_eq!([7, 8, 7, 7, 8].map(|number| seen.again(number)), [false, false, true, true, true]);
        let last = REMEMBERED as u64 + 6;
        for number in 9..=last {
            assert!(!seen.again(number));
        }
        assert!(seen.again(7) && seen.again(last));
        assert!(!seen.again(last + 1));
        assert!(!seen.again(7), "it is forgotten");
        assert_eq!((seen.all.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }
}
