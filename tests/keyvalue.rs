//! `wasi:keyvalue`, as a component sees it whose every request has a fresh instance.
#![cfg(not(target_family = "wasm"))]

mod stage;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use stage::{Answer, Stage, component, manifest, simulate, whole};
use steadfast_demo::guests::Guests;
use steadfast_host::{Cause, Delivery, Manifest};

/// The component that shares its state in the first draft of `wasi:keyvalue`, and in the second.
fn sharers() -> &'static [PathBuf; 2] {
    static SHARERS: OnceLock<[PathBuf; 2]> = OnceLock::new();
    SHARERS.get_or_init(|| {
        // The second build replaces what the first has made.
        let first = component("sharer");
        let copy = first.with_file_name("sharer-draft.wasm");
        std::fs::copy(first, &copy).unwrap();
        [copy, Guests::variant("sharer", "guest", &["draft2"]).unwrap()]
    })
}

/// One of [`sharers`], its target, and `rest` of a manifest.
fn sharing(sharer: &Path, rest: &str) -> Manifest {
    manifest(sharer, &[("test:guests/hostile", "callee")], rest)
}

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

#[test]
fn the_second_draft_is_the_same_store_with_handles() {
    simulate(&manifest(component("keeper"), &[], ""), async |stage| {
        let operations = "set k one\nsecond get k\nsecond set k two\nget k\nsecond exists k\nsecond increment n -3
increment n 1\nsecond delete n\nsecond set-many m x\nsecond get-many k none m\nsecond delete-many m none\nsecond keys 0
second keys next";
        let no_number =
            "Error::Other(\"`n` was not incremented: its value is no number; delete it, or use another key\")";
        let no_cursor =
            "Error::Other(\"the cursor `next` is none of this store; give the one that came with the page before\")";
        let done = [
            "()",
            "one",
            "()",
            "two",
            "true",
            "-3",
            no_number,
            "()",
            "()",
            "k=two none=none m=x",
            "()",
            "[\"k\"] None",
        ];
        assert_eq!(ask(&stage, "a", operations).await, [&done[..], &[no_cursor]].concat());
        let swaps =
            "second swap s one\nsecond swap s two\nsecond late s other three\nsecond late new first second\nget s";
        let swapped = ["none swapped", "one swapped", "failed, since it is other, and swapped"];
        assert_eq!(
            ask(&stage, "a", swaps).await,
            [&swapped[..], &["failed, since it is first, and swapped", "three"]].concat()
        );
    });
}

#[test]
fn operations_of_a_store_are_calls_that_faults_hit() {
    let faults = "[[faults]]\non = 'wasi:keyvalue/store#get'\nkind = 'disconnected'\nfirst = 1
        [[faults]]\non = 'wasi:keyvalue/atomics'\nkind = 'blackhole'";
    simulate(&manifest(component("keeper"), &[], faults), async |stage| {
        let start = tokio::time::Instant::now();
        let done = ask(&stage, "a", "set k one\nget k\nget k\nincrement n 1").await;
        assert_eq!(start.elapsed(), Duration::from_secs(1), "the invocation timeout");
        let failed = |failure: &str| format!("Error::Other(\"the store could not be asked: {failure}\")");
        let lost = failed("disconnected (not-sent): injected: the transport is down");
        let late = failed("timeout (unknown): no answer within the invocation timeout of 1s");
        assert_eq!(done, ["()", &lost, "one", &late]);
        let entries = stage.host.journal().entries();
        let journal: Vec<_> = entries.iter().map(|entry| (entry.target.as_str(), entry.outcome)).collect();
        let get = "wasi:keyvalue/store#get";
        let expected = [
            ("wasi:keyvalue/store#set", Ok(())),
            (get, Err((Cause::Disconnected, Delivery::NotSent))),
            (get, Ok(())),
            ("wasi:keyvalue/atomics#increment", Err((Cause::Timeout, Delivery::Unknown))),
        ];
        assert_eq!(journal, expected);
    });
}

#[test]
fn a_link_of_the_store_is_the_one_of_its_provider() {
    let links = format!("{PLAIN}\n'wasi:keyvalue/store' = {{ provider = 'keyvalue' }}");
    simulate(&whole(&format!("component = '<keeper>'\n{links}")), async |stage| {
        assert_eq!(
            ask(&stage, "a", "set k one\nplain get k\nplain increment n 2\nget n").await,
            ["()", "one", "2", "2"]
        );
    });
}

