//! What NATS takes for a subject, and which subjects a pattern is for.

/// Whether it is a subject to publish to: tokens with dots between them, and no wildcards.
pub(crate) fn is_subject(text: &str) -> bool {
    let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '*' || c == '>';
    text.split('.').all(|token| !token.is_empty() && !token.contains(is_wrong))
}

/// Whether it is a subject, or one with `*` for a token, or `>` for the rest of them.
pub(crate) fn is_pattern(text: &str) -> bool {
    let mut tokens = text.split('.').rev();
    let last = tokens.next().is_some_and(|token| token == ">" || token == "*" || is_subject(token));
    last && tokens.all(|token| token == "*" || is_subject(token))
}

/// Whether a subject is one of those that a pattern is for.
pub(crate) fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_wildcards_where_nats_has_them() {
        for right in ["a", "a.b", "*", ">", "a.*", "a.*.c", "a.>", "$JS.API.>"] {
            assert!(is_pattern(right), "{right}");
        }
        for wrong in ["", ".", "a.", ".a", "a..b", "a.>.b", ">.a", "a*", "a.b>", "a b"] {
            assert!(!is_pattern(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_is_for_the_subjects_that_nats_has_it_for() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }
}
