//! `wasi:keyvalue`, as a component sees it whose every request has a fresh instance.
#![cfg(not(target_family = "wasm"))]

mod stage;

use stage::{Stage, component, manifest, simulate};

/// What each line of `operations` came to, on the bucket of that name.
async fn ask(stage: &Stage, bucket: &str, operations: &'static str) -> Vec<String> {
    let answer = stage.post(&format!("/{bucket}"), operations).await;
    assert_eq!(answer.status, 200);
    answer.body.lines().map(ToString::to_string).collect()
}

#[test]
fn what_one_instance_writes_the_next_one_reads() {
    simulate(&manifest(component("keeper"), &[], ""), async |stage| {
        assert_eq!(ask(&stage, "a", "get k\nset k one\nincrement n 2\nexists k").await, ["none", "()", "2", "true"]);
        assert_eq!(ask(&stage, "a", "get k\nincrement n 3\nget n").await, ["one", "5", "5"]);
        assert_eq!(ask(&stage, "b", "get k\nexists n").await, ["none", "false"], "another bucket");
        assert_eq!(ask(&stage, "a", "delete k\ndelete k\nget k").await, ["()", "()", "none"]);
        let many = ask(&stage, "a", "set-many 0 2500\nkeys\nget-many key-0 none n\ndelete-many key-0 none\nkeys").await;
        assert_eq!(many, ["()", "2501 in 3", "key-0=value none n=5", "()", "2500 in 3"]);
    });
    simulate(&manifest(component("keeper"), &[], ""), async |stage| {
        assert_eq!(ask(&stage, "a", "keys").await, ["0 in 1"], "another host has a store of its own");
    });
}

#[test]
fn what_a_store_refuses_is_an_error_in_words() {
    simulate(&manifest(component("keeper"), &[], ""), async |stage| {
        let refused =
            ask(&stage, "", "set text abc\nincrement text 1\nset-bytes large 1048577\nset-bytes large 9").await;
        assert_eq!(
            refused,
            [
                "()",
                "Error::Other(\"`text` was not incremented: its value is no number; delete it, or use another key\")",
                "Error::Other(\"the value of `large` has 1048577 bytes, and a value may have 1048576; store it in parts\")",
                "()"
            ]
        );
        assert_eq!(ask(&stage, &"b".repeat(257), "keys").await, ["Error::NoSuchStore"]);
    });
}