#[test]
fn with_a_store_that_fails_each_call_goes_on_by_itself() {
    let faults = "[[faults]]\non = 'wasi:keyvalue/store'\nkind = 'no-target'\n
        [[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'\nuntil = '1s'";
    for sharer in sharers() {
        simulate(&sharing(sharer, faults), async |stage| {
            for _ in 0..10 {
                assert_eq!(stage.get("/shared").await.calls, [Err((Cause::NoTarget, Delivery::NotSent))]);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(stage.get("/shared").await.status, 200);
        });
    }
}

/// 200 requests within 20 s, of which each has a fresh instance; its target is down, and for 5 s after them.
/// Then, ten more.
fn outage(sharer: &Path, path: &str, config: &str) -> (Vec<Answer>, Vec<Answer>) {
    let fault = "[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'\nuntil = '25s'";
    let rest = format!("{config}\n{fault}");
    simulate(&sharing(sharer, &rest), async |stage| {
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
    let config = r#"config.steadfast = "[policies.hostile]\nbreaker = { shared = 'keyvalue', name = 'sharer/named' }""#;
    let [first, second] = sharers();
    for (sharer, path, config) in [(first, "/shared", ""), (first, "/named", config), (second, "/shared", "")] {
        opens_for_all(outage(sharer, path, config));
    }
}

fn opens_for_all((during, after): (Vec<Answer>, Vec<Answer>)) {
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
    for path in ["/alone", "/named"] {
        let (during, after) = outage(&sharers()[0], path, "");
        assert_eq!(reached(&during), 200);
        assert!(after.iter().all(|answer| answer.status == 200), "{after:?}");
    }
}

#[test]
fn of_64_requests_at_a_time_one_is_the_probe() {
    let faults = "[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'\nuntil = '1s'
        [[faults]]\non = 'test:guests/hostile'\nkind = 'latency'\ndelay = '500ms'\nfrom = '1s'";
    for sharer in sharers() {
        one_is_the_probe(&sharing(sharer, faults));
    }
}

fn one_is_the_probe(manifest: &Manifest) {
    simulate(manifest, async |stage| {
        for _ in 0..5 {
            stage.get("/shared").await;
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        let before = stage.host.journal().entries().len();
        let answers = futures_util::future::join_all((0..64).map(|_| stage.get("/shared"))).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let rejected = answers.iter().filter(|answer| answer.status == 503 && answer.took.is_zero()).count();
        assert_eq!((good, rejected), (1, 63), "the probe takes half a second, and no other waits for it");
        assert_eq!(stage.calls_since(before), [Ok(())]);
        let answers = futures_util::future::join_all((0..64).map(|_| stage.get("/shared"))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "it is closed");
    });
}

#[test]
fn a_shared_budget_counts_the_retries_of_all_instances() {
    // The code has a breaker alone. It does not open here, and a retry is added.
    let config = r#"config.steadfast = "[policies.hostile]
        breaker = { failures = 1000000 }
        retry = { attempts = 2, backoff = { constant = '0s' }, budget = 'of-all' }
        [budgets.of-all]
        windowed = 0.25
        min-per-second = 0
        ttl = '10s'
        shared = 'keyvalue'
        name = 'sharer/named'""#;
    let config = config.replace("\n        ", "\\n");
    let fault = "\n[[faults]]\non = 'test:guests/hostile'\nkind = 'no-target'";
    let rest = format!("{config}{fault}");
    simulate(&manifest(component("sharer"), &[("test:guests/hostile", "callee")], &rest), async |stage| {
        for slot in 0..2 {
            let mut retries = 0;
            for _ in 0..20 {
                retries += stage.get("/named").await.calls.len() - 1;
            }
            assert_eq!(retries, 5, "slot {slot}");
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
}

#[test]
fn a_shared_rate_limit_counts_the_calls_of_all_instances() {
    let config = r#"config.steadfast = "[policies.hostile]
        rate-limit = { tokens = 5, every = '10s', shared = 'keyvalue', name = 'sharer/named' }""#;
    let config = config.replace("\n        ", "\\n");
    for sharer in sharers() {
        five_pass_in_each_slot(&sharing(sharer, &config));
    }
}

fn five_pass_in_each_slot(manifest: &Manifest) {
    simulate(manifest, async |stage| {
        for slot in 0..2 {
            let before = stage.host.journal().entries().len();
            let answers = futures_util::future::join_all((0..20).map(|_| stage.get("/named"))).await;
            let passed = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!((passed, stage.calls_since(before).len()), (5, 5), "slot {slot}: {answers:?}");
            let told = answers.iter().filter(|answer| answer.retry_after.as_deref() == Some("10")).count();
            assert_eq!(told, 15, "the others are told when the next slot begins");
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
}
