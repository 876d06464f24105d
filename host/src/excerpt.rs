//! As much of a text from elsewhere as is kept, or shown in a message.

use std::borrow::Cow;

/// In bytes: more than names and paths have, and little beside what else is kept of a call or a request.
pub(crate) const MAX_TEXT: usize = 200;

/// The text, or its beginning and a `…`.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return text.into();
    }
    let end = text.floor_char_boundary(MAX_TEXT - '…'.len_utf8());
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        for length in 0..2 * MAX_TEXT {
            let text = "ä".repeat(length);
            let cut = excerpt(&text);
            assert!(cut.len() <= MAX_TEXT && cut.len() >= text.len().min(MAX_TEXT - 1), "{length}: {cut}");
            assert_eq!(cut.ends_with('…'), cut != text, "{length}");
            assert!(text.starts_with(cut.trim_end_matches('…')));
        }
    }
}
