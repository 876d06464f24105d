//! A policy with a name: the code says what it is, and whoever runs the component may say otherwise.

use core::fmt;

use super::Configured;
use super::host;
use super::overlay::overlay;
use super::parts::Parts;
use super::policies::{self, Policies};
use super::reader::Reader;
use super::value::{Table, Value};
use crate::observe::Observer;
use crate::platform::state::Local;

/// A policy whose settings in the code are defaults: the host's configuration of the same name overrides them, field
/// by field, without building the component anew.
///
/// It is put together when it is first asked for. Where the host has no configuration, or none of this name, the
/// defaults are in force, silently; where the configuration is a mistake, they are too, and the mistake is reported to
/// standard error, once. A typo takes no service down.
///
/// The host's configuration is the value of the key `steadfast` in `wasi:config`, which a component imports that has a
/// named policy: JSON, or with the feature `toml` also TOML, as [`Policies`] read it.
///
/// ```
/// use steadfast::RpcError;
/// use steadfast::config::Named;
/// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
///
/// static GREETER: Named = Named::new("greeter", r#"{"deadline": "3s", "retry": {"attempts": 4}}"#);
///
/// assert_eq!(GREETER.policy().call(|| greet("Ada")).unwrap(), "Hello, Ada!");
/// ```
///
/// Given such a component, this has it try six times, and still for three seconds at most:
///
/// ```toml
/// [policies.greeter]
/// retry = { attempts = 6 }
/// ```
pub struct Named<O: Observer + 'static = ()> {
    name: &'static str,
    defaults: &'static str,
    observer: O,
    made: Local<Option<&'static Configured<O>>>,
}

impl Named {
    /// The policy `name`, with the settings of the code: JSON, as in a configuration. `{}` are none.
    ///
    /// Settings that are mistakes are reported as those of a configuration are, and the parts that have them left out.
    ///
    /// ```
    /// use steadfast::config::Named;
    ///
    /// static GREETER: Named = Named::new("greeter", r#"{"retry": {"attempts": 4}}"#);
    /// ```
    pub const fn new(name: &'static str, defaults: &'static str) -> Self {
        Named { name, defaults, observer: (), made: Local::new(None) }
    }

    /// Tells `observer` what happens, as [`Policy::observer`](crate::Policy::observer) does.
    ///
    /// ```
    /// use steadfast::Event;
    /// use steadfast::config::Named;
    ///
    /// fn log(event: &Event) {
    ///     eprintln!("{event}");
    /// }
    /// static GREETER: Named<fn(&Event)> = Named::new("greeter", "{}").observer(log);
    /// ```
    pub const fn observer<O: Observer>(self, observer: O) -> Named<O> {
        Named { name: self.name, defaults: self.defaults, observer, made: Local::new(None) }
    }
}

impl<O: Observer> Named<O> {
    /// The policy, with one state for the whole component.
    ///
    /// ```
    /// use steadfast::config::Named;
    ///
    /// static GREETER: Named = Named::new("greeter", "{}");
    /// assert!(core::ptr::eq(GREETER.policy(), GREETER.policy()));
    /// ```
    pub fn policy(&self) -> &'static Configured<O> {
        match self.made.with(|made| *made) {
            Some(policy) => policy,
            None => self.make(),
        }
    }

    #[cold]
    fn make(&self) -> &'static Configured<O> {
        let parts = parts(self.name, self.defaults, host::policies(), &mut host::report);
        let policy: &'static Configured<O> = Box::leak(Box::new(parts.policy(self.observer)));
        // Another thread may have been faster.
        self.made.with(|made| *made.get_or_insert(policy))
    }
}

impl<O: Observer> fmt::Debug for Named<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("name", &self.name).field("defaults", &self.defaults).finish_non_exhaustive()
    }
}

/// The defaults, with what the configuration says of this name laid over them, if that makes sense.
pub(super) fn parts(
    name: &str,
    defaults: &str,
    configuration: Option<&Policies>,
    report: &mut dyn FnMut(&str),
) -> Parts {
    let budgets = configuration.map_or([].as_slice(), Policies::budgets);
    let read = |table: Table| {
        let mut reader = Reader::default();
        reader.allow_budgets(budgets);
        let parts = reader.within("policies", |reader| {
            reader.within(name, |reader| Parts::read(&Value::Table(table), budgets, reader))
        });
        (parts, reader.into_mistakes())
    };
    let mut complain = |what: &str, mistakes: &[super::Mistake]| {
        let mut text = format!("{what} of the policy `{name}`:");
        for mistake in mistakes {
            text += &format!("\n{mistake}");
        }
        report(&text);
    };

    let mut table = match policies::json(defaults) {
        Ok(Value::Table(table)) => table,
        Ok(_) => Table::new(),
        Err(mistakes) => {
            complain("mistakes in the code's settings", &mistakes.0);
            Table::new()
        }
    };
    if let Some(said) = configuration.and_then(|configuration| configuration.said(name)) {
        let mut merged = table.clone();
        overlay(&mut merged, said);
        match read(merged) {
            (parts, mistakes) if mistakes.is_empty() => return parts,
            (_, mistakes) => {
                complain(
                    "the settings in the code stay in force, since there are mistakes in the configuration",
                    &mistakes,
                );
            }
        }
    }
    let (parts, mistakes) = read(core::mem::take(&mut table));
    if !mistakes.is_empty() {
        complain("mistakes in the code's settings", &mistakes);
    }
    parts
}
