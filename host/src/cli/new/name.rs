//! The name of a project, as its files have it.

use std::path::Path;

use steadfast_host::Error;

/// What a package of Cargo must not be called, or not in a project that has such a package already.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "greeter",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "steadfast",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "wstd",
    "yield",
];

pub(super) struct Name(String);

impl Name {
    /// The last part of `path`.
    ///
    /// # Errors
    /// [`Error::Project`], when Cargo would not take it as the name of a package.
    pub fn of(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
        let problem = match () {
            () if !starts || !plain => {
                "a name begins with a letter from a to z, and has letters, digits, `-` and `_` after that"
            }
            () if TAKEN.contains(&name) => "this name has a meaning for Cargo or in the project itself",
            () => return Ok(Name(name.into())),
        };
        let problem = format!("`{name}` cannot be its name: {problem}; give another, like `hello`");
        Err(Error::Project { path: path.into(), problem })
    }

    /// A file of a template, with what it leaves open.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", &self.0)
            .replace("{{file}}", &self.0.replace('-', "_"))
            .replace("{{steadfast}}", &source())
    }
}

/// Where Cargo gets the crate `steadfast`: a command that was built from a checkout takes the one beside it.
fn source() -> String {
    let version = concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let is_there = |path: &&Path| path.join("host/templates").is_dir() && path.join("macros").is_dir();
    match checkout.filter(is_there).and_then(Path::to_str) {
        // As a string of TOML.
        Some(path) => format!("{version}, path = {}", toml::Value::from(path)),
        None => version.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        assert_eq!(Name::of(Path::new("a/B/my-app")).unwrap().fill("{{name}} {{file}}"), "my-app my_app");
    }

    #[test]
    fn a_name_that_cargo_refuses_is_refused_with_the_reason() {
        for (path, reason) in [
            ("Hello", "a name begins with a letter from a to z"),
            ("1st", "a name begins"),
            ("hällo", "a name begins"),
            ("a b", "a name begins"),
            ("..", "a name begins"),
            ("", "a name begins"),
            ("made/test", "this name has a meaning for Cargo"),
            ("greeter", "this name has a meaning"),
        ] {
            let Err(error) = Name::of(Path::new(path)) else { panic!("`{path}` is taken") };
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
