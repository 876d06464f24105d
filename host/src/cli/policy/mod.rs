//! `steadfast policy`: are the policies of a file or a component right, and what can they cost?

mod component;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use steadfast::config::{Policies, Spending, Unbounded, WorstCase};
use steadfast_host::escape::{self, Escaped};

use super::lines::Lines;

/// Check the policies of a file or a component, and explain what they can cost.
#[derive(Subcommand)]
pub(super) enum Policy {
    /// Say whether policies are right, or every mistake with the path to it.
    Check {
        /// The policies, in TOML or JSON, or a component with policies from `#[resilient]` or `policy!`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say for each policy the worst that it can cost: attempts, time, load.
    Explain {
        /// The policies, in TOML or JSON, or a component with policies from `#[resilient]` or `policy!`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print JSON instead, for other programs.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of such a file, for editors.
    Schema,
}

impl Policy {
    pub fn run(self) -> ExitCode {
        let text = match self {
            Policy::Check { file } => read(&file).map(|(policies, _)| checked(&policies)),
            Policy::Explain { file, json } => read(&file).map(|(policies, computed)| {
                if json {
                    as_json(&policies, &computed)
                } else {
                    explained(&policies) + &component::not_literals(&computed)
                }
            }),
            Policy::Schema => Ok(steadfast::config::schema()),
        };
        // `print!` panics when nobody listens.
        match text {
            Ok(text) => {
                let _ = io::stdout().write_all(text.as_bytes());
                ExitCode::SUCCESS
            }
            Err(text) => {
                let _ = writeln!(io::stderr(), "{text}");
                ExitCode::FAILURE
            }
        }
    }
}

/// In bytes: more than any component has.
const MAX_COMPONENT: u64 = 256 << 20;

/// As a component reads the configuration of its host. Beside them, the policies of a component that are no literals.
fn read(file: &Path) -> Result<(Policies, Vec<String>), String> {
    let name = Escaped(file.display()).to_string();
    let bytes = read_bytes(file).map_err(|error| {
        format!("error: cannot read {name}: {error}; give a component, or a file of policies in TOML or JSON")
    })?;
    if component::is_wasm(&bytes) {
        let component::Recorded { config, computed } = component::recorded(&bytes, &name)?;
        return Ok((parse(&config, &name)?, computed));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("error: {name} is neither a component nor text; give policies in TOML or JSON"))?;
    Ok((parse(&text, &name)?, Vec::new()))
}

fn read_bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_COMPONENT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_COMPONENT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 256 MiB"));
    }
    Ok(bytes)
}

/// The policies in `text`, or every mistake with its line in the file `name`.
fn parse(text: &str, name: &str) -> Result<Policies, String> {
    Policies::overriding(text).map_err(|mistakes| {
        let lines = Lines::of(text);
        let mut all = String::new();
        for mistake in mistakes.iter() {
            let line = mistake.line().unwrap_or_else(|| lines.line(mistake.path()));
            let _ = writeln!(all, "{name}:{line}: {}", Escaped(mistake));
        }
        all + &format!("error: {} in {name}", counted(mistakes.iter().count(), "mistake", "mistakes"))
    })
}

fn checked(policies: &Policies) -> String {
    let (names, targets) = (policies.names().count(), policies.targets().count());
    let mut text = format!("OK: {}, {}\n", counted(names, "policy", "policies"), counted(targets, "target", "targets"));
    if !policies.missing().is_empty() {
        text += "It is not whole by itself: the code of the component has to say the rest.\n";
        for missing in policies.missing() {
            let _ = writeln!(text, "  {}", Escaped(missing));
        }
    }
    text
}

fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What a policy costs, and when its attempts begin.
type Cost = (WorstCase, Vec<Duration>);

/// What can be explained: each policy and each target, with what it is of and what it costs. A policy that is not whole
/// has no cost.
fn subjects(policies: &Policies) -> Vec<(String, Option<Cost>)> {
    let named = policies
        .names()
        .map(|name| (Escaped(name).to_string(), policies.worst_case(name).zip(policies.timeline(name))));
    let bound = policies.targets().map(|(target, policy)| {
        let subject = Escaped(format_args!("{target} (as {policy})")).to_string();
        (subject, policies.worst_case_for(target).zip(policies.timeline_for(target)))
    });
    named.chain(bound).collect()
}

