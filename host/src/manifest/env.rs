//! What guests have in their environment: variables, in the manifest or in files beside it.

use std::collections::BTreeMap;
use std::path::Path;

use super::Setting;
use crate::error::Error;

/// The variables, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env(BTreeMap<String, Setting>);

impl Env {
    /// Adds a variable; or says what is wrong with its name or its value.
    pub(super) fn add(&mut self, name: String, value: Setting) -> Result<(), String> {
        if name.is_empty() {
            return Err("a variable of `[env]` has an empty name; write it like `RUST_BACKTRACE = \"1\"`".into());
        }
        if name.contains(['=', '\0']) {
            return Err(format!(
                "`env.{name}` cannot be the name of a variable, since it has a `=` or a NUL in it; write it like \
                 `RUST_BACKTRACE = \"1\"`"
            ));
        }
        if let Setting::Text(text, _) = &value {
            check(&name, text)?;
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// All variables with their values; or what is wrong with one in the manifest `manifest`.
    pub fn read(&self, manifest: &Path) -> Result<Vec<(String, String)>, Error> {
        let read = |(name, value): (&String, &Setting)| {
            let text = value.text(&format!("env.{name}"), manifest)?;
            let wrong = |problem| Error::Manifest { path: manifest.into(), line: Some(value.line()), problem };
            check(name, &text).map_err(wrong)?;
            Ok((name.clone(), text))
        };
        self.0.iter().map(read).collect()
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    match value.contains('\0') {
        true => Err(format!("`env.{name}` has a NUL in it, with which no variable can be set; remove it")),
        false => Ok(()),
    }
}
