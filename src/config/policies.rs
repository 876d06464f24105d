//! Named policies that somebody wrote down, and which calls they are for.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use steadfast_settings::{BUDGET, POLICY};

use super::Configured;
use super::mistake::{Mistake, Mistakes};
use super::overlay::overlay;
use super::parts::{self, AnyBudget, Budgets, Parts};
use super::reader::Reader;
use super::targets::{self, Target};
use super::value::{Settings, Table, Value, get};
use crate::platform::state::Local;

/// Policies as data: named, and bound to targets. Made once and kept, in a `static` or for the whole run; what they
/// give out lives as long as the component.
///
/// Each name and each target has one policy with one state, however often it is asked for: targets that are bound to
/// one name share its settings, and not its breaker. What shall be shared is said: [budgets](crate::Budget) have
/// names.
///
/// ```
/// use steadfast::RpcError;
/// use steadfast::config::Policies;
/// # fn greet(name: &str) -> Result<String, RpcError> { Ok(format!("Hello, {name}!")) }
///
/// let policies = Policies::from_json(r#"{
///     "policies": {
///         "greeter": {
///             "deadline": "3s",
///             "retry": { "attempts": 4, "backoff": { "exponential": "50ms", "max": "2s" } },
///             "breaker": { "failures": 5, "open-for": "10s" }
///         }
///     },
///     "targets": {
///         "acme:greeter/api": "greeter",
///         "acme:greeter/api#forget": { "policy": "greeter", "retry": "never" }
///     }
/// }"#)?;
/// let greeter = policies.for_target("acme:greeter/api#greet").unwrap();
/// assert_eq!(greeter.call(|| greet("Ada")).unwrap(), "Hello, Ada!");
/// # Ok::<(), steadfast::config::Mistakes>(())
/// ```
pub struct Policies {
    policies: Vec<Entry>,
    budgets: Vec<(String, Option<AnyBudget>)>,
    targets: Vec<Bound>,
    /// What was given out, by the name of the policy or the target.
    made: Local<Vec<(String, &'static Configured)>>,
    /// What the policies lack that the code may have.
    missing: Vec<Mistake>,
}

struct Entry {
    name: String,
    said: Table,
    /// None where something is missing.
    parts: Option<Parts>,
}

struct Bound {
    target: Target,
    policy: String,
    parts: Parts,
}

impl Policies {
    /// Reads JSON.
    ///
    /// # Errors
    /// Every mistake, with the path to it, its value and what is allowed.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let mistakes = Policies::from_json(r#"{"policies": {"greeter": {"retry": {"attempts": 0}}}}"#).unwrap_err();
    /// assert_eq!(mistakes.to_string(), "policies.greeter.retry.attempts: 0 is not allowed: it must be 1 or more");
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Mistakes> {
        Self::whole(json(text)?)
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// Every mistake, with the path to it, its value and what is allowed.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_toml(r#"
    ///     [policies.greeter]
    ///     deadline = "3s"
    ///     retry = { attempts = 4, backoff = { exponential = "50ms", max = "2s", jitter = "full" } }
    ///
    ///     [targets]
    ///     "acme:greeter/api" = "greeter"
    /// "#)?;
    /// assert!(policies.policy("greeter").is_some());
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, Mistakes> {
        Self::whole(toml(text)?)
    }

    /// Reads a configuration that is laid over what a component's code says, as the host's is: JSON, or with the feature
    /// `toml` also TOML. A policy may lack what the code has; it is [missing](Self::missing) then, and not there.
    ///
    /// # Errors
    /// Every mistake, with the path to it, its value and what is allowed.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::overriding(r#"{"policies": {"greeter": {"breaker": {"open-for": "1m"}}}}"#)?;
    /// let missing: Vec<_> = policies.missing().iter().map(|mistake| mistake.to_string()).collect();
    /// assert_eq!(missing, ["policies.greeter.breaker: `failures` or `failure-rate` is missing"]);
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn overriding(text: &str) -> Result<Self, Mistakes> {
        // What is missing is no mistake here, also beside one.
        Self::partial(any(text)?).map_err(|Mistakes(mut mistakes)| {
            mistakes.retain(|mistake| !mistake.missing);
            Mistakes(mistakes)
        })
    }

    /// What has to be in the code for the configuration to be whole; as a rule, nothing.
    ///
    /// ```
    /// let policies = steadfast::config::Policies::overriding("{}")?;
    /// assert!(policies.missing().is_empty());
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn missing(&self) -> &[Mistake] {
        &self.missing
    }

    /// The policy with this name, if there is one.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {"deadline": "3s"}}}"#)?;
    /// assert!(policies.policy("greeter").is_some());
    /// assert!(policies.policy("printer").is_none());
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn policy(&self, name: &str) -> Option<&'static Configured> {
        Some(self.made(name, *self.parts(name)?))
    }