fn explained(policies: &Policies) -> String {
    let subjects = subjects(policies);
    let mut rows = vec![["policy", "attempts", "time", "load", "in the long run"].map(String::from)];
    for (name, worst) in &subjects {
        rows.push(match worst {
            None => [name.clone(), "?".into(), "?".into(), "?".into(), "?".into()],
            Some((worst, _)) => [
                name.clone(),
                match worst.hedges {
                    0 => worst.attempts.to_string(),
                    hedges => format!("{} + {hedges}", worst.attempts),
                },
                worst.time.map_or("unbounded".into(), duration),
                times(worst.load()),
                times(worst.sustained_load()),
            ],
        });
    }
    let mut text = String::from("The worst that one call can cost:\n\n");
    text += &table(&rows);
    for (name, worst) in &subjects {
        let _ = write!(text, "\n{name}\n");
        match worst {
            Some((worst, begins)) => sentences(worst).into_iter().chain(drawn(begins)).for_each(|sentence| {
                let _ = writeln!(text, "  {sentence}");
            }),
            None => text += "  Not whole by itself: what it costs depends on what the code of the component says.\n",
        }
    }
    if !policies.missing().is_empty() {
        text += "\nThe code of the component has to say the rest:\n";
        for missing in policies.missing() {
            let _ = writeln!(text, "  {}", Escaped(missing));
        }
    }
    text
}

fn sentences(worst: &WorstCase) -> Vec<String> {
    vec![attempts(worst), time(worst), load(worst)]
}

/// In letters.
const TIMELINE: usize = 60;

/// The attempts along a line of time, where there is more than one.
fn drawn(begins: &[Duration]) -> Vec<String> {
    let (Some(last), true) = (begins.last().filter(|last| !last.is_zero()), begins.len() > 1) else {
        return Vec::new();
    };
    let mut line = vec!['-'; TIMELINE + 1];
    for (attempt, begin) in begins.iter().enumerate() {
        // Where two begin at the same letter, it is that of the later.
        let place = (begin.as_secs_f64() / last.as_secs_f64() * TIMELINE as f64).round() as usize;
        line[place.min(TIMELINE)] =
            u32::try_from(attempt + 1).ok().and_then(|n| char::from_digit(n, 36)).unwrap_or('+');
    }
    let times: Vec<_> = begins.iter().map(|begin| duration(*begin)).collect();
    vec![
        "The attempts, where each fails at once and each wait is the longest:".into(),
        format!("  {}", line.into_iter().collect::<String>()),
        format!("  {}", times.join(", ")),
    ]
}

fn attempts(worst: &WorstCase) -> String {
    let mut text = match worst.attempts {
        1 => "One attempt, which is not repeated".to_string(),
        attempts => {
            let mut text =
                format!("At most {attempts} attempts, with waits of at most {} between them", duration(worst.waits));
            if worst.waits_asked > worst.waits {
                let asked = duration(worst.waits_asked);
                let _ = write!(text, ", or {asked} where the target asks for it (retry-after)");
            }
            text
        }
    };
    if worst.hedges > 0 {
        let _ = write!(text, "; {} more beside slow ones, where the code makes the call as a hedged one", worst.hedges);
    }
    text + "."
}

fn time(worst: &WorstCase) -> String {
    let bounds = match (worst.time, worst.unbounded) {
        (Some(time), _) if worst.deadline == Some(time) => format!("At most {}: the deadline.", duration(time)),
        (Some(time), _) => format!("At most {}: attempts, and the waits between them.", duration(time)),
        (None, Some(Unbounded::Line)) => {
            return "Unbounded: a call may wait in line for the bulkhead, and there is no deadline.".into();
        }
        (None, _) => return "Unbounded: no attempt timeout and no deadline.".into(),
    };
    format!(
        "{bounds} A blocking import cannot be interrupted: there, the host's own timeout of an attempt comes on top."
    )
}

