//! What of a component will hurt, and what to do about it.

use serde::Serialize;

use crate::component::{Standing, Surveyed, SurveyedFunction, Told};

/// Something that will hurt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Warning {
    /// How much.
    pub level: Level,
    /// What, for programs.
    pub kind: Kind,
    /// Of which side of the component.
    pub side: Side,
    /// The interface with its version.
    pub interface: String,
    /// The functions of it, by name; none where it is the interface itself.
    pub functions: Vec<String>,
    /// What, for people: a sentence.
    pub problem: String,
    /// What to do: a sentence.
    pub advice: String,
}

/// How much a warning matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Level {
    /// It hurts on this host.
    Warning,
    /// It hurts only with others.
    Note,
}

/// What will hurt. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A call that fails traps the component.
    Traps,
    /// An `async func` of WASI 0.3.
    Async,
    /// A resource, or another type whose values stay in one process.
    CannotCross,
    /// An interface inside of a world, that no link can name.
    InsideAWorld,
    /// An interface under a label, which this host does not run.
    Labelled,
    /// One interface in more than one version.
    TwoVersions,
    /// A WASI that this host does not have.
    OtherWasi,
    /// An error that other hosts make, and this one does not.
    ForeignError,
    /// A result that stock peers of wRPC encode in another way.
    StockPeers,
}

/// The imports or the exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Side {
    /// What the component calls.
    Import,
    /// What others call.
    Export,
}

pub(super) fn of_imports(imports: &[Surveyed]) -> Vec<Warning> {
    of(Side::Import, imports)
}

pub(super) fn of_exports(exports: &[Surveyed]) -> Vec<Warning> {
    of(Side::Export, exports)
}

fn of(side: Side, interfaces: &[Surveyed]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, surveyed) in interfaces.iter().enumerate() {
        let mut found = Found { side, surveyed, warnings: Vec::new() };
        match &surveyed.standing {
            Standing::Wasi => {}
            // It is said with the functions that return the resource.
            Standing::WrpcError => {}
            Standing::OtherWasi(problem) => found.interface(Kind::OtherWasi, sentences(verb(side), problem)),
            Standing::Labelled => found.interface(Kind::Labelled, labelled(side)),
            Standing::Nameless => {
                found.interface(Kind::InsideAWorld, (inside_a_world(side), "Give it a package.".into()));
                found.functions();
            }
            Standing::Linkable => {
                let earlier = &interfaces[..index];
                if let Some(other) = earlier.iter().find(|other| is_other_version(other, surveyed)) {
                    found.interface(Kind::TwoVersions, two_versions(side, other));
                }
                found.functions();
            }
        }
        warnings.append(&mut found.warnings);
    }
    warnings
}

fn is_other_version(one: &Surveyed, other: &Surveyed) -> bool {
    one.standing == Standing::Linkable
        && !one.interface.package.is_empty()
        && one.interface.path() == other.interface.path()
}

/// What was found of one interface.
struct Found<'s> {
    side: Side,
    surveyed: &'s Surveyed,
    warnings: Vec<Warning>,
}

