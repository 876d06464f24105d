//! The flagship, http-hello, against every failure of its lattice, and its control without the error type.

use super::{Ask, Example, Read, SOME_TIME, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example =
    Example { name: "http-hello", packages: &["http-hello", "greeter", "http-hello-plain"], scenarios };

const HELLO: Read = Read::Text("Hello, Ada!");
const STRANGER: Read = Read::Text("Hello, stranger!");

const LINKS: &str = "[links]\n'acme:greeter/api' = { component = '{greeter}' }\n";

fn linked(app: &'static str, name: &'static str, faults: &str, steps: Vec<Step>) -> Scenario {
    let manifest = format!("component = '{{{app}}}'\n{LINKS}");
    Scenario { name, host: app, manifest, faults: faults.into(), seed: None, steps }
}

fn scenario(name: &'static str, faults: &str, steps: Vec<Step>) -> Scenario {
    linked("http-hello", name, faults, steps)
}

/// With a manifest of its own, and no faults.
fn alone(name: &'static str, host: &'static str, manifest: &str, steps: Vec<Step>) -> Scenario {
    Scenario { name, host, manifest: manifest.into(), faults: String::new(), seed: None, steps }
}

fn get(injected: &'static str, path: &'static str, status: u16, read: Read, calls: u64) -> Step {
    step(injected, Ask::Get(path), status, read, calls)
}

/// Everything that the README promises.
fn scenarios() -> Vec<Scenario> {
    vec![
        alone(
            "composed",
            "composed",
            "component = '{composed}'\n",
            vec![get("nothing (composed)", "/strict/Ada", 200, HELLO, 0)],
        ),
        scenario("healthy", "", vec![get("nothing (distributed)", "/strict/Ada", 200, HELLO, 1)]),
        alone(
            "no link",
            "http-hello-alone",
            "component = '{http-hello}'\n",
            vec![
                get("no link", "/strict/Ada", 500, Read::Problem("no-link"), 1),
                get("no link", "/hello/Ada", 200, STRANGER, 1),
            ],
        ),
        scenario(
            "target down",
            "[[faults]]\nkind = 'no-target'",
            vec![
                Step {
                    retry_after: Some("1"),
                    ..get("linked, target down", "/strict/Ada", 503, Read::Problem("no-target"), 4)
                },
                get("linked, target down", "/hello/Ada", 200, STRANGER, 4),
            ],
        ),
        Scenario {
            seed: Some(3),
            ..scenario(
                "target comes back",
                "[[faults]]\nkind = 'no-target'\nuntil = '300ms'",
                vec![Step {
                    calls: 2..=4,
                    ..get("target back after 300 ms, while the guest retries", "/strict/Ada", 200, HELLO, 0)
                }],
            )
        },
        scenario(
            "lattice down and up",
            "[[faults]]\nkind = 'blackhole'\nuntil = '1500ms'",
            vec![
                Step {
                    took: ms(1000)..ms(2000),
                    ..get("lattice down for 1.5 s", "/strict/Ada", 504, Read::Problem("timeout"), 1)
                },
                Step { at: ms(1500), ..get("lattice up again", "/strict/Ada", 200, HELLO, 1) },
            ],
        ),
        scenario(
            "transport down",
            "[[faults]]\nkind = 'disconnected'",
            vec![get("transport known to be down", "/strict/Ada", 502, Read::Problem("disconnected"), 4)],
        ),
        scenario(
            "dropped mid-call",
            "[[faults]]\nkind = 'drop'",
            vec![get("connection dropped mid-call", "/strict/Ada", 502, Read::Problem("disconnected"), 1)],
        ),
        scenario(
            "dropped mid-call, idempotent",
            "[[faults]]\nkind = 'drop'\nfirst = 1",
            vec![get("the same, once, and idempotent", "/again/Ada", 200, HELLO, 2)],
        ),
        scenario(
            "fails twice",
            "[[faults]]\nkind = 'no-target'\nfirst = 2",
            vec![get("fails twice, then works", "/strict/Ada", 200, HELLO, 3)],
        ),
        scenario(
            "target traps",
            "[[faults]]\nkind = 'trap'",
            vec![get("target traps", "/strict/Ada", 502, Read::Problem("trapped"), 1)],
        ),
        scenario(
            "overloaded",
            "[[faults]]\nkind = 'overloaded'\nretry-after = '1s'\nfirst = 1",
            vec![Step {
                took: ms(1000)..SOME_TIME,
                ..get("overloaded, retry-after 1 s", "/strict/Ada", 200, HELLO, 2)
            }],
        ),
        scenario(
            "overloaded for long",
            "[[faults]]\nkind = 'overloaded'\nretry-after = '30s'",
            vec![Step {
                retry_after: Some("30"),
                ..get("overloaded, retry-after 30 s", "/strict/Ada", 503, Read::Problem("overloaded"), 1)
            }],
        ),
        Scenario {
            name: "breaker",
            host: "http-hello-reused",
            manifest: format!("component = '{{http-hello}}'\ninstances = 'reuse'\n{LINKS}"),
            faults: "[[faults]]\nkind = 'no-target'\nfirst = 8".into(),
            seed: None,
            steps: vec![
                Step {
                    retry_after: Some("1"),
                    ..get("target down, instance reused", "/strict/Ada", 503, Read::Problem("no-target"), 4)
                },
                Step {
                    retry_after: Some("1"),
                    ..get("8th failure in a row", "/strict/Ada", 503, Read::Problem("no-target"), 4)
                },
                Step {
                    retry_after: Some("2"),
                    ..get("breaker open for 2 s", "/strict/Ada", 503, Read::Type("breaker-open"), 0)
                },
                Step { at: ms(4500), ..get("target back, breaker recovers", "/strict/Ada", 200, HELLO, 1) },
            ],
        },
        linked(
            "http-hello-plain",
            "control",
            "[[faults]]\nkind = 'no-target'\nfirst = 1",
            vec![
                get("control without the error type: target down", "/strict/Ada", 500, Read::Empty, 1),
                get("control: target up", "/strict/Ada", 200, HELLO, 1),
            ],
        ),
    ]
}
