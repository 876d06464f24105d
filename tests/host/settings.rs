//! What guests read from `wasi:config`.

use crate::stage::{simulate, whole};

fn settings(rest: &str) -> String {
    let manifest = whole(&format!("component = '<caller>'\n{rest}"));
    simulate(&manifest, async |stage| stage.get("/settings").await).body
}

#[test]
fn a_guest_reads_the_settings_of_the_manifest() {
    assert_eq!(
        settings("[config]\ntone = 'polite'\n'greeter.attempts' = '4'"),
        r#"[("greeter.attempts", "4"), ("tone", "polite")], tone: Some("polite")"#
    );
}

#[test]
fn without_settings_there_are_none_and_no_error() {
    assert_eq!(settings(""), "[], tone: None");
}

#[test]
fn a_setting_may_be_the_text_of_a_file() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/tone.txt");
    std::fs::write(file, "rude\n").unwrap();
    assert_eq!(
        settings(&format!("[config]\ntone = {{ file = '{file}' }}")),
        r#"[("tone", "rude\n")], tone: Some("rude\n")"#
    );
}
