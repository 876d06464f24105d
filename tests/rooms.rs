//! The rooms of `src/` and of `host/src/` depend on each other in one direction, which docs/architecture.md draws.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room may use those before it. `testing` is for users' tests, so it needs little.
const ROOMS: [&str; 8] = ["platform", "failure", "observe", "testing", "policy", "call", "config", "http"];

/// The same of the host, where a room may be a file.
const HOST_ROOMS: [&str; 33] = [
    "escape",
    "excerpt",
    "small_file",
    "certificates",
    "failure",
    "error",
    "authority",
    "trace",
    "metrics",
    "clock",
    "deadline",
    "health",
    "nats",
    "server",
    "component",
    "lattice",
    "providers",
    "manifest",
    "store",
    "wrpc",
    "compose",
    "inspect",
    "instance",
    "access",
    "called",
    "switches",
    "admin",
    "cron",
    "messages",
    "loaded",
    "provider",
    "host",
    "sim",
];

/// The Rust sources under `folder`, without tests.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of src/") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        if name == "tests" || name == "model" {
            continue;
        }
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// The code of a file: what is in force outside of tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut lines = Vec::new();
    let mut lines_of = code.lines();
    while let Some(line) = lines_of.next() {
        match line.trim_start() {
            // The item after it is for tests.
            "#[cfg(test)]" => drop(lines_of.next()),
            line if line.starts_with("//") => {}
            line => lines.push(line),
        }
    }
    lines.join("\n")
}

/// The uses of rooms that are not below.
fn wrong_uses(root: &Path, rooms: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (height, room) in rooms.iter().enumerate() {
        let mut files = Vec::new();
        match root.join(room) {
            folder if folder.is_dir() => sources(&folder, &mut files),
            file => files.push(file.with_extension("rs")),
        }
        assert!(!files.is_empty(), "{room} is empty");
        for file in files {
            // What a macro expands to in another crate may only name what that crate sees.
            let code = code(&file).replace("$crate::", "");
            for part in code.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = rooms.iter().position(|other| *other == name).is_some_and(|other| other <= height);
                let exported_macro = part[name.len()..].starts_with('!');
                if !allowed && !exported_macro {
                    wrong.push(format!("{} uses crate::{name}", file.strip_prefix(root).expect("below").display()));
                }
            }
        }
    }
    wrong
}

#[test]
fn rooms_use_only_rooms_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = [wrong_uses(&root.join("src"), &ROOMS), wrong_uses(&root.join("host/src"), &HOST_ROOMS)].concat();
    assert!(wrong.is_empty(), "these imports go against the direction of the rooms:\n{}", wrong.join("\n"));
}

/// The names of what is directly in a folder.
fn names(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let names = paths.filter(|path| wanted(path)).map(|path| path.file_stem().expect("a name").display().to_string());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn every_folder_of_a_crate_is_a_room() {
    let sorted = |rooms: &[&str]| {
        let mut rooms: Vec<String> = rooms.iter().map(ToString::to_string).collect();
        rooms.sort();
        rooms
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(names(&root.join("src"), Path::is_dir), sorted(&ROOMS));
    // The command is a crate of its own, above all of them, and `fuzzing` shows parts of all.
    let is_room = |path: &Path| {
        !["lib", "main", "cli", "fuzzing"].iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name))
    };
    assert_eq!(names(&root.join("host/src"), is_room), sorted(&HOST_ROOMS));
}
