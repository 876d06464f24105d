//! The JSON Schema of a configuration, made of the tables that the reader checks with.

use serde_json::{Map, Value, json};
use steadfast_settings::{
    BUDGET, Choice, DURATION_PATTERN, JITTERS, Kind, NAME_PATTERN, NEVER, PERCENTAGE_PATTERN, POLICY, Range, STORES,
    Setting, Table, spelled,
};

use super::targets::TARGET_PATTERN;

/// The JSON Schema of a configuration: for editors that complete and check what is written, as
/// `schema/policies.json` of the repository.
///
/// ```
/// assert!(steadfast::config::schema().contains("\"retry-after-cap\""));
/// ```
pub fn schema() -> String {
    let mut defs = Map::new();
    let (policies, budgets) = (reference(&POLICY, &mut defs), reference(&BUDGET, &mut defs));
    let mut binding = object(&POLICY, &mut defs);
    binding["description"] = "A policy, with some of its settings replaced.".into();
    binding["properties"]["policy"] = json!({ "type": "string", "description": "The name of the policy." });
    binding["required"] = json!(["policy"]);
    let targets = json!({
        "description": "The name of a policy, or a table with the name and the settings that differ.",
        "anyOf": [{ "type": "string" }, binding],
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policies of steadfast",
        "description": "Policies of the crate steadfast: named, and bound to the calls that they are for.",
        "type": "object",
        "properties": {
            "$schema": { "type": "string", "description": "The address of the file's schema; for editors." },
            "policies": {
                "type": "object",
                "description": "Policies by their names.",
                "additionalProperties": policies,
            },
            "budgets": {
                "type": "object",
                "description": "Budgets by their names, for policies that share one.",
                "additionalProperties": budgets,
            },
            "targets": {
                "type": "object",
                "description": "Which policy is for which calls. The keys are interfaces (`acme:greeter/api`), \
                                functions (`acme:greeter/api#greet`), and `default` for the rest.",
                "propertyNames": { "pattern": TARGET_PATTERN },
                "additionalProperties": targets,
            },
        },
        "additionalProperties": false,
        "$defs": defs,
    });
    format!("{schema:#}\n")
}

/// A reference to the schema of a table, which is among the definitions then.
fn reference(table: &Table, defs: &mut Map<String, Value>) -> Value {
    if !defs.contains_key(table.name) {
        let object = object(table, defs);
        defs.insert(table.name.into(), object);
    }
    json!({ "$ref": format!("#/$defs/{}", table.name) })
}

fn object(table: &Table, defs: &mut Map<String, Value>) -> Value {
    let properties: Map<_, _> =
        table.settings.iter().map(|setting| (spelled(setting.name), property(setting, defs))).collect();
    let mut object = json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "additionalProperties": false,
    });
    let exclusions: Vec<Value> = table.choices.iter().flat_map(exclusions).collect();
    if !exclusions.is_empty() {
        object["allOf"] = exclusions.into();
    }
    object
}

/// With each kind that is given, what goes with the others only is switched off or absent.
fn exclusions(choice: &Choice) -> impl Iterator<Item = Value> {
    choice.kinds.iter().map(|kind| {
        let all = choice.kinds.iter().flat_map(|other| [&[other.name], other.needs, other.takes].concat());
        let excluded = all.filter(|name| choice.excludes(kind, name));
        let properties: Map<_, _> = excluded.map(|name| (spelled(name), json!({ "const": NEVER }))).collect();
        let name = spelled(kind.name);
        json!({
            "if": { "required": [name], "properties": { name: { "not": { "const": NEVER } } } },
            "then": { "properties": properties },
        })
    })
}

fn property(setting: &Setting, defs: &mut Map<String, Value>) -> Value {
    let percentage = json!({ "type": "string", "pattern": PERCENTAGE_PATTERN });
    let mut schema = match setting.kind {
        Kind::Duration => json!({ "type": "string", "pattern": DURATION_PATTERN }),
        Kind::Count => number("integer", setting.range),
        Kind::Number => number("number", setting.range),
        Kind::Share => json!({ "anyOf": [number("number", setting.range), percentage] }),
        Kind::Jitter => {
            json!({ "anyOf": [{ "enum": JITTERS }, number("number", setting.range), percentage] })
        }
        Kind::Store => json!({ "enum": STORES }),
        Kind::Name => json!({ "type": "string", "pattern": NAME_PATTERN }),
        Kind::Table(table) => reference(table, defs),
        Kind::Budget(table) => json!({ "anyOf": [{ "type": "string" }, reference(table, defs)] }),
    };
    if setting.optional {
        schema = json!({ "anyOf": [schema, { "const": NEVER }] });
    }
    let words = match setting.range.words {
        "" => String::new(),
        words => format!(" It must be {words}."),
    };
    schema["description"] = format!("{}{words}{}", setting.about, by_default(setting)).into();
    schema
}

fn by_default(setting: &Setting) -> String {
    match setting.default {
        "" => String::new(),
        default => format!(" By default: {default}."),
    }
}

fn number(name: &str, range: &Range) -> Value {
    let bound = |number: f64| if number.fract() == 0.0 { json!(number as u64) } else { json!(number) };
    let mut schema = json!({ "type": name });
    schema[if range.above { "exclusiveMinimum" } else { "minimum" }] = bound(range.low);
    if range.high < f64::MAX {
        schema[if range.below { "exclusiveMaximum" } else { "maximum" }] = bound(range.high);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_described_and_none_may_be_unknown() {
        fn check(schema: &Value, path: &str) {
            match schema {
                Value::Object(object) => {
                    if let Some(Value::Object(properties)) = object.get("properties") {
                        let closed = object.get("additionalProperties") == Some(&json!(false));
                        assert!(closed || path.contains(".if") || path.contains(".then"), "{path}");
                        for (name, property) in properties {
                            let described = property["description"].as_str().is_some_and(|text| text.ends_with('.'));
                            assert!(described || path.contains(".if") || path.contains(".then"), "{path}.{name}");
                            assert!(!name.contains('_'), "{path}.{name}");
                        }
                    }
                    object.iter().for_each(|(key, value)| check(value, &format!("{path}.{key}")));
                }
                Value::Array(list) => list.iter().for_each(|value| check(value, path)),
                _ => {}
            }
        }
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        check(&schema, "");
        let all = schema.to_string();
        assert!(!all.contains("\"null\""), "what is optional is left out");
        for setting in POLICY.settings.iter().chain(BUDGET.settings) {
            assert!(all.contains(&format!("\"{}\"", spelled(setting.name))), "{}", setting.name);
        }
    }
}