    /// The policy for a function, `acme:greeter/api#greet`, or an interface, `acme:greeter/api`; a version is
    /// overlooked. What is bound to the function is for it, or else what is bound to its interface, or else the
    /// `default`; if there is none of them, none.
    ///
    /// All functions without a policy of their own share that of their interface; interfaces share nothing, also where
    /// both have the default.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{
    ///     "policies": { "careful": { "deadline": "3s" } },
    ///     "targets": { "default": "careful" }
    /// }"#)?;
    /// let greeter = policies.for_target("acme:greeter/api@0.1.0#greet").unwrap();
    /// assert!(core::ptr::eq(greeter, policies.for_target("acme:greeter/api").unwrap()));
    /// assert!(!core::ptr::eq(greeter, policies.for_target("acme:printer/api").unwrap()));
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn for_target(&self, target: &str) -> Option<&'static Configured> {
        let (interface, function) = targets::parsed(target);
        let bound = |wanted: Target| self.targets.iter().find(|bound| bound.target == wanted);
        if let Some(function) = function {
            let of_its_own = format!("{interface}#{function}");
            if let Some(bound) = bound(Target::Named(of_its_own.clone())) {
                return Some(self.made(&of_its_own, bound.parts.placed(&of_its_own)));
            }
        }
        let bound = bound(Target::Named(interface.clone())).or_else(|| bound(Target::Default))?;
        Some(self.made(&interface, bound.parts.placed(&interface)))
    }

    /// What the host has configured for this component, read when it is first asked for: the value of the key `steadfast`
    /// of `wasi:config`. `None` where that is nothing, or cannot be used; that is reported to standard error, once.
    ///
    /// It may lack what the code has ([`Named`](super::Named)); policies that are not whole are not there.
    ///
    /// ```
    /// use steadfast::config::{Policies, provide};
    ///
    /// provide(r#"{"policies": {"greeter": {"deadline": "3s"}}}"#); // in a component, the host does
    /// assert!(Policies::of_the_host().and_then(|policies| policies.policy("greeter")).is_some());
    /// ```
    pub fn of_the_host() -> Option<&'static Policies> {
        super::host::policies()
    }

    /// The names of all policies.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{"policies": {"greeter": {"deadline": "3s"}}}"#)?;
    /// assert_eq!(policies.names().collect::<Vec<_>>(), ["greeter"]);
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|entry| entry.name.as_str())
    }

    /// All targets, with the names of their policies.
    ///
    /// ```
    /// use steadfast::config::Policies;
    ///
    /// let policies = Policies::from_json(r#"{
    ///     "policies": { "careful": { "deadline": "3s" } },
    ///     "targets": { "default": "careful" }
    /// }"#)?;
    /// assert_eq!(policies.targets().collect::<Vec<_>>(), [("default", "careful")]);
    /// # Ok::<(), steadfast::config::Mistakes>(())
    /// ```
    pub fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.targets.iter().map(|bound| (bound.target.as_str(), bound.policy.as_str()))
    }

    /// The one policy of this key, made when it is first asked for.
    fn made(&self, key: &str, parts: Parts) -> &'static Configured {
        let find = |made: &[(String, &'static Configured)]| {
            made.iter().find(|(other, _)| other == key).map(|(_, policy)| *policy)
        };
        if let Some(policy) = self.made.with(|made| find(made)) {
            return policy;
        }
        let policy: &'static Configured = Box::leak(Box::new(parts.policy(())));
        let key = key.to_string();
        self.made.with(|made| {
            // Another thread may have been faster.
            find(made).unwrap_or_else(|| {
                made.push((key.clone(), policy));
                policy
            })
        })
    }

    /// The parts of the policy, or of the target, with this name.
    pub(super) fn parts(&self, policy: &str) -> Option<&Parts> {
        self.policies.iter().find(|entry| entry.name == policy)?.parts.as_ref()
    }

    /// The parts of what is bound to this target, as it is written in the file.
    pub(super) fn parts_for(&self, target: &str) -> Option<&Parts> {
        self.targets.iter().find(|bound| bound.target.as_str() == target).map(|bound| &bound.parts)
    }

    /// What the policy with this name says, and the budgets that it may name.
    pub(super) fn said(&self, policy: &str) -> Option<&Table> {
        self.policies.iter().find(|entry| entry.name == policy).map(|entry| &entry.said)
    }

    pub(super) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// A configuration that stands for itself.
    fn whole(value: Value) -> Result<Self, Mistakes> {
        let policies = Self::partial(value)?;
        if policies.missing.is_empty() { Ok(policies) } else { Err(Mistakes(policies.missing)) }
    }

    /// A configuration from which something may be missing, since the code has it.
    fn partial(value: Value) -> Result<Self, Mistakes> {
        let mut reader = Reader::default();
        let policies = Self::read(&value, &mut reader);
        if reader.refuses() {
            return Err(Mistakes(reader.into_mistakes()));
        }
        match policies {
            Some(policies) => Ok(Policies { missing: reader.into_mistakes(), ..policies }),
            None => Err(Mistakes(reader.into_mistakes())),
        }
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let Value::Table(file) = value else {
            reader.refuse(value, "a table with `policies`, and maybe `budgets` and `targets`");
            return None;
        };
        // `$schema` tells editors which schema the file has.
        const KEYS: [&str; 4] = ["policies", "budgets", "targets", "$schema"];
        for (key, value) in file {
            match key.as_str() {
                "$schema" if !matches!(value, Value::Text(_)) => {
                    reader.within(key, |reader| reader.refuse(value, "the address of a schema, as a text"));
                }
                key if KEYS.contains(&key) => {}
                key => reader.unknown_key(key, KEYS.into_iter()),
            }
        }

        let mut budgets = Vec::new();
        for_each(file, "budgets", reader, |name, value, reader| {
            let before = reader.mistakes();
            reader.check_table(value, &BUDGET);
            let budget = match value {
                Value::Table(table) if reader.mistakes() == before => parts::budget(Settings(table), reader),
                _ => None,
            };
            budgets.push((name.into(), budget));
            Some(())
        });

        reader.allow_budgets(&budgets);

        let mut policies = Vec::new();
        for_each(file, "policies", reader, |name, value, reader| {
            let before = reader.mistakes();
            let parts = Some(Parts::read(value, &budgets, reader)).filter(|_| reader.mistakes() == before);
            let Value::Table(said) = value else { return None };
            policies.push(Entry { name: name.into(), said: said.clone(), parts });
            Some(())
        });

        let mut targets = Vec::new();
        let names: Vec<&str> = match get(file, "policies") {
            Some((_, Value::Table(policies))) => policies.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        };
        for_each(file, "targets", reader, |target, value, reader| {
            let target = Target::read(target, reader);
            let (policy, over) = targets::binding(value, reader)?;
            if !names.contains(&policy.as_str()) {
                reader.unknown("policy", &policy, names.iter().copied());
            }
            let entry = policies.iter().find(|entry| entry.name == policy);
            let Some(entry) = entry.filter(|entry| entry.parts.is_some()) else {
                // What is wrong with the policy was said where it stands.
                reader.without_missing(|reader| reader.check_table(&Value::Table(over), &POLICY));
                return None;
            };
            let mut said = entry.said.clone();
            overlay(&mut said, &over);
            let parts = Parts::read(&Value::Table(said), &budgets, reader);
            targets.push(Bound { target: target?, policy, parts });
            Some(())
        });
        Some(Policies { policies, budgets, targets, made: Local::new(Vec::new()), missing: Vec::new() })
    }
}

