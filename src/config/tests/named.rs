//! The code's settings, and what the host's configuration makes of them.

use super::super::Policies;
use super::super::host::load;
use super::super::named::parts;
use super::{Configured, Duration, no_target};
use crate::testing::TestClock;

const CODE: &str = r#"{
    "deadline": "60s",
    "retry": { "attempts": 4, "backoff": { "exponential": "50ms", "factor": 3, "jitter": "none" } },
    "breaker": { "failure-rate": "50%", "over-calls": 100, "open-for": "10s" }
}"#;

fn configured(text: &str) -> Policies {
    load(Ok(Some(text.into()))).unwrap().unwrap()
}

/// The policy `greeter` of the code, and what was reported.
fn made(configuration: Option<&Policies>) -> (Configured, Vec<String>) {
    let mut reports = Vec::new();
    let parts = parts("greeter", CODE, configuration, &mut |text| reports.push(text.to_string()));
    (parts.policy(()), reports)
}

fn slept(policy: &Configured) -> Vec<u128> {
    let clock = TestClock::new();
    policy.with(&clock).call(no_target).unwrap_err();
    clock.slept().iter().map(Duration::as_millis).collect()
}

#[test]
fn without_a_configuration_the_code_counts_and_nobody_is_told() {
    for configuration in
        [None, Some(configured("{}")), Some(configured(r#"{"policies": {"other": {"retry": "never"}}}"#))]
    {
        let (policy, reports) = made(configuration.as_ref());
        assert_eq!((slept(&policy), reports.len()), (vec![50, 150, 450], 0));
    }
    assert!(load(Ok(None)).unwrap().is_none());
}

#[test]
fn the_configuration_overrides_the_code_field_by_field() {
    for (retry, expected) in [
        (r#"{"attempts": 3}"#, vec![50, 150]),
        (r#"{"attempts": 6}"#, vec![50, 150, 450, 1350, 2000]),
        (r#"{"backoff": {"max": "100ms"}}"#, vec![50, 100, 100]),
        (r#"{"backoff": {"exponential": "10ms"}}"#, vec![10, 30, 90]),
        (r#"{"backoff": {"factor": 2}}"#, vec![50, 100, 200]),
        // Another kind takes the place of the one in the code, and of what goes with that one only.
        (r#"{"backoff": {"linear": "10ms"}}"#, vec![10, 20, 30]),
        (r#""never""#, vec![]),
    ] {
        let text = format!(r#"{{"policies": {{"greeter": {{"retry": {retry}}}}}}}"#);
        let (policy, reports) = made(Some(&configured(&text)));
        assert_eq!((slept(&policy), reports.len()), (expected, 0), "{retry}");
    }
}

#[test]
fn another_kind_of_breaker_takes_the_place_of_the_one_in_the_code() {
    let (policy, reports) = made(Some(&configured(r#"{"policies": {"greeter": {"breaker": {"failures": 2}}}}"#)));
    assert_eq!(reports, [""; 0]);
    assert_eq!((slept(&policy), slept(&policy)), (vec![50], vec![]), "open after two failures");
}

#[test]
fn a_budget_of_the_configuration_may_be_named_for_a_policy_of_the_code() {
    let configuration =
        configured(r#"{"budgets": {"tight": {"quota": 10}}, "policies": {"greeter": {"retry": {"budget": "tight"}}}}"#);
    let (policy, reports) = made(Some(&configuration));
    assert_eq!((slept(&policy), slept(&policy), reports.len()), (vec![50, 150], vec![], 0));
}

#[test]
fn a_mistake_is_reported_and_takes_nothing_down() {
    for text in [
        "policies",
        r#"{"policies": {"greeter": {"retry": {"attempts": 0}}}}"#,
        r#"{"policies": {"greeter": {"retry": {"attemps": 9}}}}"#,
        // Somebody else's mistake: a configuration that is half in force is one that nobody wrote.
        r#"{"policies": {"other": {"deadline": "soon"}, "greeter": {"retry": {"attempts": 9}}}}"#,
    ] {
        let report = load(Ok(Some(text.into()))).unwrap_err();
        assert!(
            report.starts_with(
                "the host's configuration, key `steadfast` of wasi:config, is not used, so the settings in the code \
                 stay in force"
            ),
            "{report}"
        );
    }
    let report = load(Ok(Some(r#"{"policies": {"p": {"retry": {"attemps": 9}}}}"#.into()))).unwrap_err();
    assert!(
        report.ends_with("policy check`:\npolicies.p.retry.attemps: unknown field, did you mean `attempts`?"),
        "{report}"
    );
    assert_eq!(
        load(Err("no such store".into())).unwrap_err(),
        "the host's configuration, key `steadfast` of wasi:config, is not used, so the settings in the code stay in \
         force: the host answers with an error: no such store"
    );
}

#[test]
fn a_configuration_that_makes_no_sense_with_the_code_is_reported_and_the_code_counts() {
    let configuration = configured(r#"{"policies": {"greeter": {"retry": {"backoff": {"max": "10ms"}}}}}"#);
    let (policy, reports) = made(Some(&configuration));
    assert_eq!(slept(&policy), [50, 150, 450]);
    assert_eq!(
        reports,
        ["the settings in the code stay in force, since there are mistakes in the configuration of the policy \
          `greeter`:\npolicies.greeter.retry.backoff.exponential: 50ms is not allowed: it must be at most the longest \
          delay (2 s by default)"]
    );
}

#[test]
fn mistakes_in_the_code_are_reported_and_the_rest_counts() {
    let mut reports = Vec::new();
    let mut made = |code| {
        let parts = parts("greeter", code, None, &mut |text| reports.push(text.to_string()));
        slept(&parts.policy(())).len()
    };
    assert_eq!(made("not json"), 0);
    assert_eq!(made("[]"), 0);
    assert_eq!(made(r#"{"deadline": "soon", "retry": {"attempts": 2}}"#), 1);
    assert_eq!(reports.len(), 2, "{reports:?}");
}

#[cfg(not(target_os = "wasi"))]
#[test]
fn a_named_policy_is_made_once_of_what_the_host_has_and_tells_its_observer() {
    use crate::config::{Named, provide};
    use crate::testing::Recorder;

    static SEEN: Recorder = Recorder::new();
    static GREETER: Named<&Recorder> = Named::new("named-in-a-test", r#"{"retry": {"attempts": 4}}"#).observer(&SEEN);
    provide(r#"{"policies": {"named-in-a-test": {"retry": {"attempts": 2}}}}"#);
    let first = GREETER.policy();
    provide("nonsense that comes too late");
    assert!(core::ptr::eq(first, GREETER.policy()));
    assert_eq!(first.with(&TestClock::new()).call(no_target).unwrap_err().attempts(), 2);
    assert!(SEEN.take().len() > 2);
    assert!(Policies::of_the_host().is_some());
    assert_eq!(format!("{:?}", Named::new("p", "{}")), r#"Named { name: "p", defaults: "{}", .. }"#);
}
