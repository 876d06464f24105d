//! What NATS takes for a subject.

/// Whether it is a subject to publish to: tokens with dots between them, and no wildcards.
pub(crate) fn is_subject(text: &str) -> bool {
    let is_wrong = |c: char| c.is_whitespace() || c.is_control() || c == '*' || c == '>';
    text.split('.').all(|token| !token.is_empty() && !token.contains(is_wrong))
}
