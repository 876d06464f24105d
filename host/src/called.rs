//! The functions that are called over the lattice, which are those that a link leads from and a fault can be on.

use std::collections::{BTreeMap, BTreeSet};

use crate::component::Component;
use crate::lattice::{Fault, On};
use crate::manifest::Manifest;
#[cfg(feature = "wrpc")]
use crate::providers::messaging::{HANDLE, HANDLERS};

/// What the components of a host import, and what it calls itself.
#[derive(Debug)]
pub(crate) struct Called {
    /// By interface, without its version.
    imports: BTreeMap<String, BTreeSet<String>>,
    /// The interface and the function of each job, and of what takes messages, which the host calls itself.
    jobs: BTreeSet<(String, String)>,
}

impl Called {
    pub fn new(manifest: &Manifest, importers: &[&Component]) -> Self {
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (interface, functions) in importers.iter().flat_map(|importer| importer.imports()) {
            imports.entry(interface.path()).or_default().extend(functions.keys().cloned());
        }
        for (interface, functions) in importers.iter().flat_map(|importer| &importer.keyvalue) {
            imports.entry(interface.clone()).or_default().extend(functions.iter().cloned());
        }
        let jobs = manifest.cron.iter().map(|cron| (cron.interface.clone(), cron.function.clone()));
        #[cfg_attr(not(feature = "wrpc"), expect(unused_mut, reason = "there are no messages"))]
        let mut jobs: BTreeSet<_> = jobs.collect();
        #[cfg(feature = "wrpc")]
        if !manifest.messages.is_empty() {
            // The first that the component has, which stands first among the importers.
            let exported = |path: &&&str| importers.first().is_some_and(|app| app.exported(path).is_some());
            let handler = HANDLERS.iter().find(exported);
            jobs.extend(handler.map(|path| (path.to_string(), HANDLE.into())));
        }
        Called { imports, jobs }
    }

    /// Whether something calls the interface `path`.
    pub fn has(&self, path: &str) -> bool {
        self.imports.contains_key(path) || self.jobs.iter().any(|(interface, _)| interface == path)
    }

    /// A fault must be on something that is called: a misspelt one would break nothing and prove nothing.
    pub fn check(&self, fault: &Fault) -> Result<(), String> {
        self.check_on("the fault is on", &fault.on)
    }

    /// The same of what else names a target, which `what` says for a message.
    pub fn check_on(&self, what: &str, on: &On) -> Result<(), String> {
        let on = match on {
            On::Function(on) => on,
            On::Any(all) => return all.iter().try_for_each(|on| self.check_on(what, on)),
            On::Everything | On::Http(..) => return Ok(()),
        };
        let (path, function) = on.split_once('#').map_or((on.as_str(), None), |(path, name)| (path, Some(name)));
        if let Some((any, _)) = path.split_once('@') {
            return Err(format!("{what} `{path}`, and that is for any version; write `{any}`"));
        }
        if self
            .jobs
            .iter()
            .any(|(interface, name)| interface == path && function.is_none_or(|function| name == function))
        {
            return Ok(());
        }
        let Some(functions) = self.imports.get(path) else {
            return Err(format!("{what} `{path}`, and {}", self.missing()));
        };
        match function.filter(|function| !functions.contains(*function)) {
            Some(function) => Err(format!(
                "{what} `{path}#{function}`, and no component imports that function; write one of: {}",
                list(functions.iter().map(|name| format!("{path}#{name}")))
            )),
            None => Ok(()),
        }
    }

    /// What a link or a fault could have named, for a message.
    pub fn missing(&self) -> String {
        match self.imports.is_empty() {
            true => "no component imports anything that WASI does not provide; remove it".into(),
            false => format!("no component imports that; write one of: {}", list(self.imports.keys().cloned())),
        }
    }
}

fn list(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