fn load(worst: &WorstCase) -> String {
    let all = times(worst.load());
    let Some(Spending { per_call, per_second, at_once, .. }) = worst.budget else {
        return match worst.attempts.saturating_add(worst.hedges) {
            1 => "A target that is down sees each call once.".into(),
            _ => format!(
                "A target that is down sees up to {all} as many attempts as there are calls: there is no budget."
            ),
        };
    };
    let mut text = format!(
        "A target that is down sees up to {all} as many attempts as there are calls, and {} in the long run: \
         the budget allows {per_call} more for each call",
        times(worst.sustained_load()),
    );
    if per_second > 0.0 {
        let _ = write!(text, " and {per_second} more a second");
    }
    if let Some(at_once) = at_once {
        let _ = write!(text, ", after {at_once} that may have been saved up");
    }
    text + "."
}

fn times(factor: f64) -> String {
    // Two decimals, where there are any.
    let rounded = (factor * 100.0).round() / 100.0;
    format!("{rounded}×")
}

fn duration(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// Columns of one width each, with the names above a line.
fn table(rows: &[[String; 5]]) -> String {
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text += &line(row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect());
        if index == 0 {
            text += &line(widths.map(|width| "-".repeat(width)).to_vec());
        }
    }
    text
}

/// A policy that cannot be explained is `null`.
fn as_json(policies: &Policies, computed: &[String]) -> String {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let cost = |worst: WorstCase| {
        serde_json::json!({
            "attempts": worst.attempts,
            "hedges": worst.hedges,
            "waits": seconds(Some(worst.waits)),
            "waits-asked": seconds(Some(worst.waits_asked)),
            "time": seconds(worst.time),
            "load": worst.load(),
            "sustained-load": worst.sustained_load(),
            "budget": worst.budget.map(|budget| serde_json::json!({
                "per-call": budget.per_call,
                "per-second": budget.per_second,
                "at-once": budget.at_once,
            })),
        })
    };
    let named = policies.names().map(|name| (name.to_string(), policies.worst_case(name).map(cost).into()));
    let computed = computed.iter().map(|name| (name.clone(), serde_json::Value::Null));
    let bound =
        policies.targets().map(|(target, _)| (target.to_string(), policies.worst_case_for(target).map(cost).into()));
    let all = serde_json::json!({
        "policies": named.chain(computed).collect::<serde_json::Map<_, _>>(),
        "targets": bound.collect::<serde_json::Map<_, _>>(),
    });
    escape::json(&format!("{all:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [policies.greeter]
        deadline = "3s"
        retry = { attempts = 4, backoff = { exponential = "50ms", max = "2s" } }

        [policies.thrifty]
        retry = { attempts = 3, budget = { ratio = "20%", max-tokens = 50 }, retry-after-cap = "0s" }
        attempt-timeout = "500ms"

        [targets]
        "acme:greeter/api#forget" = { policy = "greeter", retry = "never", deadline = "never" }
    "#;

    fn policies(text: &str) -> Policies {
        Policies::overriding(text).unwrap()
    }

    #[test]
    fn a_right_file_is_ok() {
        assert_eq!(checked(&policies(FILE)), "OK: 2 policies, 1 target\n");
        assert_eq!(
            checked(&policies("[policies.p.breaker]\nopen-for = '1m'")),
            "OK: 1 policy, 0 targets\n\
             It is not whole by itself: the code of the component has to say the rest.\n  \
             policies.p.breaker: `failures` or `failure-rate` is missing\n"
        );
    }

    #[test]
    fn a_mistake_has_its_line_and_path() {
        for (text, expected) in [
            (
                "[policies.p]\ndeadline = '3s'\nretry = { attemps = 4 }\n",
                "p.toml:3: policies.p.retry.attemps: unknown field, did you mean `attempts`?\nerror: 1 mistake in p.toml",
            ),
            (
                "[policies.p]\nretry = 2026-01-01\n[targets]\n'a:b/c' = 'q'",
                "p.toml:2: policies.p.retry: a date is not allowed: it must be a table of settings, or \"never\"\n\
                 p.toml:4: targets.\"a:b/c\": no policy has the name `q`: did you mean `p`?\n\
                 error: 2 mistakes in p.toml",
            ),
            (
                "{\n\"policies\": {\n\"p\": {\"retry\":\n{\"attempts\": 0}}}}",
                "p.toml:4: policies.p.retry.attempts: 0 is not allowed: it must be 1 or more\nerror: 1 mistake in p.toml",
            ),
            (
                "{\n\"policies\": \n",
                "p.toml:3: not JSON: EOF while parsing a value at line 3 column 0\nerror: 1 mistake in p.toml",
            ),
            (
                "[policies.p]\ndeadline = \n",
                "p.toml:2: not TOML: string values must be quoted, expected literal string at line 2\n\
                 error: 1 mistake in p.toml",
            ),
        ] {
            assert_eq!(parse(text, "p.toml").unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn the_worst_case_is_told_in_a_table_and_in_sentences() {
        let expected = "\
The worst that one call can cost:

| policy                               | attempts | time      | load | in the long run |
| ------------------------------------ | -------- | --------- | ---- | --------------- |
| greeter                              | 4        | 3s        | 4×   | 4×              |
| thrifty                              | 3        | 1s 650ms  | 3×   | 1.2×            |
| acme:greeter/api#forget (as greeter) | 1        | unbounded | 1×   | 1×              |

greeter
  At most 4 attempts, with waits of at most 350ms between them, or 1m 30s where the target asks for it (retry-after).
  At most 3s: the deadline. A blocking import cannot be interrupted: there, the host's own timeout of an attempt comes \
on top.
  A target that is down sees up to 4× as many attempts as there are calls: there is no budget.
  The attempts, where each fails at once and each wait is the longest:
    1--------2----------------3---------------------------------4
    0s, 50ms, 150ms, 350ms

thrifty
  At most 3 attempts, with waits of at most 150ms between them.
  At most 1s 650ms: attempts, and the waits between them. A blocking import cannot be interrupted: there, the host's \
own timeout of an attempt comes on top.
  A target that is down sees up to 3× as many attempts as there are calls, and 1.2× in the long run: the budget allows \
0.2 more for each call, after 50 that may have been saved up.
  The attempts, where each fails at once and each wait is the longest:
    1-------------------2---------------------------------------3
    0s, 50ms, 150ms

acme:greeter/api#forget (as greeter)
  One attempt, which is not repeated.
  Unbounded: no attempt timeout and no deadline.
  A target that is down sees each call once.
";
        assert_eq!(explained(&policies(FILE)), expected);
    }

    #[test]
    fn a_policy_that_the_code_completes_is_not_guessed_at() {
        let text = explained(&policies("[policies.p.retry]\nbackoff = { max = '1s' }"));
        assert!(text.contains("| p      | ?        | ?    | ?    | ?               |"), "{text}");
        assert!(text.contains("policies.p.retry: `attempts` is missing"), "{text}");
    }

    #[test]
    fn json_has_the_same_numbers() {
        let json: serde_json::Value = serde_json::from_str(&as_json(&policies(FILE), &[])).unwrap();
        let thrifty = &json["policies"]["thrifty"];
        assert_eq!((&thrifty["attempts"], &thrifty["time"], &thrifty["load"]), (&3.into(), &1.65.into(), &3.0.into()));
        assert_eq!(thrifty["budget"]["at-once"], 50);
        assert_eq!(json["targets"]["acme:greeter/api#forget"]["time"], serde_json::Value::Null);
    }

    #[test]
    fn the_library_of_the_host_knows_nothing_of_the_guest_crate() {
        fn check(folder: &Path) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with("cli") {
                    continue;
                } else if path.is_dir() {
                    check(&path);
                } else {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let uses = ["use steadfast::", "steadfast::config"].iter().any(|name| text.contains(name));
                    assert!(!uses, "{}", path.display());
                }
            }
        }
        check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    }
}
