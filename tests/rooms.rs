//! The folders of `src/` depend on each other in one direction, which docs/architecture.md draws.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room may use those before it. `testing` is for users' tests, so it needs little.
const ROOMS: [&str; 8] = ["platform", "failure", "observe", "testing", "policy", "call", "config", "http"];

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

#[test]
fn rooms_use_only_rooms_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (height, room) in ROOMS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&root.join(room), &mut files);
        assert!(!files.is_empty(), "{room} is empty");
        for file in files {
            // What a macro expands to in another crate may only name what that crate sees.
            let code = code(&file).replace("$crate::", "");
            for part in code.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = ROOMS.iter().position(|other| *other == name).is_some_and(|other| other <= height);
                let exported_macro = part[name.len()..].starts_with('!');
                if !allowed && !exported_macro {
                    wrong
                        .push(format!("{} uses crate::{name}", file.strip_prefix(&root).expect("below src").display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these imports go against the direction of the rooms:\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_the_crate_is_a_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<String> = fs::read_dir(root)
        .expect("src")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut rooms = ROOMS.map(str::to_owned).to_vec();
    rooms.sort();
    assert_eq!(folders, rooms);
}
