//! Text from elsewhere, as a log or a terminal may have it: what would break a line, move the cursor or turn the order
//! of the text around is spelt out.
//!
//! The command escapes what it logs and what it prints. The messages of this library, [`Error`](crate::Error) and
//! [`Failure`](crate::Failure), are not escaped: a program that shows them to people does it where it writes.

use std::fmt::{self, Write};

/// A value whose text is escaped, on one line.
///
/// ```
/// use steadfast_host::escape::Escaped;
///
/// assert_eq!(Escaped("a\n\u{1b}[2Jb").to_string(), r"a\n\u{1b}[2Jb");
/// assert_eq!(Escaped("Grüße, \\n").to_string(), r"Grüße, \n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_parts(self.0, text, |out, unsafe_char| write!(out, "{}", unsafe_char.escape_default()))
    }
}

/// A text that is JSON, escaped as JSON does it: it stays the same JSON, on the same lines.
///
/// ```
/// use steadfast_host::escape;
///
/// assert_eq!(escape::json("{\n\"a\": \"\u{202e}\"\n}"), "{\n\"a\": \"\\u202e\"\n}");
/// ```
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // In a string, JSON has no line break; all others are between its values. Writing to a string does not fail.
    let _ = write_parts(&mut out, text, |out, unsafe_char| match unsafe_char {
        '\n' => out.write_char('\n'),
        other => write!(out, "\\u{:04x}", u32::from(other)),
    });
    out
}

fn write_parts<W: Write>(out: &mut W, text: &str, escape: impl Fn(&mut W, char) -> fmt::Result) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(is_unsafe) {
        let (safe, from) = rest.split_at(at);
        out.write_str(safe)?;
        let mut chars = from.chars();
        if let Some(unsafe_char) = chars.next() {
            escape(out, unsafe_char)?;
        }
        rest = chars.as_str();
    }
    out.write_str(rest)
}

/// Control characters, among them all that begin a sequence for a terminal, the line breaks of Unicode, and the marks
/// of its bidirectional algorithm (UAX #9).
fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_or_a_terminal_is_spelt_out() {
        for (text, escaped) in [
            ("", ""),
            ("plain, Grüße, 東京, 🦀", "plain, Grüße, 東京, 🦀"),
            ("a\nb", r"a\nb"),
            ("a\r\nb\r", r"a\r\nb\r"),
            ("\tb", r"\tb"),
            ("\0\u{7}\u{8}\u{b}\u{c}\u{7f}", r"\u{0}\u{7}\u{8}\u{b}\u{c}\u{7f}"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            // What an eight-bit terminal takes for the end of a line, and for ESC and `[`.
            ("\u{85}\u{9b}2J", r"\u{85}\u{9b}2J"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}", r"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}"),
            ("\u{2066}\u{2067}\u{2068}\u{2069}", r"\u{2066}\u{2067}\u{2068}\u{2069}"),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            // What joins letters and emoji turns nothing around.
            ("\u{200d}", "\u{200d}"),
            // What is escaped stays as it is.
            (r"a\nb\u{1b}", r"a\nb\u{1b}"),
        ] {
            assert_eq!(Escaped(text).to_string(), escaped, "{text:?}");
            assert_eq!(Escaped(Escaped(text)).to_string(), escaped, "{text:?}, twice");
        }
    }

    #[test]
    fn json_means_the_same_when_it_is_escaped() {
        let value = serde_json::json!({ "a\u{202e}\n\u{1b}": ["\u{7f}\u{85}\u{2028}", "ü"] });
        for text in [format!("{value}"), format!("{value:#}")] {
            let escaped = json(&text);
            assert_eq!(escaped.lines().count(), text.lines().count());
            assert!(!escaped.lines().any(|line| line.contains(is_unsafe)), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }
}
