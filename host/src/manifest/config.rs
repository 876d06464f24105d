//! What guests read from `wasi:config`: texts, in the manifest or in files beside it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::value;

/// The value of one setting.
#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Text(String),
    /// The content of a file, and the line that names it.
    File(PathBuf, usize),
}

impl Setting {
    /// The text; or what is wrong with `key` in the manifest `manifest`.
    pub fn read(&self, key: &str, manifest: &Path) -> Result<String, crate::Error> {
        match self {
            Setting::Text(text) => Ok(text.clone()),
            Setting::File(file, line) => std::fs::read_to_string(file).map_err(|source| crate::Error::Read {
                path: file.clone(),
                source,
                hint: format!("`config.{key}` in {}:{line} is to be the text of this file", manifest.display()),
            }),
        }
    }
}

pub(super) enum FileSetting {
    Text(String),
    File(PathBuf),
}

impl FileSetting {
    pub fn located(self, line: usize, beside: &dyn Fn(PathBuf) -> PathBuf) -> Setting {
        match self {
            FileSetting::Text(text) => Setting::Text(text),
            FileSetting::File(file) => Setting::File(beside(file), line),
        }
    }
}

/// `{ file = ".." }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFile {
    #[serde(default, deserialize_with = "value::file")]
    file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for FileSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = FileSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes, like \"4\", or `{ file = \"policies.toml\" }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FileSetting, E> {
                Ok(FileSetting::Text(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FileSetting, A::Error> {
                let InFile { file } = InFile::deserialize(MapAccessDeserializer::new(map))?;
                let missing = "`file` is missing; write the setting like `{ file = \"policies.toml\" }`";
                file.map(FileSetting::File).ok_or_else(|| A::Error::custom(missing))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
