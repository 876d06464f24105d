//! Composes components into one: what was a call over a lattice becomes a call within.

use std::path::Path;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasmtime::Engine;

use crate::Error;
use crate::component::Component;

/// Plugs the exports of `provider` into the imports of `app` and returns the bytes of the composed component.
/// The bytes of both are in it, unchanged.
///
/// # Errors
/// [`Error`], when either file is no component, or no import of `app` can be served by `provider`.
pub fn compose(app: &Path, provider: &Path) -> Result<Vec<u8>, Error> {
    const HINT: &str = "give the path of a component";
    let engine = Engine::default();
    fit(&Component::load(&engine, app, HINT)?, &Component::load(&engine, provider, HINT)?)?;
    let failed = |error: &dyn std::fmt::Display| Error::Compose {
        app: app.into(),
        provider: provider.into(),
        problem: error.to_string(),
    };

    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, path: &Path| {
        let package =
            Package::from_file(name, None, path, graph.types_mut()).map_err(|error| failed(&format!("{error:#}")))?;
        graph.register_package(package).map_err(|error| failed(&error))
    };
    let socket = register("app", app)?;
    let plug = register("provider", provider)?;
    wac_graph::plug(&mut graph, vec![plug], socket).map_err(|error| failed(&error))?;
    graph.encode(EncodeOptions::default()).map_err(|error| failed(&error))
}

/// Says in terms of interfaces and functions why two components do not compose; the composer itself would
/// leave out what does not fit, and say nothing.
fn fit(app: &Component, provider: &Component) -> Result<(), Error> {
    let problem = |problem| Err(Error::Compose { app: app.path.clone(), provider: provider.path.clone(), problem });
    let mut served = false;
    for (import, wanted) in app.imports() {
        let Some((export, given)) = provider.exported(&import.path()) else { continue };
        if !import.is_served_by(export) {
            return problem(format!(
                "the first imports `{import}`, the second exports `{export}`; build both against the same version"
            ));
        }
        // Resources do compose; then there is no signature to look at.
        let Ok(given) = given else { continue };
        for (name, wanted) in wanted {
            match given.get(name) {
                Some(given) if wanted == given => {}
                Some(given) if wanted.is_served_by(given) => {
                    return problem(format!(
                        "`{import}#{name}` returns `result<_, rpc-error>` in one of them and a plain value in the other; \
                         a lattice carries that difference, a composition does not: give both the same type"
                    ));
                }
                Some(given) => {
                    return problem(format!(
                        "the first imports `{import}#{name}` as `{}`, the second exports it as `{}`; \
                         build both against the same WIT",
                        wanted.wire(),
                        given.wire()
                    ));
                }
                None => {
                    return problem(format!(
                        "the first imports `{import}#{name}`, which the second lacks; build both against the same WIT"
                    ));
                }
            }
        }
        served = true;
    }
    if !served {
        return problem(format!(
            "nothing fits: the first imports {}, the second exports {}",
            app.import_list(),
            provider.export_list()
        ));
    }
    Ok(())
}
