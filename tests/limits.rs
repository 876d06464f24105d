//! docs/limits.md says what the code of the host has.
#![cfg(not(target_family = "wasm"))]

use std::fs;
use std::path::{Path, PathBuf};

/// A row of the page that names its place in the code.
struct Row {
    what: String,
    limit: String,
    file: String,
    name: String,
}

fn rows() -> Vec<Row> {
    let page = include_str!("../docs/limits.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains(".rs` `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [what, limit, _, _, code] = cells[..] else { panic!("{line}") };
        let (file, name) = code.split_once(' ').expect("a file and a name");
        let bare = |text: &str| text.trim_matches('`').to_string();
        Row { what: what.into(), limit: limit.into(), file: bare(file), name: bare(name) }
    };
    rows.map(row).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("host/src")
}

/// What a constant is, or what a function of a default returns.
fn initial(code: &str, name: &str) -> Option<String> {
    let constant = code.lines().find_map(|line| {
        let (_, rest) = line.split_once(&format!("const {name}: "))?;
        Some(rest.split_once("= ")?.1.trim_end_matches(';').to_string())
    });
    let function = || {
        let (_, rest) = code.split_once(&format!("fn {name}() -> "))?;
        Some(rest.split_once('{')?.1.split_once('}')?.0.trim().to_string())
    };
    constant.or_else(function)
}

/// The ways that people write a number.
fn ways(value: &str) -> Vec<String> {
    let inner = |text: &'static str| value.split_once(text).and_then(|(_, rest)| rest.split_once(')')).map(|(n, _)| n);
    if let Some(seconds) = inner("from_secs(") {
        return vec![format!("{seconds} s")];
    }
    let value = inner("NonZeroU64::new(").unwrap_or(value).replace('_', "");
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or_else(|_| panic!("{value} is no number"));
    let value = match (value.split_once("<<"), value.split_once('*')) {
        (Some((number_of, bits)), _) => number(number_of) << number(bits),
        (_, Some((one, other))) => number(one) * number(other),
        _ => number(&value),
    };
    let plain = value.to_string();
    let groups: Vec<&str> = plain.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    let grouped = groups.join(",");
    vec![plain.clone(), grouped, format!("{plain} MiB"), format!("{} KiB", value >> 10), format!("{} MiB", value >> 20)]
}

#[test]
fn the_page_of_limits_says_what_the_code_has() {
    let rows = rows();
    assert!(rows.len() > 40);
    for Row { what, limit, file, name } in rows {
        let code = fs::read_to_string(source().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let value = initial(&code, &name).unwrap_or_else(|| panic!("{file} has no {name}"));
        assert!(ways(&value).contains(&limit), "{what}: the page says {limit}, and {file} has {name} = {value}");
    }
}

/// All files below a folder.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn every_limit_of_the_code_is_on_the_page() {
    let rows = rows();
    let mut sources = Vec::new();
    files(&source(), &mut sources);
    for path in sources {
        let file = path.strip_prefix(source()).expect("below it").display().to_string();
        let code = fs::read_to_string(&path).expect("text");
        let names = code.lines().filter_map(|line| line.split_once("const MAX_")?.1.split_once(':'));
        for (name, _) in names {
            let name = format!("MAX_{name}");
            assert!(
                rows.iter().any(|row| row.file == file && row.name == name),
                "{file} has {name}, and the page has not"
            );
        }
    }
}
