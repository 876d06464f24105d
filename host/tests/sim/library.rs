//! Simulations that a test describes, and what it says when an answer is not as expected.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use steadfast_host::Manifest;
use steadfast_host::sim::{Answers, Simulation, built};

use super::guests;

const SECOND: Duration = Duration::from_secs(1);
const GREETER: &str = "acme:greeter/api";

/// Handler and greeter.
fn hello() -> Simulation {
    Simulation::of(guests().file("http-hello")).link(GREETER, guests().file("greeter"))
}

/// What a test that fails says.
fn panic_of<T>(assert: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(assert()))).expect_err("it holds");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn an_outage_that_retries_outlast_is_not_seen() {
    let answers = hello()
        .down(GREETER, SECOND..SECOND + SECOND / 20)
        .get("/strict/Ada")
        .at(SECOND)
        .get("/strict/Bob")
        .get("/again/Cid")
        .run()
        .unwrap();
    answers.succeed(1.0).call_at_most(GREETER, 9);
    answers[0].has_status(200).within(Duration::ZERO).calls_at_most(GREETER, 1).executes_at_most(GREETER, 1);
    answers[1].succeeds().within(SECOND).calls_at_most(GREETER, 4).executes_at_most(GREETER, 1);
    assert!(answers[1].calls(GREETER) > 1 && answers[1].took() >= SECOND / 20, "{}", answers[1]);
    assert!(answers[0].body().contains("Ada") && answers[2].body().contains("Cid"), "{}", answers[2].body());
    assert_eq!((answers.iter().count(), answers.into_iter().count()), (3, 3));
}

#[test]
fn an_answer_that_is_not_as_expected_is_told_with_its_timeline() {
    let run = || hello().at(SECOND).fault("kind = 'trap'").get("/strict/Ada").run().unwrap();
    let answers = run();
    let timeline = "  request 1, GET /strict/Ada, came at 1.00 s and was answered 502 after 0 ms\n    \
                    after     0 ms  acme:greeter/api#greet  trapped after 0 ms, did not arrive";
    assert_eq!(answers[0].to_string(), timeline);
    let told = |first: &str, assert: &dyn Fn(&Answers)| {
        assert_eq!(panic_of(|| assert(&answers)), format!("{first}\n{timeline}"));
    };
    told("it is expected to succeed", &|answers| {
        answers[0].succeeds();
    });
    told("the status is expected to be 200", &|answers| {
        answers[0].has_status(200);
    });
    told("1 calls of acme:greeter/api were made, and at most 0 are expected", &|answers| {
        answers[0].calls_at_most(GREETER, 0);
    });
    told("0% of the requests succeeded, and 100% are expected to; the first that failed:", &|answers| {
        answers.succeed(1.0);
    });
    told("1 calls of acme:greeter/api were made, and at most 0 are expected; the request with most:", &|answers| {
        answers.call_at_most(GREETER, 0);
    });
    let slow = hello().fault("kind = 'latency'\ndelay = '300ms'").get("/strict/Ada").run().unwrap();
    let said = panic_of(|| slow[0].within(SECOND / 4));
    assert!(said.starts_with("it took 300ms, and is expected within 250ms\n  request 1, GET"), "{said}");
    let said = panic_of(|| slow[0].executes_at_most(GREETER, 0));
    assert!(said.starts_with("acme:greeter/api worked 1 times, and at most 0 times are expected\n"), "{said}");
    let said = panic_of(|| slow[0].calls("acme:greter/api"));
    assert!(said.starts_with("these calls are of `acme:greter/api`, and no component imports that"), "{said}");
}

#[test]
fn requests_that_repeat_come_as_far_apart_as_said() {
    let answers = hello()
        .fault("kind = 'trap'\nrate = '20%'\nfrom = '10s'")
        .get("/strict/Ada")
        .times(200, SECOND / 10)
        .post("/strict/Bob", "a body")
        .run()
        .unwrap();
    assert_eq!(answers.iter().count(), 201);
    assert!(answers.iter().take(100).all(|answer| answer.status() == 200));
    answers.succeed(0.75);
    let again = |seed| {
        let simulation = hello().seed(seed).fault("kind = 'trap'\nrate = '20%'").get("/strict/Ada");
        let answers = simulation.times(100, SECOND).run().unwrap();
        answers.iter().map(|answer| answer.status()).collect::<Vec<_>>()
    };
    assert_eq!(again(3), again(3));
    assert_ne!(again(3), again(4));
}

#[test]
fn a_manifest_can_be_simulated_as_it_is() {
    let manifest = Manifest::parse(&super::manifest(), "hello.toml").unwrap();
    let answers = Simulation::of_manifest(manifest).get("/strict/Ada").run().unwrap();
    answers[0].succeeds();
}

#[test]
fn a_simulation_that_is_wrong_is_told() {
    let said = |simulation: Simulation| simulation.run().expect_err("it is wrong").to_string();
    assert!(said(hello().get("strict")).contains("`path` is \"strict\", which is no path of an HTTP request"));
    assert!(said(hello().fault("kind = 'gremlins'").get("/")).contains("unknown variant `gremlins`"));
    assert!(said(hello().down("acme:greter/api", SECOND..2 * SECOND).get("/")).contains("no component imports that"));
    assert!(said(hello().down(GREETER, SECOND..SECOND).get("/")).contains("`acme:greeter/api` is down for no time"));
    let gone = said(hello().link(GREETER, "gone.wasm").get("/"));
    assert!(gone.starts_with("cannot read gone.wasm: ") && gone.ends_with("build it first"), "{gone}");
}

#[test]
fn a_crate_is_built_first() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let manifest = |kind: &str| {
        format!(
            "[package]\nname = 'small'\nedition = '2024'\n[lib]\npath = 'lib.rs'\ncrate-type = ['{kind}']\n[workspace]\n"
        )
    };
    write("lib.rs", "");
    write("Cargo.toml", &manifest("cdylib"));
    let component = built(folder.path()).unwrap();
    // Below `CARGO_TARGET_DIR`, where that is set.
    assert!(component.ends_with("wasm32-wasip2/debug/small.wasm"), "{}", component.display());
    let error = Simulation::of_crate(folder.path()).get("/").run().unwrap_err();
    assert!(error.to_string().contains("does not export `wasi:http/incoming-handler@0.2`"), "{error}");
    write("Cargo.toml", &manifest("lib"));
    let error = built(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("it became none; add `crate-type = [\"cdylib\"]` below `[lib]`"), "{error}");
    write("lib.rs", "no Rust");
    let error = Simulation::of_crate(folder.path()).get("/").run().unwrap_err().to_string();
    assert!(error.contains("cargo says why above"), "{error}");
    assert!(built(Path::new("no-such-folder")).unwrap_err().to_string().contains("is the folder there"));
}
