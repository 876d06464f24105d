//! A file of TOML that a person writes: where its parts stand, and the message of a mistake in it.

use std::path::Path;

use serde::de::DeserializeOwned;
use steadfast_settings::{KEY, nearest};
use toml::de::{DeTable, Deserializer};

use super::date;
use crate::error::Error;

pub(super) const NOT_TOML: &str = "; see https://toml.io for what TOML allows";

/// The text of a file, and its name.
pub(crate) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    /// The ends of its lines, found once: a file may have a hundred thousand.
    breaks: Vec<usize>,
}

/// A key that is to be a table, or a list of tables, and is easily taken for the other, where the message of the parser
/// speaks of sequences and maps: with its type, and what to write.
pub(crate) type TableOf = (&'static str, &'static str, &'static str);

impl<'t> Document<'t> {
    pub fn new(text: &'t str, path: &'t Path) -> Self {
        Document { path, text, breaks: text.match_indices('\n').map(|(offset, _)| offset).collect() }
    }

    /// The line, from 1, at an offset of the text.
    pub fn line_of(&self, offset: usize) -> usize {
        self.breaks.partition_point(|end| *end < offset) + 1
    }

    /// A mistake, and its line where that is known.
    pub fn wrong(&self, line: Option<usize>, problem: String) -> Error {
        Error::Manifest { path: self.path.into(), line, problem }
    }

    /// What the parser found wrong. Its message has the line drawn below it; one line is enough here.
    fn explain(&self, error: &toml::de::Error, hint: &str, line: Option<usize>) -> Error {
        let problem = format!("{}{hint}", explained(error));
        self.wrong(error.span().map(|span| self.line_of(span.start)).or(line), problem)
    }

    /// The text as TOML, in which the `tables` are what they should be.
    pub fn table(&self, tables: &[TableOf]) -> Result<toml::Spanned<DeTable<'t>>, Error> {
        let table = DeTable::parse(self.text).map_err(|error| self.explain(&error, NOT_TOML, None))?;
        if let Some((key, offset, kind)) = date::find(table.get_ref()) {
            return Err(self.wrong(Some(self.line_of(offset)), date::misplaced(&key, kind)));
        }
        for (key, ty, expected) in tables {
            if let Some(value) = table.get_ref().get(*key).filter(|value| value.get_ref().type_str() != *ty) {
                let line = self.line_of(value.span().start);
                return Err(self.wrong(Some(line), format!("`{key}` is to be {expected}")));
            }
        }
        Ok(table)
    }

    /// The table as what it is meant to be.
    pub fn read<T: DeserializeOwned>(&self, table: toml::Spanned<DeTable<'t>>) -> Result<T, Error> {
        T::deserialize(Deserializer::from(table)).map_err(|error| self.explain(&error, "", None))
    }

    /// A table of it, as what `read` makes of it. A mistake without a line of its own is in that of the table.
    pub fn read_with<T>(
        &self,
        table: toml::Spanned<DeTable<'t>>,
        read: impl FnOnce(Deserializer<'t>) -> Result<T, toml::de::Error>,
    ) -> Result<T, Error> {
        let line = self.line_of(table.span().start);
        read(Deserializer::from(table)).map_err(|error| self.explain(&error, "", Some(line)))
    }
}

/// The text of a file. Where there is none, the `hint` says which file was meant.
pub(crate) fn read_text(path: &Path, hint: &str, not_text: &str) -> Result<String, Error> {
    let bytes =
        crate::small_file::read(path).map_err(|source| Error::Read { path: path.into(), source, hint: hint.into() })?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = Some(before.iter().filter(|byte| **byte == b'\n').count() + 1);
        Error::Manifest { path: path.into(), line, problem: format!("this is not UTF-8 text; {not_text}") }
    })
}

/// The parser's message, as one line.
pub(super) fn explained(error: &toml::de::Error) -> String {
    suggested(error.message().trim().replace('\n', ", "))
}

/// The parser's message about an unknown key or word, with the known one that is nearest.
fn suggested(message: String) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(written)) = (is_unknown, words.next()) else { return message };
    if matches!(written, "policies" | KEY) {
        return format!("unknown field `{written}`; policies for components are the setting `{KEY}` of `[config]`");
    }
    if matches!(written, "messages" | "nats") {
        return format!(
            "`{written}` is of NATS servers, and this program is built without them; build it with the feature `wrpc`"
        );
    }
    match nearest(written, words) {
        Some(meant) => message.replacen("expected", &format!("did you mean `{meant}`? Expected"), 1),
        None => message,
    }
}
