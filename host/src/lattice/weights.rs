//! One of several, by chance: each as often as it weighs, measured by the others.

use rand::RngExt;
use rand::rngs::StdRng;

/// The number of one of them; 0 where nothing weighs anything.
pub(crate) fn pick(weights: impl Iterator<Item = u64> + Clone, chance: &mut StdRng) -> usize {
    let sum = weights.clone().fold(0, u64::saturating_add);
    let mut pick = chance.random_range(0..sum.max(1));
    for (number, weight) in weights.enumerate() {
        match pick.checked_sub(weight) {
            Some(rest) => pick = rest,
            None => return number,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_comes_as_often_as_it_weighs() {
        let mut chance = StdRng::seed_from_u64(1);
        let mut found = [0; 3];
        for _ in 0..10_000 {
            found[pick([6, 0, 2].into_iter(), &mut chance)] += 1;
        }
        // The number has a standard deviation of 43.
        assert!((7_300..7_700).contains(&found[0]) && found[1] == 0, "{found:?}");
        assert_eq!(pick(std::iter::empty(), &mut chance), 0);
        assert!(pick([u64::MAX; 3].into_iter(), &mut chance) < 3);
    }
}
