//! An inspection for people.

use std::collections::BTreeMap;
use std::fmt;

use super::{Failure, Function, Inspection, Interface, Level, OtherEnd, Warning};
use crate::escape::Escaped;

/// So many functions of a warning are named; the list above has them all.
const NAMED: usize = 4;

/// Lines are no longer, where they can be broken.
const COLUMNS: usize = 100;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Escaped(&self.file))?;
        section(f, "Imports, and what the component gets when a call fails", &self.imports, |function| {
            let crosses = if function.crosses { "" } else { ", and cannot cross" };
            format!("{}{crosses}", gets(function.failure))
        })?;
        wasi(f, "Imports that WASI provides", &self.imports)?;
        section(f, "Exports", &self.exports, |function| {
            let crosses = if function.crosses { "" } else { "cannot cross" };
            crosses.into()
        })?;
        wasi(f, "Exports to WASI", &self.exports)?;
        if self.imports.is_empty() && self.exports.is_empty() {
            writeln!(f, "\nIt imports nothing and exports nothing.")?;
        }
        warnings(f, &self.warnings)
    }
}

fn gets(failure: Failure) -> &'static str {
    match failure {
        Failure::Trap => "a trap",
        Failure::Steadfast => "rpc-error of steadfast:rpc",
        Failure::Wrpc => "error of wrpc:rpc",
        Failure::Wasmcloud => "rpc-error of wasmcloud:bus",
        Failure::Postgres => "a text, in an error of wasmcloud:postgres",
        Failure::Messaging => "a text, the error of wasmcloud:messaging",
    }
}

/// What other components are for, with a note on each function, and the notes below each other.
fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    interfaces: &[Interface],
    note: impl Fn(&Function) -> String,
) -> fmt::Result {
    let interfaces = || interfaces.iter().filter(|interface| interface.other_end != OtherEnd::Wasi);
    let functions = || interfaces().filter(|it| listed(it)).flat_map(|interface| &interface.functions);
    if interfaces().next().is_none() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    let name = |function: &Function| Escaped(&function.name).to_string();
    let width = functions().map(|function| name(function).len()).max().unwrap_or_default();
    let line = |f: &mut fmt::Formatter<'_>, indent: &str, width: usize, function: &Function| {
        let line = format!("{indent}{:width$}  {}", name(function), note(function));
        writeln!(f, "{}", line.trim_end())
    };
    for interface in interfaces() {
        if let [function] = &interface.functions[..]
            && function.name == interface.interface
        {
            // It stands in the world by itself.
            line(f, "  ", width + 2, function)?;
            continue;
        }
        let end = match interface.other_end {
            OtherEnd::WrpcHost => "  (from the host, as wRPC has it)",
            OtherEnd::Nobody => "  (nobody here has it)",
            OtherEnd::Wasi | OtherEnd::Link => "",
        };
        writeln!(f, "  {}{end}", Escaped(interface.full_name()))?;
        interface.functions.iter().filter(|_| listed(interface)).try_for_each(|each| line(f, "    ", width, each))?;
    }
    Ok(())
}

/// Whether the functions are of interest: those of an error are the same everywhere.
fn listed(interface: &Interface) -> bool {
    interface.other_end != OtherEnd::WrpcHost
}

/// The interfaces of WASI, by package.
fn wasi(f: &mut fmt::Formatter<'_>, title: &str, interfaces: &[Interface]) -> fmt::Result {
    let mut packages = BTreeMap::<String, Vec<String>>::new();
    for interface in interfaces.iter().filter(|interface| interface.other_end == OtherEnd::Wasi) {
        let (package, name) = interface.interface.split_once('/').unwrap_or((&interface.interface, ""));
        let package = match &interface.version {
            Some(version) => Escaped(format_args!("{package}@{version}")).to_string(),
            None => Escaped(package).to_string(),
        };
        packages.entry(package).or_default().push(Escaped(name).to_string());
    }
    if packages.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    let width = packages.keys().map(String::len).max().unwrap_or_default();
    for (package, names) in packages {
        let mut line = format!("  {package:width$} ");
        for (index, name) in names.iter().enumerate() {
            let comma = if index + 1 == names.len() { "" } else { "," };
            if line.len() + name.len() + comma.len() >= COLUMNS {
                writeln!(f, "{line}")?;
                line = " ".repeat(width + 3);
            }
            line = format!("{line} {name}{comma}");
        }
        writeln!(f, "{line}")?;
    }
    Ok(())
}

