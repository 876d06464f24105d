//! A line for each request, with what happened to the calls that it made.

use std::fmt::{self, Write};
use std::io::{self, IsTerminal};
use std::time::Duration;

use steadfast_host::escape::Escaped;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::cli::printer::{Printer, STDOUT};

/// Calls of one request that are told one by one; further ones are counted.
const MAX_CALLS: usize = 100;

/// Of what the host says of requests, jobs and their calls, makes lines on standard output.
pub(crate) struct Requests {
    out: &'static Printer,
    colours: bool,
}

impl Requests {
    pub fn new() -> Self {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Requests { out: &STDOUT, colours }
    }

    /// A line, whatever it quotes, in the colour of how it went.
    fn say(&self, went: Went, line: &str) {
        let line = Escaped(line);
        match (self.colours, went) {
            (true, Went::Well) => self.out.put(format!("{line}\n").as_bytes()),
            (true, Went::Aside) => self.out.put(format!("\u{1b}[33m{line}\u{1b}[0m\n").as_bytes()),
            (true, Went::Wrong) => self.out.put(format!("\u{1b}[31m{line}\u{1b}[0m\n").as_bytes()),
            (false, _) => self.out.put(format!("{line}\n").as_bytes()),
        }
    }
}

#[derive(Clone, Copy)]
enum Went {
    Well,
    /// It is the client who did something wrong, or some calls failed and it went well in the end.
    Aside,
    Wrong,
}

/// The calls within a request, or within a run of a job.
#[derive(Default)]
struct Calls {
    /// What was called, what came of it, and how often in a row.
    calls: Vec<(String, String, usize)>,
    more: usize,
}

impl Calls {
    fn add(&mut self, call: String, outcome: String) {
        let has_room = self.calls.len() < MAX_CALLS;
        match self.calls.last_mut() {
            Some((last, same, times)) if *last == call && *same == outcome => *times += 1,
            _ if has_room => self.calls.push((call, outcome, 1)),
            _ => self.more += 1,
        }
    }

    fn have_failures(&self) -> bool {
        self.calls.iter().any(|(_, outcome, _)| outcome != "ok")
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for (call, outcome, times) in &self.calls {
            match last.replace(call) {
                Some(same) if same == call => f.write_str(", ")?,
                Some(_) => write!(f, "; {call} ")?,
                None => write!(f, "{call} ")?,
            }
            f.write_str(outcome)?;
            if *times > 1 {
                write!(f, " ×{times}")?;
            }
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Requests {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Calls::default());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let span = context.event_scope(event).and_then(|mut scope| scope.next());
        let mut calls = Calls::default();
        if let Some(span) = &span
            && let Some(all) = span.extensions_mut().get_mut::<Calls>()
        {
            if event.metadata().target() == "steadfast::lattice" {
                return all.add(fields.call, outcome(&fields.message));
            }
            calls = std::mem::take(all);
        }
        if event.metadata().target() == "steadfast::access" {
            let (went, line) = fields.line(calls);
            self.say(went, &line);
        }
    }
}

/// A word for what came of a call, of what the log says.
fn outcome(message: &str) -> String {
    let failure = message.strip_prefix("failed: ").map(|failure| failure.split(" (").next().unwrap_or(failure));
    failure.unwrap_or("ok").into()
}

/// What the host says of a request, a run of a job, or a call.
#[derive(Default)]
struct Fields {
    message: String,
    call: String,
    method: String,
    path: String,
    status: Option<u64>,
    took: String,
    server_timing: String,
}

impl Fields {
    /// The line of a request or a run that is over.
    fn line(self, mut calls: Calls) -> (Went, String) {
        let (what, went) = match self.status {
            // A run of a job is a call itself, which its line is about.
            None if self.method.is_empty() => {
                calls.calls.retain(|(call, ..)| *call != self.call);
                (
                    format!("{}  {}", self.call, self.message),
                    if self.message == "ran" { Went::Well } else { Went::Wrong },
                )
            }
            None => (format!("{} {}  {}", self.method, self.path, self.message), Went::Wrong),
            Some(status) => {
                let whole = self.message == "answered";
                let mut what = format!("{} {}  {status}", self.method, self.path);
                if !whole {
                    let _ = write!(what, "  {}", self.message);
                }
                (
                    what,
                    if status >= 500 || !whole {
                        Went::Wrong
                    } else if status >= 400 {
                        Went::Aside
                    } else {
                        Went::Well
                    },
                )
            }
        };
        let mut line = format!("{what}  {}", self.took);
        if !calls.calls.is_empty() {
            let _ = write!(line, "  [{calls}]");
        }
        if !self.server_timing.is_empty() {
            let _ = write!(line, "  {}", self.server_timing);
        }
        let went = if matches!(went, Went::Well) && calls.have_failures() { Went::Aside } else { went };
        (went, line)
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "message" => &mut self.message,
            "call" => &mut self.call,
            "method" => &mut self.method,
            "path" => &mut self.path,
            "took" => &mut self.took,
            "server_timing" => &mut self.server_timing,
            _ => return,
        };
        *text = format!("{value:?}");
        if field.name() == "took" {
            *text = rounded(text);
        }
    }
}

/// A time with one decimal.
fn rounded(time: &str) -> String {
    let unit = time.find(|c: char| c.is_alphabetic()).map_or("", |unit| &time[unit..]);
    match time.split_once('.') {
        Some((whole, decimals)) => format!("{whole}.{} {unit}", decimals.get(..1).unwrap_or("0")),
        None => format!("{} {unit}", time.trim_end_matches(unit)),
    }
}

/// For people, who wait for milliseconds.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(status: u64, calls: &[(&str, &str)]) -> String {
        let mut all = Calls::default();
        for (call, outcome) in calls {
            all.add((*call).into(), (*outcome).into());
        }
        let fields = Fields {
            message: "answered".into(),
            method: "GET".into(),
            path: "/Ada".into(),
            status: Some(status),
            took: rounded("12.5678ms"),
            ..Fields::default()
        };
        fields.line(all).1
    }

    #[test]
    fn a_request_and_its_calls_are_one_line() {
        assert_eq!(request(200, &[]), "GET /Ada  200  12.5 ms");
        let calls = [("a:b/c#d", "no-target"), ("a:b/c#d", "no-target"), ("a:b/c#d", "ok"), ("e:f/g#h", "ok")];
        assert_eq!(request(200, &calls), "GET /Ada  200  12.5 ms  [a:b/c#d no-target ×2, ok; e:f/g#h ok]");
    }

    #[test]
    fn calls_beyond_a_hundred_are_counted() {
        let names: Vec<String> = (0..105).map(|number| format!("a:b/c#f{number}")).collect();
        let calls: Vec<_> = names.iter().map(|name| (name.as_str(), "ok")).collect();
        assert!(request(200, &calls).ends_with("a:b/c#f99 ok and 5 more]"));
    }

    #[test]
    fn times_are_for_people() {
        for (time, expected) in [("92.62547ms", "92.6 ms"), ("1.7µs", "1.7 µs"), ("2s", "2 s"), ("0ns", "0 ns")] {
            assert_eq!(rounded(time), expected);
        }
    }

    #[test]
    fn the_word_of_a_failure_is_its_cause() {
        assert_eq!(outcome("ok"), "ok");
        assert_eq!(outcome("failed: no-target (not-sent): injected: nothing serves this"), "no-target");
    }
}
