//! What happened, as the value of a `Server-Timing` header.
//!
//! "Server Timing", W3C: a list of `name;dur=milliseconds;desc="text"`. The name is a token (RFC 9110, section 5.6.2).

use core::fmt::Write;
use core::time::Duration;

use super::scope::{End, Note};
use crate::failure::cause_name;
use crate::policy::Reason;

/// How long it took, to a tenth of a millisecond, and what went wrong.
pub(super) fn header(took: Duration, notes: impl Iterator<Item = Note>) -> String {
    let mut text = String::new();
    let tenths = took.subsec_micros() % 1_000 / 100;
    // Writing to a string does not fail. Not as a float, whose formatting is large.
    let _ = write!(text, "total;dur={}", took.as_millis());
    if tenths > 0 {
        let _ = write!(text, ".{tenths}");
    }
    for note in notes {
        text.push_str(", ");
        if note.name.is_empty() {
            text.push_str("call");
        }
        text.extend(note.name.chars().map(|character| if is_token(character) { character } else { '-' }));
        text.push_str(";desc=\"");
        describe(&mut text, &note);
        text.push('"');
    }
    text
}

/// For example `4 attempts, no-target`, or `2 calls, 5 attempts, timeout, recovered`.
fn describe(text: &mut String, note: &Note) {
    let mut parts = 0;
    let mut part = |text: &mut String| {
        if parts > 0 {
            text.push_str(", ");
        }
        parts += 1;
    };
    if note.calls > 1 {
        part(text);
        let _ = write!(text, "{} calls", note.calls);
    }
    if note.attempts > 0 {
        part(text);
        let s = if note.attempts == 1 { "" } else { "s" };
        let _ = write!(text, "{} attempt{s}", note.attempts);
    }
    if let Some(cause) = note.cause {
        part(text);
        text.push_str(cause_name(cause));
    }
    let end = match note.end {
        // The attempts say it.
        End::None | End::GaveUp(Reason::Attempts) => return,
        End::Recovered => "recovered",
        End::GaveUp(reason) => reason.name(),
        End::Fallback => "fallback",
    };
    part(text);
    text.push_str(end);
}

/// RFC 9110, section 5.6.2.
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    const NOTE: Note = Note { name: "greet", calls: 1, attempts: 4, cause: Some(Cause::NoTarget), end: End::None };

    fn described(note: Note) -> String {
        let mut text = String::new();
        describe(&mut text, &note);
        text
    }

    #[test]
    fn the_header_is_the_documented_one() {
        let took = Duration::from_millis(812);
        assert_eq!(header(took, [].into_iter()), "total;dur=812");
        assert_eq!(header(took, [NOTE].into_iter()), r#"total;dur=812, greet;desc="4 attempts, no-target""#);
    }

    #[test]
    fn times_are_exact_to_a_tenth_of_a_millisecond() {
        for (nanos, text) in [
            (0, "0"),
            (99_999, "0"),
            (100_000, "0.1"),
            (7_000_000, "7"),
            (7_999_999, "7.9"),
            (61_000_250_000, "61000.2"),
        ] {
            assert_eq!(header(Duration::from_nanos(nanos), [].into_iter()), format!("total;dur={text}"));
        }
        assert!(header(Duration::MAX, [].into_iter()).starts_with("total;dur=18446744073709551615999"));
    }

    #[test]
    fn a_note_says_how_it_went_and_how_it_ended() {
        for (note, text) in [
            (Note { attempts: 1, end: End::GaveUp(Reason::Attempts), ..NOTE }, "1 attempt, no-target"),
            (
                Note { attempts: 1, end: End::GaveUp(Reason::NotIdempotent), ..NOTE },
                "1 attempt, no-target, not-idempotent",
            ),
            (Note { attempts: 0, cause: None, end: End::GaveUp(Reason::BreakerOpen), ..NOTE }, "breaker-open"),
            (Note { end: End::Recovered, ..NOTE }, "4 attempts, no-target, recovered"),
            (Note { end: End::Fallback, ..NOTE }, "4 attempts, no-target, fallback"),
            (Note { calls: 3, attempts: 9, ..NOTE }, "3 calls, 9 attempts, no-target"),
            (Note { calls: 0, attempts: 0, ..NOTE }, "no-target"),
        ] {
            assert_eq!(described(note), text);
        }
    }

    #[test]
    fn what_may_not_stand_in_a_name_becomes_a_dash() {
        let note = Note { name: "grüße an, \"alle\"", ..NOTE };
        assert!(header(Duration::ZERO, [note].into_iter()).contains(", gr--e-an---alle-;desc="));
        assert!(header(Duration::ZERO, [Note { name: "", ..NOTE }].into_iter()).contains(", call;desc="));
    }
}