impl Found<'_> {
    fn interface(&mut self, kind: Kind, (problem, advice): (String, String)) {
        self.warnings.push(Warning {
            level: Level::Warning,
            kind,
            side: self.side,
            interface: self.surveyed.interface.to_string(),
            functions: Vec::new(),
            problem,
            advice,
        });
    }

    /// One more function with a problem, beside those that have the same.
    fn function(&mut self, name: &str, level: Level, kind: Kind, (problem, advice): (String, String)) {
        let same =
            |warning: &&mut Warning| warning.kind == kind && warning.problem == problem && warning.advice == advice;
        if let Some(warning) = self.warnings.iter_mut().find(same) {
            return warning.functions.push(name.into());
        }
        self.interface(kind, (problem, advice));
        if let Some(warning) = self.warnings.last_mut() {
            warning.level = level;
            warning.functions.push(name.into());
        }
    }

    fn functions(&mut self) {
        let surveyed = self.surveyed;
        let imported = self.side == Side::Import;
        for function in &surveyed.functions {
            if let Some(obstacle) = &function.obstacle {
                let (kind, said) = obstruction(self.side, function, obstacle);
                self.function(&function.name, Level::Warning, kind, said);
            }
            match function.told {
                Told::No if imported => {
                    self.function(&function.name, Level::Warning, Kind::Traps, traps());
                }
                Told::Steadfast => {
                    self.function(&function.name, Level::Note, Kind::StockPeers, stock_peers(self.side));
                }
                Told::Wasmcloud if imported => {
                    self.function(&function.name, Level::Warning, Kind::ForeignError, of_wasmcloud());
                }
                Told::No | Told::Wrpc | Told::Wasmcloud | Told::Postgres | Told::Messaging => {}
            }
        }
        if surveyed.has_resource && surveyed.functions.iter().all(|function| function.obstacle.is_none()) {
            let said = sentences(
                "It has",
                "a resource; a resource stays in the process that made it: compose the two \
                 components, or pass plain values",
            );
            self.interface(Kind::CannotCross, said);
        }
        // As a manifest has them: what keeps the component from running comes first.
        self.warnings.sort_by_key(|warning| (warning.level == Level::Note, !warning.functions.is_empty()));
    }
}

/// What is in the way of a function.
fn obstruction(side: Side, function: &SurveyedFunction, obstacle: &str) -> (Kind, (String, String)) {
    if function.is_async {
        let problem = "An `async func` is of WASI 0.3, which this host does not run.".to_string();
        return (Kind::Async, (problem, "Declare it as `func`.".into()));
    }
    let (mut problem, advice) = sentences("It", obstacle);
    problem += match side {
        Side::Import => " The host refuses to run the component.",
        Side::Export => " No link can lead to it.",
    };
    (Kind::CannotCross, (problem, advice))
}

fn traps() -> (String, String) {
    (
        "When a call fails, the component traps: the type has no error to tell it by.".into(),
        "Return `result<_, rpc-error>`, with the error of `steadfast:rpc/types@0.1.0`.".into(),
    )
}

fn stock_peers(side: Side) -> (String, String) {
    let (problem, peer) = match side {
        Side::Import => {
            ("Only the `T` of `result<T, rpc-error>` travels, and a stock wRPC peer sends all of it.", "serves")
        }
        Side::Export => {
            ("Only the `T` of `result<T, rpc-error>` travels, and a stock wRPC peer expects all of it.", "calls")
        }
    };
    (problem.into(), format!("Build a stock peer that {peer} it against WIT that returns a plain `T`."))
}

fn of_wasmcloud() -> (String, String) {
    (
        "The error is made by hosts of wasmCloud; this host sends the result as any other, and traps when a call fails."
            .into(),
        "Return `result<_, rpc-error>` of `steadfast:rpc/types@0.1.0`, or run it on a host that has \
         `wasmcloud:bus/lattice`."
            .into(),
    )
}

fn inside_a_world(side: Side) -> String {
    match side {
        Side::Import => {
            "It is inside of a world, so no link can name it. The host refuses to run the component.".into()
        }
        Side::Export => "It is inside of a world, so no link can name it.".into(),
    }
}

fn labelled(side: Side) -> (String, String) {
    (
        format!("{} an interface under a label. The host refuses to run the component.", verb(side)),
        "Use the interface by its own name, without a label.".into(),
    )
}

fn two_versions(side: Side, other: &Surveyed) -> (String, String) {
    let other = &other.interface;
    match side {
        Side::Import => (
            format!("`{other}` is imported too. A link names no version, so one target has to serve both."),
            "Build all parts of the component against one version.".into(),
        ),
        Side::Export => (
            format!("`{other}` is exported too. A link names no version, and leads to that one only."),
            "Export one version.".into(),
        ),
    }
}

fn verb(side: Side) -> &'static str {
    match side {
        Side::Import => "It imports",
        Side::Export => "It exports",
    }
}

/// "has a resource; pass plain values" as two sentences.
fn sentences(subject: &str, text: &str) -> (String, String) {
    let (problem, advice) = text.split_once("; ").unwrap_or((text, "Build it without"));
    (format!("{subject} {problem}."), format!("{}.", capitalised(advice)))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
