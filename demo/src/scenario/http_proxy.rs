//! Outgoing HTTP to an upstream that fails in every way.

use super::{Ask, Example, Read, SOME_TIME, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example = Example { name: "http-proxy", packages: &["http-proxy", "quotes"], scenarios };

const GET: Ask = Ask::Get("/quote");
const POST: Ask = Ask::Post("/quote", "All is well.");
const QUOTE: Read = Read::Text("Everything fails, all the time.");
const NOTED: Read = Read::Text("Noted.");

fn scenario(name: &'static str, fault: &str, steps: Vec<Step>) -> Scenario {
    let manifest = "component = '{http-proxy}'\n[http.upstreams]\n'quotes.test' = { component = '{quotes}' }\n";
    let faults = match fault {
        "" => String::new(),
        fault => format!("[[faults]]\non = 'http://quotes.test'\n{fault}\n"),
    };
    Scenario { name, host: "http-proxy", manifest: manifest.into(), faults, seed: None, steps }
}

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "a healthy upstream",
            "",
            vec![step("nothing", GET, 200, QUOTE, 1), step("nothing", POST, 201, NOTED, 1)],
        ),
        Scenario {
            name: "no grant",
            host: "http-proxy-alone",
            manifest: "component = '{http-proxy}'\n".into(),
            faults: String::new(),
            seed: None,
            steps: vec![step("requests there are not granted", GET, 500, Read::Problem("no-link"), 1)],
        },
        scenario(
            "an upstream that is down",
            "kind = 'no-target'",
            vec![Step {
                retry_after: Some("1"),
                ..step("connection refused", GET, 503, Read::Problem("no-target"), 3)
            }],
        ),
        scenario(
            "an upstream that comes back",
            "kind = 'no-target'\nfirst = 2",
            vec![step("connection refused twice", POST, 201, NOTED, 3)],
        ),
        scenario(
            "an answer that is lost",
            "kind = 'drop'\nfirst = 1",
            vec![step("connection cut before the answer", GET, 200, QUOTE, 2)],
        ),
        scenario(
            "an answer to a POST that is lost",
            "kind = 'drop'\nfirst = 1",
            vec![step(
                "connection cut before the answer",
                POST,
                502,
                Read::Detail("disconnected", "it may have run, and is not idempotent"),
                1,
            )],
        ),
        scenario(
            "an upstream that is busy",
            "kind = 'status'\nstatus = 503\nretry-after = '1s'\nfirst = 1",
            vec![Step { took: ms(1000)..SOME_TIME, ..step("one 503, Retry-After 1 s", GET, 200, QUOTE, 2) }],
        ),
        scenario(
            "an upstream that does not answer",
            "kind = 'blackhole'",
            vec![Step {
                took: ms(2900)..SOME_TIME,
                calls: 3..=3,
                ..step("no answer at all", GET, 504, Read::Problem("timeout"), 3)
            }],
        ),
    ]
}
