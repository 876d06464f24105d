//! An option that may have a secret in it: a text, or where the text is.

use std::path::PathBuf;

use serde::Deserialize;

/// A text in quotes, `{ env = "NAME" }` or `{ file = "name.txt" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write a text in quotes, `{ env = \"NAME\" }` or `{ file = \"name.txt\" }`")]
pub(crate) enum Text {
    Here(String),
    #[serde(rename_all = "kebab-case")]
    Env {
        env: String,
    },
    File {
        file: PathBuf,
    },
}

impl Text {
    /// The same, with a file found by `beside`.
    pub fn located(self, beside: &dyn Fn(PathBuf) -> PathBuf) -> Self {
        match self {
            Text::File { file } => Text::File { file: beside(file) },
            text => text,
        }
    }

    /// The text, without white space around it. `option` names it in messages, which do not quote it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(&self, option: &str) -> Result<String, String> {
        let text = match self {
            Text::Here(text) => text.clone(),
            Text::Env { env } => std::env::var(env).map_err(|_| {
                format!("`{option}` is to be the text of the environment variable {env}, which is not set; set it")
            })?,
            Text::File { file } => crate::small_file::read_text(file).map_err(|error| {
                format!("`{option}` is to be the text of {}, which cannot be read: {error}", file.display())
            })?,
        };
        Ok(text.trim().into())
    }
}
