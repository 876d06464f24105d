//! The JSON Schema of a configuration, made of the types that a policy is read into.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::reader::{Factor, NEVER, Part, Share, Time};
use super::settings::{BudgetOf, BudgetSettings, JitterSetting, PolicySettings};

/// The JSON Schema of a configuration: for editors that complete and check what is written, as
/// `schema/policies.json` of the repository.
///
/// ```
/// assert!(steadfast::config::schema().contains("\"retry-after-cap\""));
/// ```
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let schema = settings.into_generator().into_root_schema_for::<File>();
    // A schema is data, and data becomes text.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// What is optional may be left out, and not be `null`, as the generator has it for every `Option`.
fn without_null(schema: &mut Schema) {
    let null = json!("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            schema.insert("type".into(), kind);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|one| one.get("type") != Some(&null));
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
}

/// Policies of the crate steadfast: named, and bound to the calls that they are for.
#[derive(JsonSchema)]
#[schemars(title = "Policies of steadfast", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(dead_code, reason = "read by the generator alone")]
struct File {
    /// Which schema the file has; for editors.
    #[schemars(rename = "$schema")]
    schema: Option<String>,
    /// Policies by their names.
    policies: Option<BTreeMap<String, PolicySettings>>,
    /// Budgets by their names, for policies that share one.
    budgets: Option<BTreeMap<String, BudgetSettings>>,
    /// Which policy is for which calls. The keys are interfaces (`acme:greeter/api`), functions
    /// (`acme:greeter/api#greet`), and `default` for the rest.
    targets: Option<BTreeMap<String, Binding>>,
}

/// The name of a policy, or a table with the name and what is different.
struct Binding;

impl JsonSchema for Binding {
    fn schema_name() -> Cow<'static, str> {
        "Binding".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut table = PolicySettings::json_schema(generator);
        let name = json!({ "type": "string", "description": "The name of the policy." });
        if let Some(Value::Object(properties)) = table.get_mut("properties") {
            properties.insert("policy".into(), name);
        }
        table.insert("required".into(), json!(["policy"]));
        table.insert("description".into(), json!("A policy, with some of its settings replaced."));
        json_schema!({
            "description": "The name of a policy, or a table with the name and what is different.",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}

/// A schema that stands where it is used.
macro_rules! inline {
    ($($type:ty: $schema:tt)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

inline! {
    Time: {
        "type": "string",
        "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ns|us|[µμ]s|ms|s|min|m|h|d)\s*)+$",
        "examples": ["250ms", "3s", "1m30s"],
    }
    Share: {
        "anyOf": [
            { "type": "number" },
            { "type": "string", "pattern": r"^\s*-?[0-9.]+\s*%$" },
        ],
        "examples": ["50%", 0.5],
    }
    Factor: { "type": "number" }
    JitterSetting: {
        "anyOf": [
            { "enum": ["none", "full", "equal"] },
            { "type": "number" },
            { "type": "string", "pattern": r"^\s*[0-9.]+\s*%$" },
        ],
    }
}

impl<T: JsonSchema> JsonSchema for Part<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNever", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<T>(), { "const": NEVER }] })
    }
}

impl JsonSchema for BudgetOf {
    fn schema_name() -> Cow<'static, str> {
        "BudgetOf".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<BudgetSettings>()] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/policies.json");

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let current = std::fs::read_to_string(FILE).unwrap_or_default();
        // Not as text: whether keys are sorted is up to whoever else uses the crate that writes them.
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        assert!(
            parsed(&current) == parsed(&schema()),
            "schema/policies.json is not what the types say; make it anew with \
             `cargo run --bin steadfast -- policy schema > schema/policies.json`"
        );
    }

    #[test]
    fn every_setting_is_described_and_none_may_be_unknown() {
        fn check(schema: &Value, path: &str) {
            match schema {
                Value::Object(object) => {
                    if let Some(Value::Object(properties)) = object.get("properties") {
                        assert_eq!(object.get("additionalProperties"), Some(&json!(false)), "{path}");
                        for (name, property) in properties {
                            assert!(
                                property["description"].as_str().is_some_and(|d| d.ends_with('.')),
                                "{path}.{name}"
                            );
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
        for field in PolicySettings::FIELDS.iter().chain(BudgetSettings::FIELDS) {
            assert!(all.contains(&format!("\"{}\"", field.replace('_', "-"))), "{field}");
        }
    }
}
