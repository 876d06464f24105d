//! "Did you mean": the known name that a misspelt one is nearest to.

/// The nearest of `known`, if it is near enough: it begins with what was written, or at most a third of the letters
/// differ. Hyphens and underscores are the same, and so are capital and small letters.
///
/// ```
/// assert_eq!(steadfast_settings::nearest("attemps", ["attempts", "backoff"]), Some("attempts"));
/// assert_eq!(steadfast_settings::nearest("jitter", ["attempts", "backoff"]), None);
/// ```
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let mut best = None;
    for name in known {
        // With fewer letters, chance is as likely as a meaning.
        let begun = written.len() >= 3 && name.starts_with(written);
        let distance = if begun { 0 } else { distance(written, name) };
        let near = begun || distance <= written.len().max(name.len()).div_ceil(3);
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How many letters have to be changed, added or removed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let letter = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.bytes()) {
            let above = *cell;
            let changed = diagonal + usize::from(letter(a) != letter(b));
            *cell = changed.min(above + 1).min(left + 1);
            (diagonal, left) = (above, *cell);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised() {
        let known =
            ["attempts", "backoff", "budget", "retry-after-cap", "on", "retry", "breaker", "deadline", "rate_limit"];
        for (written, meant) in [
            ("attemps", Some("attempts")),
            ("Attempts", Some("attempts")),
            ("retry_after_cap", Some("retry-after-cap")),
            ("back-off", Some("backoff")),
            ("onn", Some("on")),
            ("retries", Some("retry")),
            ("retyr", Some("retry")),
            ("braker", Some("breaker")),
            ("dead_line", Some("deadline")),
            ("ratelimit", Some("rate_limit")),
            ("dead", Some("deadline")),
            ("timeout", None),
            ("jitter", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
        assert_eq!(nearest("retry", []), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }
}
