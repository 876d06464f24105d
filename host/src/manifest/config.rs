//! What guests read from `wasi:config`: texts, in the manifest or in files beside it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use steadfast_settings::{KEY, nearest};

use super::value;

/// The value of one setting.
#[derive(Clone, Debug)]
pub(crate) enum Setting {
    /// A text, and its line.
    Text(String, usize),
    /// The content of a file, and the line that names it.
    File(PathBuf, usize),
}

impl Setting {
    /// The text, of what is `name` in the manifest `manifest`.
    pub fn text(&self, name: &str, manifest: &Path) -> Result<String, crate::error::Error> {
        match self {
            Setting::Text(text, _) => Ok(text.clone()),
            Setting::File(file, line) => {
                crate::small_file::read_text(file).map_err(|source| crate::error::Error::Read {
                    path: file.clone(),
                    source,
                    hint: format!("`{name}` in {}:{line} is to be the text of this file", manifest.display()),
                })
            }
        }
    }

    /// The text that components read from `wasi:config` as `key`; or what is wrong with it in the manifest `manifest`.
    /// Policies in TOML become JSON, which every component that reads policies understands.
    pub fn read(&self, key: &str, manifest: &Path) -> Result<String, crate::error::Error> {
        let text = self.text(&format!("config.{key}"), manifest)?;
        if key != KEY {
            if nearest(key, [KEY]).is_some() || is_policies(&text) {
                tracing::warn!(
                    "`config.{key}` in {} is not used as policies; they are read from the key `{KEY}`: rename the key to \
                     `{KEY}` where policies are meant",
                    self.place(manifest),
                );
            }
            return Ok(text);
        }
        if text.trim_start().starts_with('{') {
            return Ok(text);
        }
        match toml::from_str::<toml::Table>(&text).map(|table| serde_json::to_string(&table)) {
            Ok(Ok(json)) => Ok(json),
            Ok(Err(error)) => Ok(self.unread(text, manifest, &error.to_string())),
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                let problem = format!("line {line}: {}", error.message().trim().replace('\n', ", "));
                Ok(self.unread(text, manifest, &problem))
            }
        }
    }

    /// Warns that a text is neither TOML nor JSON; components say the same.
    fn unread(&self, text: String, manifest: &Path, problem: &str) -> String {
        tracing::warn!(
            "the policies of `config.{KEY}` in {} are not used, since they are neither TOML nor JSON ({problem}); check \
             them with `steadfast policy check`",
            self.place(manifest),
        );
        text
    }

    /// Where the manifest has it.
    pub fn place(&self, manifest: &Path) -> String {
        format!("{}:{}", manifest.display(), self.line())
    }

    pub fn line(&self) -> usize {
        let (Setting::Text(_, line) | Setting::File(_, line)) = self;
        *line
    }
}

/// Whether a text is a configuration of policies: a table with `policies`, or with `targets`.
fn is_policies(text: &str) -> bool {
    let keys: Vec<String> = if text.trim_start().starts_with('{') {
        let json = serde_json::from_str::<serde_json::Map<_, _>>(text);
        json.map(|table| table.into_iter().map(|(key, _)| key).collect()).unwrap_or_default()
    } else {
        toml::from_str::<toml::Table>(text)
            .map(|table| table.into_iter().map(|(key, _)| key).collect())
            .unwrap_or_default()
    };
    keys.iter().any(|key| key == "policies" || key == "targets")
}

pub(super) enum FileSetting {
    Text(String),
    File(PathBuf),
}

impl FileSetting {
    pub fn located(self, line: usize, beside: &dyn Fn(PathBuf) -> PathBuf) -> Setting {
        match self {
            FileSetting::Text(text) => Setting::Text(text, line),
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The text that components get, and what is logged meanwhile.
    fn read(key: &str, text: &str) -> (String, String) {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);

        impl std::io::Write for Log {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let log = Log::default();
        let writer = log.clone();
        let format = tracing_subscriber::fmt().with_writer(move || writer.clone()).without_time().with_ansi(false);
        let setting = Setting::Text(text.into(), 3);
        let read = || setting.read(key, Path::new("a.toml")).unwrap();
        let text = tracing::subscriber::with_default(format.finish(), read);
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        (text, log)
    }

    #[test]
    fn policies_in_toml_become_json() {
        for (text, json) in [
            ("[policies.p]\ndeadline = '3s'", r#"{"policies":{"p":{"deadline":"3s"}}}"#),
            ("policies.p.retry.attempts = 4", r#"{"policies":{"p":{"retry":{"attempts":4}}}}"#),
            ("", "{}"),
            (r#" {"policies": {}}"#, r#" {"policies": {}}"#),
            (r#"{"policies": "#, r#"{"policies": "#),
        ] {
            assert_eq!(read(KEY, text), (json.into(), String::new()), "{text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_read_is_a_warning() {
        let (text, log) = read(KEY, "[policies.p]\ndeadline = \n");
        assert_eq!(text, "[policies.p]\ndeadline = \n");
        assert!(log.contains("WARN"), "{log}");
        assert!(log.contains("`config.steadfast` in a.toml:3 are not used"), "{log}");
        assert!(log.contains("(line 2: ") && log.contains("steadfast policy check"), "{log}");
    }

    #[test]
    fn policies_under_another_key_are_a_warning() {
        for (key, text) in [
            ("policies", "[policies.p]\ndeadline = '3s'"),
            ("resilience", r#"{"targets": {}}"#),
            ("stedfast", "anything"),
        ] {
            let (same, log) = read(key, text);
            assert_eq!(same, text);
            assert!(log.contains("WARN") && log.contains("rename the key to `steadfast`"), "{log}");
        }
        for (key, text) in [("tone", "polite"), ("greeter", "[greeter]\nattempts = 4"), ("json", "{}")] {
            assert_eq!(read(key, text), (text.into(), String::new()));
        }
    }
}
