//! The known name that a misspelt one is nearest to.

/// The nearest of `known`, if it is so near that it may be meant: it begins with what was written, or at most a third
/// of the letters are other ones.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let begun = known.iter().find(|known| name.len() >= 3 && known.starts_with(name));
    if let Some(begun) = begun {
        return Some(begun);
    }
    let distances = known.iter().map(|known| (distance(name, known), *known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    let letters = name.chars().count().max(nearest.chars().count());
    (distance <= letters.div_ceil(3)).then_some(nearest)
}

/// How many letters must be put in, left out or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["retry", "breaker", "deadline", "rate_limit", "idempotent"];

    #[test]
    fn a_misspelt_name_is_recognised() {
        for (name, meant) in [
            ("retries", "retry"),
            ("retyr", "retry"),
            ("braker", "breaker"),
            ("dead_line", "deadline"),
            ("ratelimit", "rate_limit"),
            ("idempotant", "idempotent"),
            ("idem", "idempotent"),
        ] {
            assert_eq!(nearest(name, &KEYS), Some(meant), "{name}");
        }
    }

    #[test]
    fn another_word_is_not() {
        for name in ["timeout", "x", "", "colour"] {
            assert_eq!(nearest(name, &KEYS), None, "{name}");
        }
        assert_eq!(nearest("retry", &[]), None);
    }
}
