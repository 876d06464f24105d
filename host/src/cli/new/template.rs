//! The files of each kind of project.

/// The path of a file in a project, and its text, with `{{name}}`, `{{file}}` (of the component) and `{{steadfast}}` (where
/// that crate is) left open.
pub(super) type File = (&'static str, &'static str);

/// A kind of project.
pub(super) struct Template {
    /// For the person who asked for it.
    pub what: &'static str,
    /// What to type then.
    pub next: &'static [&'static str],
    own: &'static [File],
    /// What projects of several kinds have.
    shared: &'static [File],
}

impl Template {
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.own.iter().chain(self.shared)
    }
}

/// What all projects have.
pub(super) const IGNORED: File = (".gitignore", file!("gitignore"));

/// The component beside the project that it calls, and the interface of that.
const GREETER: &[File] = &[
    ("wit/deps/greeter/greeter.wit", file!("greeter/wit/api.wit")),
    ("greeter/Cargo.toml", file!("greeter/Cargo.toml.in")),
    ("greeter/src/lib.rs", file!("greeter/src/lib.rs")),
    ("greeter/wit/api.wit", file!("greeter/wit/api.wit")),
    ("greeter/wit/world.wit", file!("greeter/wit/world.wit")),
];

pub(super) static HANDLER: Template = Template {
    what: "an HTTP handler, and the greeter that it calls",
    next: &["cargo test", "steadfast dev"],
    own: &[
        ("Cargo.toml", file!("handler/Cargo.toml.in")),
        ("README.md", file!("handler/README.md.in")),
        ("steadfast.toml", file!("handler/steadfast.toml.in")),
        ("src/main.rs", file!("handler/src/main.rs")),
        ("wit/world.wit", file!("handler/wit/world.wit")),
    ],
    shared: GREETER,
};

pub(super) static PROVIDER: Template = Template {
    what: "a greeter, which other components call",
    next: &["cargo test", "cargo build --release --target wasm32-wasip2", "steadfast provide --tcp 127.0.0.1:7761"],
    own: &[
        ("Cargo.toml", file!("provider/Cargo.toml.in")),
        ("README.md", file!("provider/README.md.in")),
        ("steadfast.toml", file!("provider/steadfast.toml.in")),
        ("src/lib.rs", file!("greeter/src/lib.rs")),
        ("wit/api.wit", file!("greeter/wit/api.wit")),
        ("wit/world.wit", file!("greeter/wit/world.wit")),
    ],
    shared: &[],
};

pub(super) static CRON: Template = Template {
    what: "a job that runs every 10 seconds, and the greeter that it calls",
    next: &["cargo test", "steadfast dev"],
    own: &[
        ("Cargo.toml", file!("cron/Cargo.toml.in")),
        ("README.md", file!("cron/README.md.in")),
        ("steadfast.toml", file!("cron/steadfast.toml.in")),
        ("src/lib.rs", file!("cron/src/lib.rs")),
        ("wit/world.wit", file!("cron/wit/world.wit")),
    ],
    shared: GREETER,
};
