//! What the host has configured: asked for once, and reported once where it is of no use.

use std::io::Write;

use steadfast_settings::{KEY, REPORT};

use super::policies::Policies;
use crate::platform::state::Local;

/// None before the host was asked.
static ASKED: Local<Option<Option<&'static Policies>>> = Local::new(None);

pub(super) fn policies() -> Option<&'static Policies> {
    if let Some(policies) = ASKED.with(|asked| *asked) {
        return policies;
    }
    let policies = match load(text()) {
        Ok(policies) => policies.map(|policies| &*Box::leak(Box::new(policies))),
        Err(text) => {
            report(&text);
            None
        }
    };
    ASKED.with(|asked| *asked.get_or_insert(policies))
}

/// The policies in the host's answer, or what there is to report.
pub(super) fn load(answer: Result<Option<String>, String>) -> Result<Option<Policies>, String> {
    let unused = format!(
        "the host's configuration, key `{KEY}` of wasi:config, is not used, so the settings in the code stay in force"
    );
    match answer {
        Ok(None) => Ok(None),
        Ok(Some(text)) if !cfg!(feature = "toml") && !text.trim_start().starts_with('{') => Err(format!(
            "{unused}: it is not JSON, and this component reads JSON only; give it JSON, or build it with the feature \
             `toml` of the crate steadfast"
        )),
        Ok(Some(text)) => Policies::overriding(&text).map(Some).map_err(|mistakes| {
            format!("{unused}; correct it, and check it with `steadfast policy check`:\n{mistakes}")
        }),
        Err(error) => Err(format!("{unused}: the host answers with an error: {error}")),
    }
}

/// For the people who run the system. Where standard error is closed, that is no reason to fail.
pub(super) fn report(text: &str) {
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "{REPORT}{line}");
    }
}

#[cfg(target_os = "wasi")]
fn text() -> Result<Option<String>, String> {
    use bindings::wasi::config::store::{Error, get};

    get(KEY).map_err(|error| match error {
        Error::Upstream(message) | Error::Io(message) => message,
    })
}

#[cfg(target_os = "wasi")]
mod bindings {
    #![allow(unsafe_code, missing_docs, reason = "generated")]

    wit_bindgen::generate!({
        path: "src/config/wit",
        world: "imports",
        generate_all,
        // Else a component that generates the same interface itself fails to link in debug builds.
        type_section_suffix: "steadfast-config",
    });
}

#[cfg(not(target_os = "wasi"))]
static PROVIDED: Local<Option<String>> = Local::new(None);

#[cfg(not(target_os = "wasi"))]
fn text() -> Result<Option<String>, String> {
    Ok(PROVIDED.with(|provided| provided.clone()))
}

/// Has the value of the key `steadfast` outside of components, where there is no host: in tests. It counts when it is
/// given before a [`Named`](super::Named) policy is first asked for.
///
/// ```
/// use steadfast::config::{Named, provide};
/// use steadfast::testing::TestClock;
/// use steadfast::{Cause, Delivery, RpcError};
///
/// provide(r#"{"policies": {"greeter": {"retry": {"attempts": 6}}}}"#);
///
/// static GREETER: Named = Named::new("greeter", r#"{"deadline": "60s", "retry": {"attempts": 4}}"#);
/// let no_target = || Err::<(), _>(RpcError::new(Cause::NoTarget, Delivery::NotSent));
/// assert_eq!(GREETER.policy().with(&TestClock::new()).call(no_target).unwrap_err().attempts(), 6);
/// ```
#[cfg(not(target_os = "wasi"))]
pub fn provide(text: &str) {
    let text = text.to_string();
    PROVIDED.with(|provided| *provided = Some(text));
}
