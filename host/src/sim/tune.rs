//! Other settings for the policies of a scenario, which its components read when they run.

use steadfast_settings::KEY;
use toml::{Table, Value};

use super::scenario::Scenario;
use crate::error::Error;
use crate::manifest::{Manifest, Setting};

impl Scenario {
    /// The policies that the components read: `config.steadfast` of the manifest, where it has some.
    ///
    /// # Errors
    /// [`Error::Read`], when they are in a file that cannot be read.
    ///
    /// ```no_run
    /// let scenario = steadfast_host::sim::Scenario::read("outage.toml")?;
    /// assert!(scenario.policies()?.is_some_and(|text| text.contains("retry")));
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn policies(&self) -> Result<Option<String>, Error> {
        let Manifest { config, path, .. } = &self.manifest;
        config.get(KEY).map(|policies| policies.text(&format!("config.{KEY}"), path)).transpose()
    }

    /// The same scenario, in which a setting of the manifest's policies has another value, written as in TOML: a number, or
    /// a text with or without quotes.
    ///
    /// # Errors
    /// [`Error::Manifest`], when the manifest has no policies as TOML, or none of them is meant.
    ///
    /// ```no_run
    /// let scenario = steadfast_host::sim::Scenario::read("outage.toml")?;
    /// let patient = scenario.with_setting("policies.greeter.retry.attempts", "5")?;
    /// # Ok::<(), steadfast_host::Error>(())
    /// ```
    pub fn with_setting(&self, setting: &str, value: &str) -> Result<Scenario, Error> {
        let path = &self.manifest.path;
        let wrong = |problem: String| Error::Manifest { path: path.clone(), line: None, problem };
        let key = format!("config.{KEY}");
        let text = self.policies()?.ok_or_else(|| {
            wrong(format!("`{setting}` is to be tried, and there is no `{key}` to have it; write the policies there"))
        })?;
        let mut table: Table = text.parse().map_err(|_| {
            wrong(format!("`{setting}` is to be tried, and `{key}` is no TOML; write the policies as TOML"))
        })?;
        set(&mut table, setting, value)
            .map_err(|problem| wrong(format!("`{setting}` is to be tried, and {problem}")))?;
        let mut scenario = self.clone();
        let line = self.manifest.config.get(KEY).map_or(0, Setting::line);
        scenario.manifest.config.insert(KEY.into(), Setting::Text(table.to_string(), line));
        Ok(scenario)
    }
}

/// The last part of a setting may be new; where it is, there is something already.
fn set(table: &mut Table, setting: &str, value: &str) -> Result<(), String> {
    let (parents, key) =
        setting.rsplit_once('.').ok_or("it names no table; write it like `policies.NAME.retry.attempts`")?;
    let mut at = table;
    for parent in parents.split('.') {
        let keys: Vec<String> = at.keys().cloned().collect();
        at = at
            .get_mut(parent)
            .and_then(Value::as_table_mut)
            .ok_or_else(|| format!("there is no table `{parent}` of it; there is: {}", keys.join(", ")))?;
    }
    let parsed: Option<Table> = format!("value = {value}").parse().ok();
    let value = parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(value.into()));
    at.insert(key.into(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_set_where_there_is_a_table_for_it() {
        let mut table: Table = "[policies.a]\nretry = { attempts = 3 }".parse().unwrap();
        set(&mut table, "policies.a.retry.attempts", "5").unwrap();
        set(&mut table, "policies.a.deadline", "3s").unwrap();
        set(&mut table, "policies.a.retry.budget", "\"shared\"").unwrap();
        let retry = &table["policies"]["a"]["retry"];
        assert_eq!((&retry["attempts"], &retry["budget"]), (&Value::Integer(5), &Value::String("shared".into())));
        assert_eq!(table["policies"]["a"]["deadline"], Value::String("3s".into()));
        let problem = set(&mut table, "policies.b.deadline", "3s").unwrap_err();
        assert_eq!(problem, "there is no table `b` of it; there is: a");
        assert!(set(&mut table, "deadline", "3s").unwrap_err().starts_with("it names no table"));
    }
}
