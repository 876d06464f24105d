//! What a configuration comes to: which policy, for whom, and what is wrong with it.

use core::time::Duration;

use super::{Configured, Policies};
use crate::testing::{ManualClock, TestClock};
use crate::{Breaker, Cause, Deadline, Delivery, Failed, Policy, Reason, Retry, RpcError};

mod either;
mod mistakes;
mod named;
mod same;
mod worst;

fn policies(text: &str) -> Policies {
    match Policies::from_json(text) {
        Ok(policies) => policies,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn no_target() -> Result<(), RpcError> {
    Err(RpcError::new(Cause::NoTarget, Delivery::NotSent))
}

fn attempts(policy: &Configured) -> u32 {
    policy.with(&TestClock::new()).call(no_target).unwrap_err().attempts()
}

#[test]
fn a_policy_from_json_does_what_the_same_policy_in_code_does() {
    let secs = Duration::from_secs;
    let policies = policies(
        r#"{ "policies": { "greeter": {
            "deadline": "3s",
            "retry": { "attempts": 4, "backoff": { "exponential": "50ms", "max": "2s" } },
            "breaker": { "failures": 5, "open-for": "10s" }
        } } }"#,
    );
    let read = policies.policy("greeter").unwrap();
    let written = Policy::new()
        .deadline(Deadline::after(secs(3)))
        .retry(Retry::attempts(4))
        .breaker(Breaker::consecutive_failures(5).open_for(secs(10)));

    let clocks = [TestClock::new(), TestClock::new()];
    let facts = |failed: Failed| (failed.reason(), failed.attempts(), failed.elapsed());
    for _ in 0..3 {
        let outcomes = [
            facts(read.with(&clocks[0]).call(no_target).unwrap_err()),
            facts(written.with(&clocks[1]).call(no_target).unwrap_err()),
        ];
        assert_eq!(outcomes[0], outcomes[1]);
    }
    assert_eq!(clocks[0].slept(), clocks[1].slept());
    assert_eq!(read.with(&clocks[0]).call(no_target).unwrap_err().reason(), Reason::BreakerOpen);
}

const BOUND: &str = r#"{
    "policies": {
        "careful": { "retry": { "attempts": 2 } },
        "greeter": { "retry": { "attempts": 4 } }
    },
    "targets": {
        "acme:greeter/api": "greeter",
        "acme:greeter/api#forget": { "policy": "greeter", "retry": "never" },
        "acme:greeter/api#often": { "policy": "greeter", "retry": { "attempts": 9 } },
        "default": "careful"
    }
}"#;

#[test]
fn a_function_has_the_policy_of_its_own_or_of_its_interface_or_the_default() {
    let policies = policies(BOUND);
    for (target, expected) in [
        ("acme:greeter/api#greet", 4),
        ("acme:greeter/api", 4),
        ("acme:greeter/api@0.1.0#greet", 4),
        ("acme:greeter/api@0.1.0", 4),
        ("acme:greeter/api#forget", 1),
        ("acme:greeter/api@0.1.0#forget", 1),
        ("acme:greeter/api#often", 9),
        ("acme:printer/api#print", 2),
    ] {
        assert_eq!(attempts(policies.for_target(target).unwrap()), expected, "{target}");
    }
    assert_eq!(policies.targets().count(), 4);
    assert_eq!(policies.names().collect::<Vec<_>>(), ["careful", "greeter"]);
}

#[test]
fn without_a_default_what_is_not_bound_has_no_policy() {
    let policies =
        policies(r#"{ "policies": { "p": { "deadline": "1s" } }, "targets": { "acme:greeter/api#greet": "p" } }"#);
    assert!(policies.for_target("acme:greeter/api#greet").is_some());
    for target in ["acme:greeter/api", "acme:greeter/api#other", "acme:greeter/ap", "", "#", "@", "#greet"] {
        assert!(policies.for_target(target).is_none(), "{target}");
    }
}

#[test]
fn settings_are_shared_by_name_and_state_is_not() {
    let policies = policies(
        r#"{
            "policies": { "fragile": { "breaker": { "failures": 1 } } },
            "targets": { "acme:a/api": "fragile", "acme:a/api#own": "fragile", "default": "fragile" }
        }"#,
    );
    let open = |target: &str| {
        let policy = policies.for_target(target).unwrap();
        policy.with(&TestClock::new()).call(|| Ok::<_, RpcError>(())).is_err()
    };
    let a = policies.for_target("acme:a/api#one").unwrap();
    a.with(&TestClock::new()).call(no_target).unwrap_err();
    assert!(open("acme:a/api#one") && open("acme:a/api#another") && open("acme:a/api@1.0.0"));
    assert!(!open("acme:a/api#own") && !open("acme:b/api") && !open("acme:c/api"));
    assert!(policies.policy("fragile").unwrap().with(&TestClock::new()).call(|| Ok::<_, RpcError>(())).is_ok());
}

