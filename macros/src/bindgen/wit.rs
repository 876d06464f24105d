//! Reads the WIT that the options name, in the way of `generate!`.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::LitStr;
use wit_bindgen_core::wit_parser::{PackageId, Resolve, ResolveError, ResolveErrorKind};

use super::options::{Opt, string, strings};

/// The options that say which world `generate!` reads.
pub(super) struct Source {
    pub(super) paths: Vec<LitStr>,
    inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    features: Vec<LitStr>,
}

impl Source {
    /// Fails where `generate!` will: on values that it does not take, and options given twice.
    pub(super) fn read(options: &[Opt], crate_dir: &Path) -> syn::Result<Self> {
        fn once<T>(place: &mut Option<T>, option: &Opt, value: T) -> syn::Result<()> {
            match place.replace(value) {
                None => Ok(()),
                Some(_) => Err(syn::Error::new(option.key.span(), "given twice")),
            }
        }

        let (mut paths, mut inline, mut world) = (None, None, None);
        let mut features = Vec::new();
        for option in options {
            match option.key.to_string().as_str() {
                "path" => once(&mut paths, option, strings(option)?)?,
                "inline" => once(&mut inline, option, string(option)?)?,
                "world" => once(&mut world, option, string(option)?)?,
                "features" => features.extend(strings(option)?),
                _ => {}
            }
        }
        let paths = paths.unwrap_or_else(|| {
            // The default of `generate!`, which lets it be absent only where there is WIT inline.
            let absent = inline.is_some() && !crate_dir.join("wit").exists();
            let default = (!absent).then(|| LitStr::new("wit", Span::call_site()));
            default.into_iter().collect()
        });
        Ok(Self { paths, inline, world, features })
    }

    /// Reads the WIT in the way of `generate!`, with that in the directory `ahead` before it.
    pub(super) fn resolve(&self, ahead: Option<&str>, crate_dir: &Path) -> Result<Resolved, Unresolved> {
        let paths = self.paths.iter().map(|path| {
            let path = crate_dir.join(path.value());
            path.canonicalize().unwrap_or(path)
        });
        let paths: Vec<PathBuf> = ahead.map(PathBuf::from).into_iter().chain(paths).collect();
        let not_main = usize::from(ahead.is_some());
        let inline = self.inline.as_ref().map(LitStr::value);
        let features: Vec<String> = self.features.iter().map(LitStr::value).collect();

        let read = || {
            let mut resolve = Resolve::default();
            resolve.features.extend(features);
            let (mut packages, mut files) = (Vec::new(), Vec::new());
            for path in paths {
                let pushed = resolve.push_path(path);
                let (package, sources) = pushed.map_err(|error| Unresolved::because(error.downcast_ref()))?;
                packages.push(package);
                files.extend(sources.paths().map(Path::to_path_buf));
            }
            let main = match inline {
                None => packages.split_off(not_main),
                Some(wit) => {
                    let pushed = resolve.push_str("macro-input", &wit);
                    vec![pushed.map_err(|error| Unresolved::because(error.downcast_ref()))?]
                }
            };
            Ok(Resolved { resolve, main, files })
        };
        // `wit-parser` asserts that no package comes twice, whatever the caller's directories hold.
        catch_unwind(read).unwrap_or(Err(Unresolved::Panicked))
    }
}

/// The caller's WIT, and the packages in which a world is looked for.
pub(super) struct Resolved {
    pub(super) resolve: Resolve,
    pub(super) main: Vec<PackageId>,
    /// The files that were read.
    pub(super) files: Vec<PathBuf>,
}

/// Why the caller's WIT was not understood.
pub(super) enum Unresolved {
    /// It uses `steadfast:rpc`, of whatever version, and does not contain it.
    RpcNotFound,
    /// One package comes twice, or `wit-parser` has a bug.
    Panicked,
    /// For a reason that `generate!` reports.
    Otherwise,
}

impl Unresolved {
    fn because(error: Option<&ResolveError>) -> Self {
        match error.map(ResolveError::kind) {
            Some(ResolveErrorKind::PackageNotFound { requested, .. })
                if requested.namespace == "steadfast" && requested.name == "rpc" =>
            {
                Self::RpcNotFound
            }
            _ => Self::Otherwise,
        }
    }
}