/// Reads each entry of the table at `key`, if there is one, with the reader at it.
fn for_each(
    file: &Table,
    key: &str,
    reader: &mut Reader,
    mut read: impl FnMut(&str, &Value, &mut Reader) -> Option<()>,
) {
    let Some((_, value)) = get(file, key) else { return };
    reader.within(key, |reader| match value {
        Value::Table(entries) => {
            for (name, value) in entries {
                reader.within(name, |reader| read(name, value, reader));
            }
        }
        _ => reader.refuse(value, "a table"),
    });
}

/// JSON begins with a brace, and TOML with anything else.
fn any(text: &str) -> Result<Value, Mistakes> {
    #[cfg(feature = "toml")]
    if !text.trim_start().starts_with('{') {
        return toml(text);
    }
    json(text)
}

pub(super) fn json(text: &str) -> Result<Value, Mistakes> {
    serde_json::from_str(text).map_err(|error| Mistakes::unreadable(format!("not JSON: {error}"), error.line()))
}

#[cfg(feature = "toml")]
fn toml(text: &str) -> Result<Value, Mistakes> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let problem = error.message().trim().replace('\n', ", ");
        Mistakes::unreadable(format!("not TOML: {problem} at line {line}"), line)
    })
}

/// From any format, as a part of a larger configuration too.
impl<'de> Deserialize<'de> for Policies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Policies::whole(Value::deserialize(deserializer)?).map_err(Error::custom)
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies = self.policies.iter().map(|entry| (&entry.name, &entry.parts));
        let targets = self.targets.iter().map(|bound| (bound.target.as_str(), &bound.policy));
        f.debug_struct("Policies")
            .field("policies", &policies.collect::<Vec<_>>())
            .field("targets", &targets.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
