//! What is made of the tables of settings and kept in the repository: the schema, and tables in the documentation.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use steadfast::config::{Policies, schema};
use steadfast_settings::{BUDGET, Kind, NAME, Needed, POLICY, Setting, Table, spelled};

/// Compares a file with what it is to be; with `UPDATE_GENERATED=1` it is written instead.
#[track_caller]
fn current(file: &str, wanted: impl Fn(&str) -> String, same: impl Fn(&str, &str) -> bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let wanted = wanted(&text);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    assert!(
        same(&text, &wanted),
        "{file} is not what the tables of settings say; write it anew with \
         `UPDATE_GENERATED=1 cargo test -p steadfast-settings --test generated`"
    );
}

#[test]
fn the_schema_in_the_repository_is_current() {
    // Not as text: whether keys are sorted depends on the features of `serde_json` in the build.
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    current("schema/policies.json", |_| schema(), |one, other| parsed(one) == parsed(other));
}

#[test]
fn the_tables_in_the_documentation_are_current() {
    let with = |text: &str| {
        let text = between(text, "policies", &rows("", &POLICY));
        between(&text, "budgets", &rows("", &BUDGET))
    };
    current("docs/configuration.md", with, |one, other| one == other);
}

#[test]
fn the_page_of_settings_is_current() {
    let mut page = String::from(
        "<!-- Generated from settings/src/settings.rs, by settings/tests/generated.rs. -->\n\n\
         # Settings\n\n\
         Every setting of a policy, part by part. A [configuration](configuration.md) has the names as they stand here. In\n\
         `#[resilient]` and `policy!` they have underscores, `open_for`, and so have the methods of the builders.\n\n\
         A part may be `\"never\"` in a configuration, which switches off what the code has. Durations are written\n\
         `\"250ms\"` or `\"1m30s\"`, shares `\"50%\"` or `0.5`. In `#[resilient]` and `policy!`, the `jitter` of a breaker is 10 %\n\
         where it is left out.\n",
    );
    let mut tables = vec![&POLICY];
    let mut next = 0;
    while let Some(table) = tables.get(next).copied() {
        next += 1;
        for setting in table.settings {
            if let Kind::Table(inner) | Kind::Budget(inner) = setting.kind
                && tables.iter().all(|known| known.name != inner.name)
            {
                tables.push(inner);
            }
        }
        page += &section(table);
    }
    current("docs/settings.md", |_| page.clone(), |one, other| one == other);
}

/// A part: its settings, and which of them go together.
fn section(table: &Table) -> String {
    let mut text = format!("\n## {}\n\n{}\n", title(table), table.about);
    let policy = format!("policies/{}.md", title(table).to_lowercase().replace(' ', "-"));
    if Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(&policy).exists() {
        let _ = writeln!(text, "[When to use it, and why the defaults are what they are]({policy}).");
    }
    text += "\n| setting | what it says | allowed | default |\n| --- | --- | --- | --- |\n";
    for setting in table.settings {
        let allowed = match setting.kind {
            Kind::Table(inner) => {
                let link = format!("[a table](#{})", title(inner).to_lowercase().replace(' ', "-"));
                if setting.optional { format!("{link}, or `\"never\"`") } else { link }
            }
            _ => allowed(setting).replace("or a table", "or [a table](#budget)"),
        };
        let default = if setting.needed { "has to be given".into() } else { default_of(setting) };
        let _ = writeln!(text, "| `{}` | {} | {allowed} | {default} |", spelled(setting.name), setting.about);
    }
    let names = |names: &[&str]| names.iter().map(|name| format!("`{}`", spelled(name))).collect::<Vec<_>>().join(", ");
    for choice in table.choices {
        let has = match choice.needed {
            Needed::Always => "It has one".into(),
            Needed::With(other) => format!("With `{}`, it has one", spelled(other)),
            Needed::No => "It has at most one".into(),
        };
        let _ = writeln!(text, "\n{has} of {}.", choice.to_string().replace(" or ", " and "));
        if choice.kinds.iter().any(|kind| !kind.needs.is_empty() || !kind.takes.is_empty()) {
            text += "\n| with | has to be given | may be given |\n| --- | --- | --- |\n";
            for kind in choice.kinds {
                let name = spelled(kind.name);
                let _ = writeln!(text, "| `{name}` | {} | {} |", names(kind.needs), names(kind.takes));
            }
        }
    }
    text
}

