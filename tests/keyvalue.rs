//! `wasi:keyvalue`, as a component sees it whose every request has a fresh instance.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::time::Duration;

use stage::{Answer, Stage, component, manifest, simulate, whole};
use steadfast_host::{Cause, Delivery};

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

/// The links of `wrpc:keyvalue`, each to the same provider.
const PLAIN: &str = "
    [links]
    'wrpc:keyvalue/store' = { provider = 'keyvalue' }
    'wrpc:keyvalue/atomics' = { provider = 'keyvalue' }
    'wrpc:keyvalue/batch' = { provider = 'keyvalue' }
";

#[test]
fn a_link_leads_to_a_provider_of_the_host() {
    simulate(&whole(&format!("component = '<keeper>'\n{PLAIN}")), async |stage| {
        let operations = "plain set k one\nplain increment n 2\nplain exists k\nplain set-many m two\nplain keys -";
        let done = ask(&stage, "a", operations).await;
        assert_eq!(done, ["()", "2", "true", "()", "[\"k\", \"n\", \"m\"] None"]);
        let operations = "plain get k\nplain get-many k none m\nplain delete k\nplain delete-many n m\nplain keys 0";
        assert_eq!(ask(&stage, "a", operations).await, ["one", "k=one none m=two", "()", "()", "[] None"]);
        assert_eq!(ask(&stage, "a", "plain set k text\nplain increment k 1").await[1], {
            "Error::Other(\"`k` was not incremented: its value is no number; delete it, or use another key\")"
        });
    });
}

#[test]
fn faults_are_in_front_of_a_provider() {
    let fault = "[[faults]]\non = 'wrpc:keyvalue/store#get'\nkind = 'no-target'\nfirst = 1";
    simulate(&whole(&format!("component = '<keeper>'\n{PLAIN}{fault}")), async |stage| {
        let answer = stage.post("/a", "plain set k one\nplain get k").await;
        assert_eq!(answer.status, 500, "its type has no failure, so it traps");
        assert_eq!(answer.calls, [Ok(()), Err((Cause::NoTarget, Delivery::NotSent))]);
        assert_eq!(ask(&stage, "a", "plain get k").await, ["one"]);
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

/// 200 requests within 20 s, of which each has a fresh instance; its target is down, and for 5 s after them.
/// Then, ten more.
fn outage(path: &str) -> (Vec<Answer>, Vec<Answer>) {
    let fault = "[[faults]]\nkind = 'no-target'\nuntil = '25s'";
    simulate(&manifest(component("sharer"), &[("test:guests/hostile", "callee")], fault), async |stage| {
        let (mut during, mut after) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            during.push(stage.get(path).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        for _ in 0..10 {
            after.push(stage.get(path).await);
        }
        (during, after)
    })
}

fn reached(answers: &[Answer]) -> usize {
    answers.iter().map(|answer| answer.calls.len()).sum()
}

#[test]
fn with_shared_state_only_the_threshold_and_probes_reach_the_target() {
    let (during, after) = outage("/shared");
    // Five failures; then a break of 10 s, one probe, and a second break that the target's return ends.
    assert_eq!(reached(&during), 5 + 1);
    let rejected: Vec<&Answer> = during.iter().filter(|answer| answer.calls.is_empty()).collect();
    assert_eq!(rejected.len(), 194);
    for answer in rejected {
        let wait: u64 = answer.retry_after.as_deref().and_then(|wait| wait.parse().ok()).expect("a Retry-After");
        assert!(answer.status == 503 && answer.took.is_zero() && (1..=10).contains(&wait), "{answer:?}");
    }
    assert!(after.iter().all(|answer| answer.status == 200), "{after:?}");
    assert_eq!(reached(&after), 10);
}

#[test]
fn without_shared_state_every_request_reaches_the_target() {
    let (during, after) = outage("/alone");
    assert_eq!(reached(&during), 200);
    assert!(after.iter().all(|answer| answer.status == 200), "{after:?}");
}

#[test]
fn of_64_requests_at_a_time_one_is_the_probe() {
    let faults =
        "[[faults]]\nkind = 'no-target'\nuntil = '1s'\n[[faults]]\nkind = 'latency'\ndelay = '500ms'\nfrom = '1s'";
    simulate(&manifest(component("sharer"), &[("test:guests/hostile", "callee")], faults), async |stage| {
        for _ in 0..5 {
            stage.get("/shared").await;
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        let before = stage.host.journal().entries().len();
        let answers = futures_util::future::join_all((0..64).map(|_| stage.get("/shared"))).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let rejected = answers.iter().filter(|answer| answer.status == 503 && answer.took.is_zero()).count();
        assert_eq!((good, rejected), (1, 63), "the probe takes half a second, and no other waits for it");
        assert_eq!(stage.host.journal().entries().len() - before, 1);
        let answers = futures_util::future::join_all((0..64).map(|_| stage.get("/shared"))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "it is closed");
    });
}
