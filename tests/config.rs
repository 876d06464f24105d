//! What a component with a named policy asks of its host, and what it does with the answer.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use stage::{Answer, manifest, overhear, simulate};
use steadfast_demo::guests::Guests;
use wasmtime::Engine;
use wasmtime::component::Component;

const STORE: &str = "wasi:config/store@0.2.0-rc.1";

fn imports_the_store(component: &Path) -> bool {
    let engine = Engine::default();
    let component = Component::from_file(&engine, component).unwrap();
    component.component_type().imports(&engine).any(|(name, _)| name == STORE)
}

/// A handler whose policy `hostile` has two attempts and waits of 100 ms in its code.
fn named() -> &'static Path {
    // Once: what is built later replaces what was built before.
    static NAMED: OnceLock<PathBuf> = OnceLock::new();
    NAMED.get_or_init(|| Guests::variant("named", "guest", &[]).unwrap())
}

/// What each of two requests to it comes to where every call fails, and what it prints to standard error.
fn ask(configuration: &str) -> (Answer, Vec<String>) {
    let rest = format!("instances = 'reuse'\n[[faults]]\nkind = 'no-target'\n[config]\n{configuration}");
    let manifest = manifest(named(), &[("test:guests/hostile", "callee")], &rest);
    overhear(|| {
        simulate(&manifest, async |stage| {
            let answer = stage.get("/").await;
            assert_eq!(answer, stage.get("/").await);
            answer
        })
    })
}

#[test]
fn a_component_imports_the_hosts_configuration_when_it_has_a_named_policy_and_only_then() {
    assert!(imports_the_store(named()));
    assert!(!imports_the_store(&Guests::variant("named", "guest", &["nameless"]).unwrap()));
}

#[test]
fn without_a_configuration_the_code_counts_and_nothing_is_reported() {
    for configuration in ["", "other = 'of no concern'", "steadfast = '{}'"] {
        let (answer, reports) = ask(configuration);
        assert_eq!((answer.status, answer.calls.len(), answer.took), (503, 2, Duration::from_millis(100)));
        assert_eq!(reports, [""; 0], "{configuration}");
    }
}

#[test]
fn the_hosts_configuration_changes_attempts_and_leaves_the_waits_of_the_code() {
    for configuration in [
        "steadfast = '''\n[policies.hostile]\nretry = { attempts = 5 }\n'''",
        r#"steadfast = '{"policies": {"hostile": {"retry": {"attempts": 5}}}}'"#,
    ] {
        let (answer, reports) = ask(configuration);
        assert_eq!((answer.status, answer.calls.len(), answer.took), (503, 5, Duration::from_millis(400)));
        assert_eq!((answer.member("attempts"), reports.len()), (5.into(), 0), "{configuration}");
    }
}

#[test]
fn a_typo_in_the_configuration_is_reported_once_and_the_code_counts() {
    let (answer, reports) = ask("steadfast = '''\n[policies.hostile]\nretry = { attemps = 5 }\n'''");
    assert_eq!((answer.status, answer.calls.len(), answer.took), (503, 2, Duration::from_millis(100)));
    assert_eq!(
        reports,
        [
            "steadfast: the host's configuration, key `steadfast` of wasi:config, is not used, so the settings in the code \
             stay in force; correct it, and check it with `steadfast policy check`:",
            "steadfast: policies.hostile.retry.attemps: unknown field, did you mean `attempts`?",
        ]
    );
}
