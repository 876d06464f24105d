//! On which line of a file of policies each key stands.

use std::collections::HashMap;
use std::iter;

use steadfast_settings::push_key;
use toml::de::{DeTable, DeValue};

/// The keys of a text of TOML or JSON, as [`Mistake::path`](steadfast::config::Mistake::path) has them, with the offset
/// of each. Empty where the text is neither.
pub(super) struct Lines<'t> {
    text: &'t str,
    keys: HashMap<String, usize>,
    /// Where each line ends.
    breaks: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(offset, _)| offset).collect();
        let mut lines = Lines { text, keys: HashMap::new(), breaks };
        if text.trim_start().starts_with('{') {
            // The scanner takes the text for valid.
            if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
                lines.json_value("", 0);
            }
        } else if let Ok(table) = DeTable::parse(text) {
            lines.toml_table("", table.get_ref());
        }
        lines
    }

    /// The line, from 1, of the key at `path`, or of the nearest table around it.
    pub fn line(&self, path: &str) -> usize {
        // A dot within a quoted key leads to no key, and the next is tried.
        let around = iter::successors(Some(path), |path| Some(path.rsplit_once('.')?.0));
        let offset = around.filter_map(|path| self.keys.get(path)).next().copied().unwrap_or_default();
        self.breaks.partition_point(|end| *end < offset) + 1
    }

    fn add(&mut self, path: &str, key: &str, offset: usize) -> String {
        let mut path = path.to_string();
        push_key(&mut path, key);
        self.keys.entry(path.clone()).or_insert(offset);
        path
    }

    fn toml_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let path = self.add(path, key.get_ref(), key.span().start);
            if let DeValue::Table(table) = value.get_ref() {
                self.toml_table(&path, table);
            }
        }
    }

    /// Reads a value from `at` on, and says where it ends.
    fn json_value(&mut self, path: &str, at: usize) -> usize {
        let mut at = self.next(at);
        match self.byte(at) {
            b'{' => loop {
                at = self.next(at + 1);
                if self.byte(at) != b'"' {
                    return at + 1;
                }
                let end = self.json_string(at);
                let key = self.text.get(at..end).and_then(|key| serde_json::from_str::<String>(key).ok());
                let path = self.add(path, &key.unwrap_or_default(), at);
                let value = self.json_value(&path, self.next(end) + 1);
                at = self.next(value);
                if self.byte(at) != b',' {
                    return at + 1;
                }
            },
            b'[' => {
                while !matches!(self.byte(at), b']' | 0) {
                    at = self.next(at + 1);
                    if self.byte(at) != b']' {
                        let value = self.json_value(path, at);
                        at = self.next(value);
                    }
                }
                at + 1
            }
            b'"' => self.json_string(at),
            _ => at + self.text.get(at..).unwrap_or_default().find([',', '}', ']']).unwrap_or(0),
        }
    }

    /// Where the string that begins at `at` ends.
    fn json_string(&self, at: usize) -> usize {
        let mut end = at + 1;
        while !matches!(self.byte(end), b'"' | 0) {
            end += if self.byte(end) == b'\\' { 2 } else { 1 };
        }
        end + 1
    }

    /// The first place from `at` on that is not a space.
    fn next(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start().len()
    }

    /// Zero after the end.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_json_has_its_line() {
        let text =
            "{\n \"a\": [1, {\"x\": \"]\"}, []],\n \"b\": {\n  \"c d\": \"\\\"}\",\n\"e\\u0066\": {}\n },\n\"g\":\n1}";
        let lines = Lines::of(text);
        for (path, line) in [("a", 2), ("b", 3), ("b.\"c d\"", 4), ("b.ef", 5), ("b.ef.missing", 5), ("g", 7), ("h", 1)]
        {
            assert_eq!(lines.line(path), line, "{path}");
        }
    }

    #[test]
    fn a_key_of_toml_has_its_line() {
        let lines = Lines::of("\n[a.b]\nc = 1\nd = { e = 2 }\n[\"x y\"]\nf.g = 3\n");
        for (path, line) in [("a.b", 2), ("a.b.c", 3), ("a.b.d.e", 4), ("\"x y\".f.g", 6), ("a.b.missing", 2), ("z", 1)]
        {
            assert_eq!(lines.line(path), line, "{path}");
        }
    }

    #[test]
    fn each_of_many_keys_has_its_line() {
        // For minutes, if all keys were looked at for each.
        let text: String = (0..100_000).map(|key| format!("\"a.{key}\" = 1\n")).collect();
        let lines = Lines::of(&text);
        for key in 0..100_000 {
            assert_eq!(lines.line(&format!("\"a.{key}\"")), key + 1);
        }
    }

    #[test]
    fn a_text_that_is_neither_has_no_keys() {
        for text in ["", "{", "{\"a\": ", "a = ", "{\"a\": 1}}"] {
            assert_eq!(Lines::of(text).line("a"), 1, "{text}");
        }
    }
}
