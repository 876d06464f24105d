//! The policies that the code of a component states with literals, as the attribute and `policy!` record them.

use std::fmt::Write as _;

use steadfast_host::escape::Escaped;
use wasmparser::{Parser, Payload};

/// The custom section that the macros write: for each policy a line, in JSON, of its name and its parts, or `null` where a
/// part is known to the compiler only.
const SECTION: &str = "steadfast:policies";

/// What the code of a component says about its policies.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Recorded {
    /// A configuration with the policies, in JSON.
    pub config: String,
    /// Those with parts that are not literals.
    pub computed: Vec<String>,
}

/// Whether these are the bytes of a module or a component.
pub(super) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// The policies in a component, and in all that is composed into it.
///
/// # Errors
/// When it is damaged, and when it has none.
pub(super) fn recorded(bytes: &[u8], name: &str) -> Result<Recorded, String> {
    let mut policies = serde_json::Map::new();
    let mut computed = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| format!("error: {name} is no component: {}", Escaped(error)))?;
        let Payload::CustomSection(section) = payload else { continue };
        if section.name() != SECTION {
            continue;
        }
        for line in String::from_utf8_lossy(section.data()).lines() {
            match serde_json::from_str::<(String, serde_json::Value)>(line) {
                Ok((policy, serde_json::Value::Null)) => computed.push(policy),
                Ok((policy, parts)) => {
                    let mut name = policy.clone();
                    let mut number = 1;
                    while policies.contains_key(&name) {
                        number += 1;
                        name = format!("{policy}-{number}");
                    }
                    policies.insert(name, parts);
                }
                Err(_) => return Err(format!("error: {name} has a policy that cannot be read: {}", Escaped(line))),
            }
        }
    }
    if policies.is_empty() && computed.is_empty() {
        return Err(format!(
            "error: {name} has no policy that can be read: the attribute `#[resilient]` and `policy!` of steadfast \
             record theirs, and a policy from a builder is code; give a file of policies, in TOML or JSON"
        ));
    }
    Ok(Recorded { config: serde_json::json!({ "policies": policies }).to_string(), computed })
}

/// What is to be said about those that cannot be explained.
pub(super) fn not_literals(computed: &[String]) -> String {
    let mut text = String::new();
    for policy in computed {
        let _ = writeln!(text, "\n{}\n  Its settings are not all literals: only the code knows them.", Escaped(policy));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a custom section of that name.
    fn module(section: &str, data: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0\0".to_vec();
        let length = 1 + section.len() + data.len();
        bytes.extend([u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()]);
        bytes.push(u8::try_from(section.len()).unwrap());
        bytes.extend(section.bytes().chain(data.bytes()));
        bytes
    }

    #[test]
    fn each_policy_has_a_line() {
        let data = concat!(
            r#"["greet",{"deadline":"3s"}]"#,
            "\n[\"list\",null]\n",
            r#"["greet",{"retry":{"attempts":2}}]"#,
            "\n",
        );
        let recorded = recorded(&module(SECTION, data), "hello.wasm").unwrap();
        let config = r#"{"policies":{"greet":{"deadline":"3s"},"greet-2":{"retry":{"attempts":2}}}}"#;
        assert_eq!(recorded, Recorded { config: config.into(), computed: vec!["list".into()] });
    }

    #[test]
    fn what_is_damaged_or_has_none_says_so() {
        for (bytes, expected) in [
            (module("other", "[]"), "hello.wasm has no policy that can be read"),
            (module(SECTION, "[1]"), "hello.wasm has a policy that cannot be read: [1]"),
            (b"\0asm\x01\0\0\0\0\xff".to_vec(), "hello.wasm is no component: "),
        ] {
            let said = recorded(&bytes, "hello.wasm").unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
