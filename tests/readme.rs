//! What the README says is so: its quick start is a component that builds and runs.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::path::Path;

use stage::{manifest, simulate};
use steadfast_demo::guests::Guests;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The first block of that kind.
fn block(kind: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("```{kind}\n")).expect("such a block");
    rest.split_once("```").unwrap().0.to_string()
}

fn quick_start() -> String {
    block("rust")
}

/// As the components of this workspace are built, so that what they share with the quick start is.
fn profile() -> String {
    let workspace = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let (_, rest) = workspace.split_once("[profile.guest]\n").expect("such a profile");
    format!("[profile.guest]\n{}\n", rest.split_once("\n\n").unwrap().0)
}

#[test]
fn the_quick_start_has_at_most_15_lines() {
    let lines = quick_start().lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 15, "{lines} lines");
}

/// In a crate of its own, outside of the workspace, that owns no WIT of ours.
#[test]
fn the_quick_start_builds_and_survives() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quick-start");
    // A folder of an earlier run may have files that the README no longer names.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::create_dir_all(folder.join("wit")).unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(Path::new(ROOT).join(from), folder.join(to)).unwrap();
    write("src/main.rs", &quick_start());
    write("wit/world.wit", &block("wit"));
    // The versions that are known to be at hand.
    copy("Cargo.lock", "Cargo.lock");
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = 'quick-start'\nedition = '2024'\n\
             [dependencies]\nsteadfast = {{ path = '{ROOT}', features = ['wstd'] }}\n\
             wstd = {{ version = '0.6.8', default-features = false }}\n\
             {}[workspace]\n",
            profile()
        ),
    );
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let component = Guests::build_in(&folder, target, "quick-start").unwrap();
    let greeter = [("acme:greeter/api", "greeter")];
    simulate(&manifest(&component, &greeter, "[[faults]]\nkind = 'no-target'\nfirst = 7"), async |stage| {
        let answer = stage.get("/").await;
        assert_eq!((answer.status, answer.retry_after.as_deref(), answer.calls.len()), (503, Some("1"), 4));
        assert_eq!((answer.member("cause"), answer.member("instance")), ("no-target".into(), "/".into()));
        let answer = stage.get("/").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.calls.len()), (200, "Hello, Ada!", 4));
    });
}
