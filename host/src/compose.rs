//! Composes components into one: what was a call over a lattice becomes a call within.

use std::fmt;
use std::path::Path;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PlugError};

use crate::component::{Component, Interface};
use crate::error::{Error, quote};

/// Plugs the exports of `provider` into the imports of `app` and returns the bytes of the composed component.
/// The bytes of both are in it, unchanged.
///
/// # Errors
/// [`Error`], when either file is no component, or no import of `app` can be served by `provider`.
pub fn compose(app: &Path, provider: &Path) -> Result<Vec<u8>, Error> {
    const HINT: &str = "give the path of a component";
    let failed = |problem: String| Error::Compose { app: app.to_path_buf(), provider: provider.to_path_buf(), problem };
    let (first, second) = (Component::read(app, HINT)?, Component::read(provider, HINT)?);
    let fitting = fit(&first, &second).map_err(failed)?;

    let uncomposable = |error: &dyn fmt::Display| failed(format!("{}; build both again", quote(error)));
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, component: &Component| {
        let package = Package::from_bytes(name, None, component.bytes(), graph.types_mut());
        let package = package.map_err(|error| uncomposable(&error))?;
        graph.register_package(package).map_err(|error| uncomposable(&error))
    };
    let socket = register("app", &first)?;
    let plug = register("provider", &second)?;
    let plugged = match wac_graph::plug(&mut graph, vec![plug], socket) {
        Ok(()) => true,
        Err(PlugError::NoPlugHappened) => false,
        Err(PlugError::GraphError { source }) => return Err(uncomposable(&source)),
    };
    let composed = graph.encode(EncodeOptions::default()).map_err(|error| uncomposable(&error))?;
    // The composer leaves out what does not fit, and says nothing.
    let composed = Component::parse(app, composed)?;
    for import in fitting {
        let open = |component: &Component| component.all_imports().any(|(other, _)| other == import);
        if !plugged || (open(&composed) && !open(&second)) {
            return Err(failed(format!(
                "the first imports `{import}` with other types than the second exports; build both against the same WIT"
            )));
        }
    }
    Ok(composed.into_bytes())
}

/// The imports of `app` that `provider` serves; or, in terms of interfaces and functions, why the two do not
/// compose.
fn fit<'a>(app: &'a Component, provider: &Component) -> Result<Vec<&'a Interface>, String> {
    let (mut served, mut other_versions) = (Vec::new(), Vec::new());
    for (import, wanted) in app.all_imports() {
        let exports = provider.all_exports().filter(|(export, _)| export.path() == import.path());
        let (fitting, others): (Vec<_>, Vec<_>) = exports.partition(|(export, _)| import.is_served_by(export));
        let Some((_, given)) = fitting.first() else {
            other_versions.extend(others.iter().map(|(export, _)| (import, *export)));
            continue;
        };
        served.push(import);
        // Resources do compose; then there is no signature to look at.
        let (Ok(wanted), Ok(given)) = (wanted, given) else { continue };
        for (name, wanted) in wanted {
            match given.get(name) {
                Some(given) if wanted == given => {}
                Some(given) if wanted.is_served_by(given) => {
                    return Err(format!(
                        "`{import}#{name}` returns `result<_, rpc-error>` in one of them and a plain value in the other; \
                         a lattice carries that difference, a composition does not: give both the same type"
                    ));
                }
                Some(given) => {
                    return Err(format!(
                        "the first imports `{import}#{name}` as `{}`, the second exports it as `{}`; \
                         build both against the same WIT",
                        wanted.wire(),
                        given.wire()
                    ));
                }
                None => {
                    return Err(format!(
                        "the first imports `{import}#{name}`, which the second lacks; build both against the same WIT"
                    ));
                }
            }
        }
    }
    if !served.is_empty() {
        for (import, export) in other_versions {
            tracing::warn!("`{import}` stays open: the second exports `{export}`, which is another version");
        }
        return Ok(served);
    }
    if let Some((import, export)) = other_versions.first() {
        return Err(format!(
            "the first imports `{import}`, the second exports `{export}`; build both against the same version"
        ));
    }
    let advice = if provider.all_imports().any(|(import, _)| app.exported(&import.path()).is_some()) {
        "give them in the other order"
    } else if app.all_imports().next().is_none() {
        "the first needs no other, as WASI comes from the host"
    } else {
        "give as the second a component that exports what the first imports"
    };
    Err(format!(
        "nothing fits: the first imports {}, the second exports {}; {advice}",
        app.import_list(),
        provider.export_list(),
    ))
}
