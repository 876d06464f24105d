//! Reads are repeated, and writes only when they never arrived.

use steadfast_host::{Cause, Delivery, Manifest};

use crate::stage::{simulate, whole};

fn orders(rest: &str) -> Manifest {
    whole(&format!(
        "component = '<postgres>'\n{rest}\n\
         [links]\n'steadfast:postgres/query' = {{ component = '<postgres-table>', instances = 'reuse' }}"
    ))
}

#[test]
fn an_order_is_taken_and_listed() {
    simulate(&orders(""), async |stage| {
        let answer = stage.post("/orders", "coffee").await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "2\n"));
        assert_eq!(stage.get("/orders").await.body, "1 tea\n2 coffee\n");
        assert_eq!(stage.get("/").await.status, 404);
    });
}

#[test]
fn a_write_whose_answer_is_lost_is_not_repeated_and_says_so() {
    simulate(&orders("[[faults]]\nkind = 'drop'\nfirst = 1"), async |stage| {
        let answer = stage.post("/orders", "coffee").await;
        assert_eq!(
            (answer.status, answer.calls.as_slice()),
            (502, &[Err((Cause::Disconnected, Delivery::Unknown))][..])
        );
        let detail = answer.member("detail");
        assert!(detail.as_str().unwrap().ends_with("it may have run, and is not idempotent"), "{detail}");
        // It had run.
        assert_eq!(stage.get("/orders").await.body, "1 tea\n2 coffee\n");
    });
}

#[test]
fn a_write_that_never_arrived_is_repeated_and_happens_once() {
    for kind in ["no-target", "disconnected", "overloaded"] {
        simulate(&orders(&format!("[[faults]]\nkind = '{kind}'\nfirst = 3")), async |stage| {
            let answer = stage.post("/orders", "coffee").await;
            assert_eq!((answer.status, answer.calls.len()), (201, 4), "{kind}");
            assert_eq!(stage.get("/orders").await.body, "1 tea\n2 coffee\n");
        });
    }
}

#[test]
fn a_read_is_repeated_whatever_happened_to_it() {
    for kind in ["no-target", "disconnected", "drop", "blackhole", "trap", "overloaded"] {
        simulate(&orders(&format!("[[faults]]\nkind = '{kind}'\nfirst = 1")), async |stage| {
            let answer = stage.get("/orders").await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "1 tea\n"), "{kind}");
            assert_eq!(answer.calls.len(), 2, "{kind}");
        });
    }
}

#[test]
fn a_database_that_is_away_is_a_problem_for_both() {
    simulate(&orders("[[faults]]\nkind = 'no-target'"), async |stage| {
        for answer in [stage.get("/orders").await, stage.post("/orders", "coffee").await] {
            assert_eq!((answer.status, answer.retry_after.as_deref(), answer.calls.len()), (503, Some("1"), 4));
        }
    });
}

#[test]
fn the_copies_of_the_interface_for_messages_are_as_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in ["steadfast", "wasmcloud"] {
        let original = std::fs::read_to_string(root.join(format!("wit/messaging/{package}.wit"))).unwrap();
        for user in ["examples/tasks", "tests/guests/messenger"] {
            let copy = root.join(format!("{user}/wit/deps/{package}-messaging.wit"));
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), original, "{}", copy.display());
        }
    }
}

#[test]
fn the_copies_of_the_interface_are_as_the_interface() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in ["steadfast", "wasmcloud"] {
        let original = std::fs::read_to_string(root.join(format!("wit/postgres/{package}.wit"))).unwrap();
        for user in ["examples/postgres", "examples/postgres-table", "tests/guests/published"] {
            let copy = root.join(format!("{user}/wit/deps/{package}-postgres.wit"));
            // One that has no use for it.
            if user.ends_with("published") && package == "steadfast" {
                continue;
            }
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), original, "{}", copy.display());
        }
    }
}
