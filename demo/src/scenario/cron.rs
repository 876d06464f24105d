//! A job on schedule: an outage costs it time, a long one a run, and the next run is as good as any.

use super::{Ask, Example, Read, SOME_TIME, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example = Example { name: "cron", packages: &["cron", "greeter"], scenarios };

const RUN: Ask = Ask::Job("acme:jobs/job#run");

fn scenario(name: &'static str, every: &str, faults: &str, steps: Vec<Step>) -> Scenario {
    let manifest = format!(
        "component = '{{cron}}'\n[[cron]]\ncall = 'acme:jobs/job#run'\nevery = '{every}'\n\
         [links]\n'acme:greeter/api' = {{ component = '{{greeter}}' }}\n"
    );
    Scenario { name, host: "cron", manifest, faults: faults.into(), seed: None, steps }
}

fn fault(rest: &str) -> String {
    format!("[[faults]]\non = 'acme:greeter/api'\n{rest}")
}

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("a healthy run", "200ms", "", vec![step("nothing", RUN, 0, Read::Run("ok"), 2)]),
        scenario(
            "a short outage",
            "200ms",
            &fault("kind = 'no-target'\nfirst = 3"),
            vec![step("greeter down for 3 calls", RUN, 0, Read::Run("ok"), 5)],
        ),
        scenario(
            "a lost answer",
            "200ms",
            &fault("kind = 'drop'\nfirst = 1"),
            vec![step("answer lost once", RUN, 0, Read::Run("ok"), 3)],
        ),
        scenario(
            "a long outage",
            "200ms",
            &fault("kind = 'no-target'\nfirst = 7"),
            vec![
                Step {
                    took: ms(0)..SOME_TIME,
                    ..step("greeter down for 7 calls", RUN, 0, Read::Run("failed: no-target"), 6)
                },
                step("(the next run)", RUN, 0, Read::Run("ok"), 3),
            ],
        ),
    ]
}
