//! Dates and times, which TOML has and no setting of a manifest is.

use steadfast_settings::push_key;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The first date in `table`: where it stands, at which offset of the text, and what it is called.
pub(super) fn find(table: &DeTable<'_>) -> Option<(String, usize, &'static str)> {
    in_table("", table)
}

/// What there is to say of it.
pub(super) fn misplaced(key: &str, kind: &str) -> String {
    format!("`{key}` is {kind}, and no setting is one; write it in quotes where a text is meant")
}

fn in_table(path: &str, table: &DeTable<'_>) -> Option<(String, usize, &'static str)> {
    table.iter().find_map(|(key, value)| {
        let mut path = path.to_string();
        push_key(&mut path, key.get_ref());
        in_value(path, value)
    })
}

fn in_value(path: String, value: &Spanned<DeValue<'_>>) -> Option<(String, usize, &'static str)> {
    match value.get_ref() {
        DeValue::Datetime(date) => {
            let kind = match (date.date, date.time) {
                (Some(_), Some(_)) => "a date with a time",
                (None, _) => "a time",
                _ => "a date",
            };
            Some((path, value.span().start, kind))
        }
        DeValue::Table(table) => in_table(&path, table),
        DeValue::Array(list) => list.iter().find_map(|value| in_value(path.clone(), value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::Manifest;

    #[test]
    fn a_date_is_named_as_a_date_everywhere() {
        for (lines, expected) in [
            ("listen = 2026-01-01", "a.toml:2: `listen` is a date, and"),
            ("seed = 07:32:00", "a.toml:2: `seed` is a time, and"),
            ("[http]\nallow = ['a.test', 2026-01-01]", "a.toml:3: `http.allow` is a date, and"),
            (
                "[config]\nsteadfast = { file = 2026-01-01T07:32:00+02:00 }",
                "a.toml:3: `config.steadfast.file` is a date with",
            ),
            ("[links]\n'a:b/c' = 2026-01-01T07:32:00Z", "a.toml:3: `links.\"a:b/c\"` is a date with a time, and"),
            (
                "[[faults]]\nkind = 'trap'\nuntil = 1979-05-27T07:32:00",
                "a.toml:4: `faults.until` is a date with a time, and",
            ),
        ] {
            let error = Manifest::parse(&format!("component = 'a.wasm'\n{lines}\n"), "a.toml").unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(error.ends_with("write it in quotes where a text is meant"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        for (lines, expected) in [
            ("memory = 4", "unknown field `memory`, did you mean `memory-mib`? Expected one of"),
            ("[link]\n'a:b/c' = 'd'", "unknown field `link`, did you mean `links`? Expected one of"),
            ("[http]\nupstream = 1", "unknown field `upstream`, did you mean `upstreams`? Expected"),
            ("[[cron]]\ncal = 1", "unknown field `cal`, did you mean `call`? Expected one of"),
            ("[[faults]]\nkind = 'trapp'", "unknown variant `trapp`, did you mean `trap`? Expected one of"),
            ("policies = { file = 'p.toml' }", "unknown field `policies`; policies for components are the setting"),
            ("[policies.p]\ndeadline = '3s'", "unknown field `policies`; policies for components are the setting"),
        ] {
            let error = Manifest::parse(&format!("component = 'a.wasm'\n{lines}\n"), "a.toml").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