/// Those that say the same once, with all their places; what hurts here before what hurts elsewhere.
fn warnings(f: &mut fmt::Formatter<'_>, warnings: &[Warning]) -> fmt::Result {
    let mut alike: Vec<Vec<&Warning>> = Vec::new();
    for warning in warnings {
        let says = |other: &Warning| {
            (other.level, &other.problem, &other.advice) == (warning.level, &warning.problem, &warning.advice)
        };
        match alike.iter_mut().find(|those| says(those[0])) {
            Some(those) => those.push(warning),
            None => alike.push(vec![warning]),
        }
    }
    alike.sort_by_key(|those| those[0].level == Level::Note);
    for those in alike {
        let Warning { level, problem, advice, .. } = those[0];
        let level = match level {
            Level::Warning => "warning",
            Level::Note => "note",
        };
        let width = level.len() + 2;
        let places = those.iter().map(|warning| place(warning)).collect::<Vec<_>>().join(&format!("\n{:width$}", ""));
        writeln!(f, "\n{level}: {places}\n  {}\n  {}", Escaped(problem), Escaped(advice))?;
    }
    Ok(())
}

fn place(warning: &Warning) -> String {
    // A function that stands in a world by itself is its own interface.
    if warning.functions.is_empty() || warning.functions == [warning.interface.as_str()] {
        return Escaped(&warning.interface).to_string();
    }
    Escaped(format_args!("{}: {}", warning.interface, some(&warning.functions))).to_string()
}

/// The first names of a list.
fn some(names: &[String]) -> String {
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let names = ["a", "b", "c", "d", "e", "f"].map(String::from);
        assert_eq!(some(&names[..4]), "a, b, c, d");
        assert_eq!(some(&names), "a, b, c, d and 2 more");
    }

    #[test]
    fn a_name_does_not_break_its_line() {
        let name = "a\n\u{1b}[2J\u{202e}";
        let function = || Function { name: name.into(), failure: Failure::Trap, crosses: true };
        let interface = |interface: &str, other_end| Interface {
            interface: interface.into(),
            version: None,
            label: None,
            other_end,
            functions: vec![function(), function()],
        };
        let inspection = Inspection {
            format: 1,
            file: name.into(),
            imports: vec![interface(name, OtherEnd::Link), interface(name, OtherEnd::Wasi)],
            exports: Vec::new(),
            warnings: vec![Warning {
                level: Level::Note,
                kind: crate::inspect::Kind::Traps,
                side: crate::inspect::Side::Import,
                interface: name.into(),
                functions: vec![name.into()],
                problem: name.into(),
                advice: name.into(),
            }],
        };
        let escaped = r"a\n\u{1b}[2J\u{202e}";
        let (text, json) = (inspection.to_string(), inspection.to_json());
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert_eq!(text.matches(escaped).count(), 8, "{text}");
        assert!(!json.contains(['\u{1b}', '\u{202e}']), "{json}");
    }

    #[test]
    fn warnings_that_say_the_same_are_said_once_and_notes_come_last() {
        use crate::inspect::{Kind, Side};
        let warning = |level, interface: &str, problem: &str| Warning {
            level,
            kind: Kind::Traps,
            side: Side::Import,
            interface: interface.into(),
            functions: vec!["f".into()],
            problem: problem.into(),
            advice: "Do.".into(),
        };
        let inspection = Inspection {
            format: 1,
            file: "app.wasm".into(),
            imports: Vec::new(),
            exports: Vec::new(),
            warnings: vec![
                warning(Level::Note, "a:a/a", "It may."),
                warning(Level::Warning, "b:b/b", "It will."),
                warning(Level::Note, "c:c/c", "It may."),
            ],
        };
        let text = inspection.to_string();
        let end = "\nwarning: b:b/b: f\n  It will.\n  Do.\n\nnote: a:a/a: f\n      c:c/c: f\n  It may.\n  Do.\n";
        assert!(text.ends_with(end), "{text}");
    }
}
