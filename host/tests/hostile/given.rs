//! What a guest is given, and what is kept of what it asks for.

use steadfast_host::Manifest;

use crate::stage::{component, manifest, overhear, simulate};

#[test]
fn the_journal_keeps_the_beginning_of_a_long_target() {
    let manifest = manifest(component("caller"), &[], "");
    let path = format!("/fetch/http://denied.test/{}", "x".repeat(8000));
    let (answer, targets) = simulate(&manifest, async |stage| {
        let answer = stage.get(&path).await;
        (answer, stage.host.journal().entries().into_iter().map(|entry| entry.target).collect::<Vec<_>>())
    });
    let [target] = &targets[..] else { panic!("{answer:?}: {targets:?}") };
    assert!(target.starts_with("GET http://denied.test/xxx") && target.ends_with("x…"), "{target}");
    assert_eq!(target.len(), 200);
}

#[test]
fn guests_have_the_environment_that_the_manifest_says_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tone.txt"), "polite, Grüße").unwrap();
    let text = format!(
        "component = '{}'\n[env]\nRUST_BACKTRACE = '1'\nTONE = {{ file = 'tone.txt' }}\nEMPTY = ''\n",
        component("hostile").display()
    );
    let manifest = Manifest::parse(&text, folder.path().join("test.toml")).unwrap();
    let (answer, printed) = overhear(|| {
        simulate(&manifest, async |stage| {
            stage.get("/silent-panic").await;
            stage.get("/environment").await
        })
    });
    let mut variables: Vec<_> = answer.body.lines().collect();
    variables.sort_unstable();
    assert_eq!(variables, ["EMPTY=", "RUST_BACKTRACE=1", "TONE=polite, Grüße"]);
    // What a panic prints where the variable is set.
    assert!(printed.iter().any(|line| line == "stack backtrace:"), "{printed:?}");
}
