//! What happened, as the value of a `Server-Timing` header.
//!
//! "Server Timing", W3C: a list of `name;dur=milliseconds;desc="text"`. The name is a token (RFC 9110, section 5.6.2).

use core::time::Duration;

use crate::call::handler_scope::{End, Note};
use crate::failure::{Reason, cause_name};

/// How long it took, to a tenth of a millisecond, and what went wrong.
// Without `fmt`, and without 128 bits: in many a component this is all that would need them.
pub(super) fn header(took: Duration, notes: impl Iterator<Item = Note>) -> String {
    let mut text = String::from("total;dur=");
    let millis = took.as_secs().saturating_mul(1_000).saturating_add(took.subsec_millis().into());
    push_number(&mut text, millis);
    let tenths = took.subsec_micros() % 1_000 / 100;
    if tenths > 0 {
        text.push('.');
        push_number(&mut text, tenths.into());
    }
    for note in notes {
        push_note(&mut text, &note);
    }
    text
}

/// For example `, greet;desc="4 attempts, no-target"`, or with `2 calls, 5 attempts, timeout, recovered`.
fn push_note(text: &mut String, note: &Note) {
    text.push_str(", ");
    if note.name.is_empty() {
        text.push_str("call");
    }
    for byte in note.name.bytes() {
        text.push(if is_token(byte) { byte as char } else { '-' });
    }
    text.push_str(";desc=\"");
    if note.calls > 1 {
        push_count(text, note.calls, " call");
    }
    if note.attempts > 0 {
        push_count(text, note.attempts, " attempt");
    }
    if let Some(cause) = note.cause {
        push_part(text, cause_name(cause));
    }
    match note.end {
        // The attempts say it.
        End::None | End::GaveUp(Reason::Attempts) => {}
        End::Recovered => push_part(text, "recovered"),
        End::GaveUp(reason) => push_part(text, reason.name()),
        End::Fallback => push_part(text, "fallback"),
    }
    text.push('"');
}

fn push_count(text: &mut String, count: u32, of_what: &str) {
    push_part(text, "");
    push_number(text, count.into());
    text.push_str(of_what);
    if count != 1 {
        text.push('s');
    }
}

#[inline(never)]
fn push_part(text: &mut String, part: &str) {
    if !text.ends_with('"') {
        text.push_str(", ");
    }
    text.push_str(part);
}

fn push_number(text: &mut String, number: u64) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push((b'0' + (number % 10) as u8) as char);
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    const NOTE: Note = Note { name: "greet", calls: 1, attempts: 4, cause: Some(Cause::NoTarget), end: End::None };

    fn described(note: Note) -> String {
        let mut text = String::new();
        push_note(&mut text, &note);
        text.strip_prefix(", greet;desc=\"").unwrap().strip_suffix('"').unwrap().to_string()
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
        assert!(header(Duration::MAX, [].into_iter()).starts_with("total;dur=18446744073709551615"));
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
        assert!(header(Duration::ZERO, [note].into_iter()).contains(", gr----e-an---alle-;desc="));
        assert!(header(Duration::ZERO, [Note { name: "", ..NOTE }].into_iter()).contains(", call;desc="));
    }
}