/// The name of a table as words: `RateLimit` is "Rate limit".
fn title(table: &Table) -> String {
    let mut words = String::new();
    for letter in table.name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

/// `text` with `rows` between the marks of that name.
fn between(text: &str, name: &str, rows: &str) -> String {
    let (begin, end) = (format!("<!-- settings of {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).expect("a mark where the table begins");
    let (_, after) = rest.split_once(&end).expect("a mark where the table ends");
    format!(
        "{before}{begin}\n| key | what it says | allowed | default |\n| --- | --- | --- | --- |\n{rows}\n{end}{after}"
    )
}

fn rows(prefix: &str, table: &Table) -> String {
    let mut text = String::new();
    for setting in table.settings {
        let key = format!("{prefix}{}", spelled(setting.name));
        let (about, default) = (setting.about, default_of(setting));
        match setting.kind {
            // One row for all causes, and none for each backoff and budget beside the first.
            Kind::Table(&Table { name: "On", .. }) => {
                let causes = steadfast_settings::CAUSES.map(|(cause, _)| format!("`{}`", spelled(cause))).join(", ");
                let _ = writeln!(
                    text,
                    "| `{key}.CAUSE` | {about} | `attempts` and `backoff`, or `\"never\"`; a cause is one of {causes} | {default} |"
                );
            }
            Kind::Table(&Table { name: "CostOf", .. }) => {
                let _ = writeln!(text, "| `{key}.CAUSE` | {about} | a whole number, 1 or more | {default} |");
            }
            Kind::Table(table) => {
                let never = if setting.optional { "a table, or `\"never\"`" } else { "a table" };
                let _ = writeln!(text, "| `{key}` | {about} | {never} | {default} |");
                text += &rows(&format!("{key}."), table);
            }
            _ => {
                let needed = if setting.needed { "has to be given" } else { &*default };
                let _ = writeln!(text, "| `{key}` | {about} | {} | {needed} |", allowed(setting));
            }
        }
    }
    text
}

fn allowed(setting: &Setting) -> String {
    let words = setting.range.words;
    let text = match setting.kind {
        Kind::Duration => format!("a duration, {words}"),
        Kind::Count => format!("a whole number, {words}"),
        Kind::Number => format!("a number, {words}"),
        Kind::Share => format!("a share, {words}"),
        Kind::Jitter => format!("`\"none\"`, `\"full\"`, `\"equal\"`, or a share {words}"),
        Kind::Store => "`\"keyvalue\"`".into(),
        Kind::Name => NAME.into(),
        Kind::Table(_) => String::new(),
        Kind::Budget(_) => "the name of a budget, or a table".into(),
    };
    if setting.optional { format!("{text}; or `\"never\"`") } else { text }
}

/// The default as a value, where it is one.
fn default_value(setting: &Setting) -> Option<Value> {
    let text = setting.default;
    let number = || text.parse::<f64>().ok().map(Value::from);
    match setting.kind {
        Kind::Duration => steadfast_settings::duration(text).map(|_| json!(text)),
        Kind::Count => text.parse::<u32>().ok().map(Value::from),
        Kind::Number | Kind::Share => number(),
        Kind::Jitter => steadfast_settings::JITTERS.contains(&text).then(|| json!(text)),
        Kind::Store | Kind::Name | Kind::Table(_) | Kind::Budget(_) => None,
    }
}

fn default_of(setting: &Setting) -> String {
    match default_value(setting) {
        Some(Value::String(text)) => format!("`\"{text}\"`"),
        Some(_) => format!("`{}`", setting.default),
        None => setting.default.into(),
    }
}

/// For each setting that the tables have a default of: a policy that says it, and what is missing of it to be whole.
#[test]
fn the_defaults_are_those_of_the_builders() {
    let mut seen = 0;
    let mut same = |without: &str, path: &[&str], setting: &Setting| {
        let Some(default) = default_value(setting) else { return };
        let without: Value = serde_json::from_str(without).unwrap();
        let mut with = without.clone();
        let place = path.iter().fold(&mut with, |value, key| &mut value[*key]);
        place[spelled(setting.name)] = default.clone();
        let made = |policy: &Value| {
            let text = json!({ "policies": { "p": policy } }).to_string();
            format!("{:?}", Policies::from_json(&text).unwrap())
        };
        assert_eq!(made(&with), made(&without), "{} = {default}", setting.name);
        seen += 1;
    };
    let policies = [
        (r#"{"retry": {"attempts": 4, "backoff": {"exponential": "50ms"}}}"#, &["retry", "backoff"][..]),
        (r#"{"breaker": {"failures": 5}}"#, &["breaker"]),
        (r#"{"bulkhead": {"concurrent": 5}}"#, &["bulkhead"]),
        (r#"{"concurrency": {"aimd": {}}}"#, &["concurrency", "aimd"]),
        (r#"{"concurrency": {"gradient": {}}}"#, &["concurrency", "gradient"]),
        (r#"{"rate-limit": {"tokens": 5}}"#, &["rate-limit"]),
        (r#"{"throttle": {}}"#, &["throttle"]),
        (r#"{"hedge": {"after-quantile": 0.9}}"#, &["hedge"]),
    ];
    for (policy, path) in policies {
        let table = path.iter().fold(&POLICY, |table, key| match table.written(key).unwrap().kind {
            Kind::Table(table) => table,
            _ => panic!("{key} is not a table"),
        });
        table.settings.iter().for_each(|setting| same(policy, path, setting));
    }
    assert!(seen >= 20, "{seen}");
}