#[test]
fn a_budget_is_shared_by_its_name() {
    let policies = policies(
        r#"{
            "budgets": { "shared": { "quota": 10 } },
            "policies": {
                "reads": { "retry": { "attempts": 2, "budget": "shared" } },
                "writes": { "retry": { "attempts": 2, "budget": "shared" } },
                "others": { "retry": { "attempts": 2, "budget": { "quota": 10 } } }
            }
        }"#,
    );
    let attempts = |name| attempts(policies.policy(name).unwrap());
    assert_eq!([attempts("reads"), attempts("writes"), attempts("reads"), attempts("writes")], [2, 2, 1, 1]);
    assert_eq!([attempts("others"), attempts("others"), attempts("others")], [2, 2, 1]);
}

#[test]
fn single_causes_may_have_rules_of_their_own() {
    let policies = policies(
        r#"{ "policies": { "p": { "retry": { "attempts": 5, "on": {
            "trapped": "never",
            "overloaded": { "attempts": 2, "backoff": { "constant": "1s", "jitter": "none" } },
            "no-link": {}
        } } } } }"#,
    );
    let policy = policies.policy("p").unwrap();
    let clock = TestClock::new();
    let attempts = |cause| {
        let call = policy.with(&clock);
        call.call(|| Err::<(), _>(RpcError::new(cause, Delivery::NotSent))).unwrap_err().attempts()
    };
    assert_eq!(attempts(Cause::Trapped), 1);
    assert_eq!(attempts(Cause::Overloaded), 2);
    assert_eq!(clock.slept(), [Duration::from_secs(1)]);
    assert_eq!((attempts(Cause::NoLink), attempts(Cause::NoTarget), attempts(Cause::Protocol)), (5, 5, 1));
}

#[test]
fn a_hedge_from_a_configuration_hedges() {
    use crate::platform::clock::AsyncClock;
    use core::cell::Cell;

    for hedge in [
        r#"{ "after": "100ms", "max-hedges": 2 }"#,
        r#"{ "after-quantile": "95%", "initial-delay": "100ms", "max-hedges": 2 }"#,
    ] {
        let policies = policies(&format!(r#"{{ "policies": {{ "p": {{ "hedge": {hedge} }} }} }}"#));
        let clock = ManualClock::new();
        let asked = Cell::new(0);
        let call = policies.policy("p").unwrap().with(&clock).idempotent();
        let outcome = clock.run(call.call_hedged(async || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 {
                clock.sleep_async(Duration::from_secs(60)).await;
            }
            Ok::<_, RpcError>("page")
        }));
        assert_eq!((outcome, asked.get(), clock.passed()), (Ok("page"), 3, Duration::from_millis(200)));
    }
}

#[test]
fn a_policy_that_nobody_configured_parts_for_just_calls_and_reads_no_clock() {
    let policies = policies(r#"{ "policies": { "none": {}, "never": { "deadline": "never", "breaker": "never" } } }"#);
    for name in ["none", "never"] {
        let clock = TestClock::new();
        let policy = policies.policy(name).unwrap();
        assert_eq!(policy.with(&clock).call(|| Ok::<_, RpcError>(7)), Ok(7));
        assert_eq!(policy.with(&clock).call(no_target).unwrap_err().attempts(), 1);
        assert_eq!(clock.reads(), 2, "for the failure alone");
    }
}

#[cfg(feature = "toml")]
#[test]
fn toml_says_the_same_as_json() {
    let toml = r#"
        [policies.greeter]
        retry = { attempts = 4 }
        [policies.careful]
        retry = { attempts = 2 }
        [targets]
        "acme:greeter/api" = "greeter"
        "acme:greeter/api#forget" = { policy = "greeter", retry = "never" }
        "acme:greeter/api#often" = { policy = "greeter", retry = { attempts = 9 } }
        default = "careful"
    "#;
    assert_eq!(format!("{:?}", Policies::from_toml(toml).unwrap()), format!("{:?}", policies(BOUND)));
}

#[test]
fn policies_may_be_part_of_a_larger_configuration() {
    let policies: Policies = serde_json::from_str(BOUND).unwrap();
    assert_eq!(attempts(policies.policy("greeter").unwrap()), 4);
    let error = serde_json::from_str::<Policies>(r#"{"policies": {"p": {"deadline": "soon"}}}"#).unwrap_err();
    assert!(error.to_string().starts_with("policies.p.deadline: \"soon\" is not allowed"), "{error}");
}
