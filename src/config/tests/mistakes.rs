//! A mistake is told with the path to it, what stands there, and what may.

use super::super::Policies;

fn mistakes(text: &str) -> Vec<String> {
    match Policies::from_json(text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// The mistakes of one policy, without the path to it.
fn of_policy(settings: &str) -> Vec<String> {
    let all = mistakes(&format!(r#"{{"policies": {{"p": {settings}}}}}"#));
    all.into_iter()
        .map(|mistake| mistake.strip_prefix("policies.p").unwrap().trim_start_matches(['.', ':', ' ']).into())
        .collect()
}

#[test]
fn nonsense_is_refused_with_the_path_the_value_and_the_range() {
    for (settings, expected) in [
        (
            r#"{"breaker": {"failures": 5, "shared": "redis", "name": "acme"}}"#,
            "breaker.shared: \"redis\" is not allowed: it must be \"keyvalue\", or \"never\"",
        ),
        (
            r#"{"breaker": {"failures": 5, "shared": "keyvalue", "name": "acme:greeter"}}"#,
            "breaker.name: \"acme:greeter\" is not allowed: it must be 1 to 100 letters, digits, and - _ . /",
        ),
        #[cfg(feature = "keyvalue-state")]
        (
            r#"{"rate-limit": {"tokens": 5, "every": "100ms", "shared": "keyvalue", "name": "acme"}}"#,
            "rate-limit.every: 100ms is not allowed: it must be 1 s or longer",
        ),
        #[cfg(feature = "keyvalue-state")]
        (
            r#"{"retry": {"attempts": 2, "budget": {"windowed": 0.1, "min-per-second": 1, "ttl": "100ms",
                "shared": "keyvalue", "name": "acme"}}}"#,
            "retry.budget.ttl: 100ms is not allowed: it must be 1 s or longer",
        ),
        (r#"{"deadline": "0s"}"#, "deadline: \"0s\" is not allowed: it must be longer than zero"),
        (r#"{"attempt-timeout": "0ms"}"#, "attempt-timeout: \"0ms\" is not allowed: it must be longer than zero"),
        (r#"{"retry": {"attempts": 0}}"#, "retry.attempts: 0 is not allowed: it must be 1 or more"),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"exponential": "5s", "max": "2s"}}}"#,
            "retry.backoff.exponential: 5s is not allowed: it must be at most the longest delay (2 s by default)",
        ),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"exponential": "1s", "factor": 0.5}}}"#,
            "retry.backoff.factor: 0.5 is not allowed: it must be 1 or more",
        ),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"exponential": "1s", "jitter": "150%"}}}"#,
            "retry.backoff.jitter: \"150%\" is not allowed: it must be above 0 and at most 1",
        ),
        (
            r#"{"retry": {"attempts": 2, "on": {"overloaded": {"attempts": 256}}}}"#,
            "retry.on.overloaded.attempts: 256 is not allowed: it must be from 1 to 255",
        ),
        (
            r#"{"retry": {"attempts": 2, "on": {"no-link": {"backoff": {"linear": "1m"}}}}}"#,
            "retry.on.no-link.backoff.linear: 60s is not allowed: it must be at most the longest delay (2 s by default)",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"ratio": "150%"}}}"#,
            "retry.budget.ratio: \"150%\" is not allowed: it must be from 0.000001 to 1",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"windowed": 0.1, "min-per-second": 1, "ttl": "1ns"}}}"#,
            "retry.budget.ttl: \"1ns\" is not allowed: it must be 10 ns or longer",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"throttle": 10, "token-ratio": 0}}}"#,
            "retry.budget.token-ratio: 0 is not allowed: it must be from 0.000001 to 1000",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"quota": 0}}}"#,
            "retry.budget.quota: 0 is not allowed: it must be 1 or more",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"quota": 10, "cost-of": {"timeout": 11}}}}"#,
            "retry.budget.cost: 11 is not allowed: it must be at most max-tokens",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"quota": 9}}}"#,
            "retry.budget.quota: 9 is not allowed: it must be 10 or more, which is what a retry costs",
        ),
        (r#"{"breaker": {"failures": 0}}"#, "breaker.failures: 0 is not allowed: it must be 1 or more"),
        (
            r#"{"breaker": {"failure-rate": 50, "over-calls": 100}}"#,
            "breaker.failure-rate: 50 is not allowed: it must be above 0 and at most 1",
        ),
        (
            r#"{"breaker": {"failure-rate": "50%", "over-calls": 10, "minimum-calls": 11}}"#,
            "breaker.minimum-calls: 11 is not allowed: it must be at most the calls of the window",
        ),
        (
            r#"{"breaker": {"failure-rate": "50%", "over-time": "10s", "slow-calls": {"rate": 0, "longer-than": "1s"}}}"#,
            "breaker.slow-calls.rate: 0 is not allowed: it must be above 0 and at most 1",
        ),
        (
            r#"{"breaker": {"failure-rate": "50%", "over-time": "10s", "slow-calls": {"rate": 0.5, "longer-than": "0s"}}}"#,
            "breaker.slow-calls.longer-than: \"0s\" is not allowed: it must be longer than zero",
        ),
        (
            r#"{"breaker": {"failures": 5, "open-for": "10s", "growing": {"factor": 2, "max-open-for": "5s"}}}"#,
            "breaker.growing.max-open-for: 5s is not allowed: it must be at least open-for",
        ),
        (
            r#"{"breaker": {"failures": 5, "jitter": "150%"}}"#,
            "breaker.jitter: \"150%\" is not allowed: it must be from 0 to 1",
        ),
        (r#"{"breaker": {"failures": 5, "probes": 17}}"#, "breaker.probes: 17 is not allowed: it must be from 1 to 16"),
        (r#"{"bulkhead": {"concurrent": 0}}"#, "bulkhead.concurrent: 0 is not allowed: it must be 1 or more"),
        (
            r#"{"concurrency": {"aimd": {"decrease": 1}}}"#,
            "concurrency.aimd.decrease: 1 is not allowed: it must be above 0 and below 1",
        ),
        (
            r#"{"concurrency": {"gradient": {"long-window": 0}}}"#,
            "concurrency.gradient.long-window: 0 is not allowed: it must be from 1 to 1000000",
        ),
        (
            r#"{"concurrency": {"aimd": {"min": 10, "max": 5}}}"#,
            "concurrency.aimd.max: 5 is not allowed: it must be at least min (1 by default), at most 1000000",
        ),
        (r#"{"rate-limit": {"per-second": 0}}"#, "rate-limit.per-second: 0 is not allowed: it must be 1 or more"),
        (r#"{"rate-limit": {"tokens": 0}}"#, "rate-limit.tokens: 0 is not allowed: it must be 1 or more"),
        (
            r#"{"rate-limit": {"tokens": 5, "every": "0s"}}"#,
            "rate-limit.every: \"0s\" is not allowed: it must be longer than zero",
        ),
        (
            r#"{"rate-limit": {"window": 5, "period": "0s"}}"#,
            "rate-limit.period: \"0s\" is not allowed: it must be longer than zero",
        ),
        (
            r#"{"rate-limit": {"per-second": 5, "burst": 0}}"#,
            "rate-limit.burst: 0 is not allowed: it must be 1 or more",
        ),
        (r#"{"throttle": {"padding": 0}}"#, "throttle.padding: 0 is not allowed: it must be 1 or more"),
        (
            r#"{"throttle": {"max-probability": "0%"}}"#,
            "throttle.max-probability: \"0%\" is not allowed: it must be above 0 and at most 1",
        ),
        (r#"{"hedge": {"after": "0s"}}"#, "hedge.after: \"0s\" is not allowed: it must be longer than zero"),
        (
            r#"{"hedge": {"after": "1s", "max-hedges": 5}}"#,
            "hedge.max-hedges: 5 is not allowed: it must be from 1 to 4",
        ),
        (
            r#"{"hedge": {"after-quantile": 95}}"#,
            "hedge.after-quantile: 95 is not allowed: it must be above 0 and below 1",
        ),
        (
            r#"{"hedge": {"after-quantile": 0.95, "initial-delay": "0s"}}"#,
            "hedge.initial-delay: \"0s\" is not allowed: it must be longer than zero",
        ),
        (
            r#"{"hedge": {"after-quantile": 0.95, "min-observations": 0}}"#,
            "hedge.min-observations: 0 is not allowed: it must be from 1 to 512",
        ),
    ] {
        assert_eq!(of_policy(settings), [expected], "{settings}");
    }
}

#[test]
fn what_is_of_another_kind_is_refused_with_what_may_stand_there() {
    for (settings, expected) in [
        ("7", "7 is not allowed: it must be a table of settings"),
        ("[]", "a list is not allowed: it must be a table of settings"),
        (
            r#"{"deadline": 3}"#,
            "deadline: 3 is not allowed: it must be a duration with units (ns, us, ms, s, m, h, d), such as \"250ms\" or \"1m30s\"",
        ),
        (
            r#"{"deadline": "3"}"#,
            "deadline: \"3\" is not allowed: it must be a duration with units (ns, us, ms, s, m, h, d), such as \"250ms\" or \"1m30s\"",
        ),
        (
            r#"{"deadline": {}}"#,
            "deadline: a table is not allowed: it must be a duration with units (ns, us, ms, s, m, h, d), such as \"250ms\" or \"1m30s\"",
        ),
        (r#"{"retry": "nevr"}"#, "retry: \"nevr\" is not allowed: it must be a table of settings, or \"never\""),
        (r#"{"retry": null}"#, "retry: nothing is not allowed: it must be a table of settings, or \"never\""),
        (r#"{"retry": true}"#, "retry: true is not allowed: it must be a table of settings, or \"never\""),
        (
            r#"{"retry": {"attempts": "four"}}"#,
            "retry.attempts: \"four\" is not allowed: it must be a whole number, 1 or more",
        ),
        (r#"{"retry": {"attempts": -1}}"#, "retry.attempts: -1 is not allowed: it must be 1 or more"),
        (r#"{"retry": {"attempts": 2.5}}"#, "retry.attempts: 2.5 is not allowed: it must be a whole number, 1 or more"),
        (
            r#"{"retry": {"attempts": 4294967296}}"#,
            "retry.attempts: 4294967296 is not allowed: it must be at most 4294967295",
        ),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"linear": "1s", "jitter": "some"}}}"#,
            "retry.backoff.jitter: \"some\" is not allowed: it must be \"none\", \"full\", \"equal\", a percentage, or a fraction",
        ),
        (
            r#"{"breaker": {"failure-rate": "half", "over-calls": 10}}"#,
            "breaker.failure-rate: \"half\" is not allowed: it must be a percentage such as \"50%\", or a number such as 0.5",
        ),
        (
            r#"{"throttle": {"multiplier": "2"}}"#,
            "throttle.multiplier: \"2\" is not allowed: it must be a number, 1 or more",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": 7}}"#,
            "retry.budget: 7 is not allowed: it must be the name of a budget, a table of settings, or \"never\"",
        ),
    ] {
        assert_eq!(of_policy(settings), [expected], "{settings}");
    }
}

#[test]
fn a_whole_number_may_be_written_as_a_fraction() {
    for settings in [
        r#"{"retry": {"attempts": 4.0}}"#,
        r#"{"retry": {"attempts": 1e1}}"#,
        r#"{"bulkhead": {"concurrent": 5.0, "waiting": 0.0}}"#,
        r#"{"retry": {"attempts": 2, "budget": {"quota": 500.0, "cost-of": {"timeout": 20.0}}}}"#,
    ] {
        assert_eq!(of_policy(settings), [""; 0], "{settings}");
    }
    let four = Policies::from_json(r#"{"policies": {"p": {"retry": {"attempts": 4.0}}}}"#).unwrap();
    assert_eq!(four.worst_case("p").unwrap().attempts, 4);
    assert_eq!(
        of_policy(r#"{"retry": {"attempts": 4.5}}"#),
        ["retry.attempts: 4.5 is not allowed: it must be a whole number, 1 or more"]
    );
}

#[cfg(feature = "toml")]
#[test]
fn dates_of_toml_are_named_as_dates() {
    for (text, expected) in [
        (
            "policies.p.retry = 2026-01-01",
            "policies.p.retry: a date is not allowed: it must be a table of settings, or \"never\"",
        ),
        ("policies.p = 07:32:00", "policies.p: a time is not allowed: it must be a table of settings"),
        ("policies = 2026-01-01T07:32:00Z", "policies: a date with a time is not allowed: it must be a table"),
        (
            "policies.p.retry.attempts = 2026-01-01T07:32:00+02:00",
            "policies.p.retry.attempts: a date with a time is not allowed: it must be a whole number, 1 or more",
        ),
        (
            "policies.p.retry = [2026-01-01]",
            "policies.p.retry: a list is not allowed: it must be a table of settings, or \"never\"",
        ),
        (
            "policies.p.retry = {attempts = 2, budget = 2026-01-01}",
            "policies.p.retry.budget: a date is not allowed: it must be the name of a budget, a table of settings, or \"never\"",
        ),
    ] {
        assert_eq!(Policies::from_toml(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    for (settings, expected) in [
        (r#"{"retry": {"attempts": 4, "attemps": 4}}"#, "retry.attemps: unknown field, did you mean `attempts`?"),
        (r#"{"rate_limit": {"per-second": 4}}"#, "rate_limit: unknown field, did you mean `rate-limit`?"),
        (r#"{"Deadline": "3s"}"#, "Deadline: unknown field, did you mean `deadline`?"),
        (
            r#"{"bulkhead": {"concurrent": 4, "timeout": "3s"}}"#,
            "bulkhead.timeout: unknown field, known are: concurrent, waiting",
        ),
        (r#"{"idempotent": true}"#, "idempotent: unknown field: this can only be set in the code"),
        (
            r#"{"retry": {"attempts": 1, "on": {"timeouts": "never"}}}"#,
            "retry.on.timeouts: unknown field, did you mean `timeout`?",
        ),
    ] {
        assert_eq!(of_policy(settings), [expected], "{settings}");
    }
    assert_eq!(mistakes(r#"{"polices": {}}"#), ["polices: unknown field, did you mean `policies`?"]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (settings, expected) in [
        (
            r#"{"bulkhead": {"concurrent": 1}, "concurrency": {"aimd": {}}}"#,
            "concurrency: not allowed together with `bulkhead`",
        ),
        (r#"{"throttle": {}, "rate-limit": {"per-second": 1}}"#, "throttle: not allowed together with `rate-limit`"),
        (
            r#"{"breaker": {"failures": 5, "minimum-calls": 10}}"#,
            "breaker.minimum-calls: not allowed together with `failures`",
        ),
        (
            r#"{"breaker": {"failure-rate": 0.5, "over-calls": 10, "over-time": "1s"}}"#,
            "breaker.over-time: not allowed together with `over-calls`",
        ),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"linear": "1s", "factor": 2}}}"#,
            "retry.backoff.factor: not allowed together with `linear`",
        ),
        (
            r#"{"hedge": {"after": "1s", "after-quantile": 0.5}}"#,
            "hedge.after-quantile: not allowed together with `after`",
        ),
        (
            r#"{"rate-limit": {"window": 1, "period": "1s", "burst": 1}}"#,
            "rate-limit.burst: not allowed together with `window`",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"quota": 10, "ttl": "1s"}}}"#,
            "retry.budget.ttl: not allowed together with `quota`",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"ratio": 0.1, "batch": 20}}}"#,
            "retry.budget.batch: not allowed together with `ratio`",
        ),
    ] {
        assert_eq!(of_policy(settings), [expected], "{settings}");
    }
}

#[test]
fn what_has_to_be_there_is_missed() {
    for (settings, expected) in [
        (r#"{"retry": {}}"#, "retry: `attempts` is missing"),
        (
            r#"{"retry": {"attempts": 2, "backoff": {"max": "1s"}}}"#,
            "retry.backoff: `constant`, `linear`, `exponential`, `fibonacci` or `decorrelated` is missing",
        ),
        (r#"{"breaker": {"open-for": "10s"}}"#, "breaker: `failures` or `failure-rate` is missing"),
        (r#"{"breaker": {"failure-rate": 0.5}}"#, "breaker: `over-calls` or `over-time` is missing"),
        (
            r#"{"breaker": {"failure-rate": 0.5, "over-calls": 10, "slow-calls": {"rate": 0.5}}}"#,
            "breaker.slow-calls: `longer-than` is missing",
        ),
        (
            r#"{"breaker": {"failure-rate": 0.5, "over-calls": 10, "slow-calls": {"longer-than": "1s"}}}"#,
            "breaker.slow-calls: `rate` is missing",
        ),
        #[cfg(feature = "keyvalue-state")]
        (r#"{"breaker": {"failures": 5, "shared": "keyvalue"}}"#, "breaker: `name` is missing"),
        #[cfg(feature = "keyvalue-state")]
        (r#"{"rate-limit": {"per-second": 5, "shared": "keyvalue"}}"#, "rate-limit: `name` is missing"),
        #[cfg(feature = "keyvalue-state")]
        (
            r#"{"retry": {"attempts": 2, "budget":
                {"windowed": 0.1, "min-per-second": 1, "ttl": "1s", "shared": "keyvalue"}}}"#,
            "retry.budget: `name` is missing",
        ),
        (r#"{"breaker": {"failures": 5, "growing": {"factor": 2}}}"#, "breaker.growing: `max-open-for` is missing"),
        (r#"{"breaker": {"failures": 5, "growing": {"max-open-for": "1m"}}}"#, "breaker.growing: `factor` is missing"),
        (r#"{"bulkhead": {"waiting": 10}}"#, "bulkhead: `concurrent` is missing"),
        (r#"{"concurrency": {}}"#, "concurrency: `aimd` or `gradient` is missing"),
        (r#"{"rate-limit": {}}"#, "rate-limit: `per-second`, `tokens` or `window` is missing"),
        (r#"{"rate-limit": {"window": 10}}"#, "rate-limit: `period` is missing"),
        (r#"{"hedge": {}}"#, "hedge: `after` or `after-quantile` is missing"),
        (
            r#"{"retry": {"attempts": 2, "budget": {}}}"#,
            "retry.budget: `ratio`, `windowed`, `throttle`, `quota` or `in-flight` is missing",
        ),
        (
            r#"{"retry": {"attempts": 2, "budget": {"windowed": 0.1, "ttl": "1s"}}}"#,
            "retry.budget: `min-per-second` is missing",
        ),
    ] {
        assert_eq!(of_policy(settings), [expected], "{settings}");
    }
}

#[test]
fn every_mistake_is_told_and_each_of_them_once() {
    assert_eq!(
        mistakes(
            r#"{
                "budgets": { "shared": { "quota": 0 } },
                "policies": {
                    "greeter": { "deadline": 3, "retry": { "attempts": 0, "budget": "shred" }, "breaker": { "failures": "5" } },
                    "odd name": { "retry": {} }
                },
                "targets": {
                    "acme:greeter/api": "greeter",
                    "acme:greeter/api#forget": { "policy": "greeter", "rtry": "never" },
                    "acme:greeter/api@0.1.0": "greeter",
                    "greeter": "greeter",
                    "acme:other/api": "gretr",
                    "acme:third/api": 7,
                    "acme:fourth/api": {},
                    "acme:fifth/api": { "policy": 7 }
                }
            }"#
        ),
        [
            "budgets.shared.quota: 0 is not allowed: it must be 1 or more",
            "policies.greeter.deadline: 3 is not allowed: it must be a duration with units (ns, us, ms, s, m, h, d), such as \"250ms\" or \"1m30s\"",
            "policies.greeter.retry.attempts: 0 is not allowed: it must be 1 or more",
            "policies.greeter.retry.budget: no budget has the name `shred`: did you mean `shared`?",
            "policies.greeter.breaker.failures: \"5\" is not allowed: it must be a whole number, 1 or more",
            "policies.\"odd name\".retry: `attempts` is missing",
            "targets.\"acme:greeter/api#forget\".rtry: unknown field, did you mean `retry`?",
            "targets.\"acme:greeter/api@0.1.0\": a target has no version: a policy is for all of them",
            "targets.greeter: not a target: that is an interface such as `acme:greeter/api`, a function such as \
             `acme:greeter/api#greet`, or `default`",
            "targets.\"acme:other/api\": no policy has the name `gretr`: did you mean `greeter`?",
            "targets.\"acme:third/api\": 7 is not allowed: it must be the name of a policy, or a table with `policy` \
             and what is different",
            "targets.\"acme:fourth/api\": `policy` is missing: the name of the policy that is changed here",
            "targets.\"acme:fifth/api\".policy: 7 is not allowed: it must be the name of a policy",
        ]
    );
}

#[test]
fn a_text_that_cannot_be_read_is_one_mistake() {
    assert_eq!(mistakes("{"), ["not JSON: EOF while parsing an object at line 1 column 1"]);
    assert_eq!(
        mistakes("7"),
        ["7 is not allowed: it must be a table with `policies`, and maybe `budgets` and `targets`"]
    );
    assert_eq!(
        mistakes(r#"{"policies": {"p": {"deadline": "1s", "deadline": "2s"}}}"#),
        ["not JSON: `deadline` is given twice at line 1 column 48"]
    );
    assert_eq!(mistakes(r#"{"policies": []}"#), ["policies: a list is not allowed: it must be a table"]);
    assert_eq!(mistakes("{}"), [""; 0]);
    assert_eq!(mistakes(r#"{"$schema": "policies.json"}"#), [""; 0]);
    #[cfg(feature = "toml")]
    assert_eq!(
        Policies::from_toml("[policies.p]\ndeadline = ").unwrap_err().to_string(),
        "not TOML: string values must be quoted, expected literal string at line 2"
    );
}

#[test]
fn nothing_that_is_read_is_a_panic() {
    let whole =
        r#"{"budgets":{"b":{"ratio":"10%"}},"policies":{"p":{"deadline":"3s","retry":{"attempts":4,"budget":"b"}}}}"#;
    let mut draws = crate::testing::SplitMix::new(7);
    for _ in 0..20_000 {
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..1 + draws.next() % 4 {
            let at = draws.next() as usize % bytes.len();
            match draws.next() % 3 {
                0 => bytes[at] = draws.next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}[]\":,0-9.em%s"[draws.next() as usize % 15]),
            }
        }
        let _ = Policies::from_json(&String::from_utf8_lossy(&bytes));
    }
}
