//! Settings as data, in the form and with the names of the configuration.

use proc_macro2::Span;

/// A value of JSON, or where there is none because it is known to the compiler only.
pub enum Data {
    None(Span),
    /// As it stands in JSON.
    Plain(String),
    Object(Vec<(String, Data)>),
}

impl Data {
    pub fn text(text: impl AsRef<str>) -> Self {
        let mut json = String::from('"');
        for c in text.as_ref().chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                c if c.is_control() => json.push_str(&format!("\\u{:04x}", c as u32)),
                c => json.push(c),
            }
        }
        json.push('"');
        Data::Plain(json)
    }

    pub fn number(number: String) -> Self {
        Data::Plain(number)
    }

    pub const fn empty() -> Self {
        Data::Object(Vec::new())
    }

    /// Adds a setting under its name in Rust.
    pub fn set(&mut self, name: &str, value: Data) {
        if let Data::Object(settings) = self {
            settings.push((name.replace('_', "-"), value));
        }
    }

    /// Whether there is a setting that a configuration writes as `key`.
    pub fn has(&self, key: &str) -> bool {
        matches!(self, Data::Object(settings) if settings.iter().any(|(name, _)| name == key))
    }

    /// Where the first value stands that is none.
    pub fn json(&self) -> Result<String, Span> {
        match self {
            Data::None(span) => Err(*span),
            Data::Plain(json) => Ok(json.clone()),
            Data::Object(settings) => {
                let member = |(name, value): &(String, Data)| value.json().map(|json| format!("\"{name}\":{json}"));
                let members = settings.iter().map(member).collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{{{}}}", members.join(",")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration() {
        let mut breaker = Data::empty();
        breaker.set("failures", Data::number("5".into()));
        breaker.set("open_for", Data::text("10s"));
        let mut all = Data::empty();
        all.set("breaker", breaker);
        all.set("text", Data::text("a\"b\\"));
        let json = all.json().unwrap();
        assert_eq!(json, r#"{"breaker":{"failures":5,"open-for":"10s"},"text":"a\"b\\"}"#);
    }

    #[test]
    fn what_only_the_compiler_knows_is_no_data() {
        let mut all = Data::empty();
        all.set("deadline", Data::None(Span::call_site()));
        assert!(all.json().is_err());
    }
}
