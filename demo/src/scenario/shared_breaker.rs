//! A breaker whose state outlives the instance: 200 requests, each in an instance of its own, and the way back.

use super::{Ask, Example, Read, SOME_TIME, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example = Example { name: "shared-breaker", packages: &["shared-breaker", "greeter"], scenarios };

/// Longer than any machine takes for these requests, so what is counted does not depend on time.
const BREAK: &str = "open-for = '1h'";

/// Without jitter, as a client that is told to wait waits exactly so long.
const SHORT: &str = "open-for = '1s', jitter = 0";

/// Each break is so much longer than the one before that the second one is not over either.
const SHORT_THEN_LONG: &str = "open-for = '1s', jitter = 0, growing = { factor = 3600, max-open-for = '1h' }";

fn scenario(name: &'static str, host: &'static str, settings: &str, fault: &str, steps: Vec<Step>) -> Scenario {
    let manifest = format!(
        "component = '{{shared-breaker}}'\ninstances = 'fresh'\ninvocation-timeout = '30s'\n\
         [config]\nsteadfast = \"policies.greeter.breaker = {{ {settings} }}\"\n\
         [links]\n'acme:greeter/api' = {{ component = '{{greeter}}' }}\n"
    );
    let faults = format!("[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\n{fault}\n");
    Scenario { name, host, manifest, faults, seed: None, steps }
}

/// Many requests, which all have this status.
fn many(injected: &'static str, ask: Ask, status: u16, answers: &'static [(&'static str, usize)], calls: u64) -> Step {
    // A busy machine may take its time for so many.
    Step { took: ms(0)..6 * SOME_TIME, ..step(injected, ask, status, Read::Answers(answers), calls) }
}

fn scenarios() -> Vec<Scenario> {
    let trip = || many("greeter down", Ask::Times("/Ada", 5), 503, &[("no-target", 5)], 5);
    vec![
        scenario(
            "a breaker of each instance",
            "shared-breaker-never",
            &format!("{BREAK}, shared = 'never'"),
            "",
            vec![many(
                "greeter down, a breaker in each instance",
                Ask::Times("/Ada", 200),
                503,
                &[("no-target", 200)],
                200,
            )],
        ),
        scenario(
            "a shared breaker",
            "shared-breaker-long",
            BREAK,
            "",
            vec![many(
                "greeter down, one breaker for all instances",
                Ask::Times("/Ada", 200),
                503,
                &[("breaker-open, Retry-After", 195), ("no-target", 5)],
                5,
            )],
        ),
        scenario(
            "one probe of all",
            "shared-breaker-growing",
            SHORT_THEN_LONG,
            "",
            vec![
                trip(),
                Step {
                    when_told: true,
                    ..many(
                        "still down after the break of 1 s, 64 requests at a time",
                        Ask::AtOnce("/Ada", 64),
                        503,
                        &[("breaker-open, Retry-After", 63), ("no-target", 1)],
                        1,
                    )
                },
            ],
        ),
        scenario(
            "recovery",
            "shared-breaker-short",
            SHORT,
            "first = 6",
            vec![
                trip(),
                Step {
                    when_told: true,
                    ..many("down for one call more: a probe", Ask::Times("/Ada", 1), 503, &[("no-target", 1)], 1)
                },
                Step {
                    when_told: true,
                    ..many("greeter back: the first closes it", Ask::Times("/Ada", 20), 200, &[("200", 20)], 20)
                },
            ],
        ),
    ]
}
