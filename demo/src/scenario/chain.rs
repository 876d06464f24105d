//! Three components in a row: the first one's client hears of what the last one met.

use super::{Ask, Example, Read, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example = Example { name: "chain", packages: &["chain", "chain-letters", "greeter"], scenarios };

const ASK: Ask = Ask::Get("/Ada");
const LETTER: Read = Read::Text("Hello, Ada! Yours, the post office.");

fn scenario(name: &'static str, faults: &str, steps: Vec<Step>) -> Scenario {
    let manifest = "component = '{chain}'\n[links]\n'acme:letters/letters' = { component = '{chain-letters}' }\n\
                    'acme:greeter/api' = { component = '{greeter}' }\n";
    Scenario { name, host: "chain", manifest: manifest.into(), faults: faults.into(), seed: None, steps }
}

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("a healthy chain", "", vec![step("nothing", ASK, 200, LETTER, 2)]),
        scenario(
            "the last one is down",
            "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'",
            vec![Step {
                retry_after: Some("1"),
                ..step("last of three down", ASK, 503, Read::Detail("no-target", "acme:greeter/api#greet"), 4)
            }],
        ),
        scenario(
            "the last one comes back",
            "[[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'\nfirst = 2",
            vec![step("last of three down for 2 calls", ASK, 200, LETTER, 4)],
        ),
        scenario(
            "the last one dies",
            "[[faults]]\non = 'acme:greeter/api'\nkind = 'trap'",
            vec![step("last of three traps", ASK, 502, Read::Detail("trapped", "acme:greeter/api#greet"), 2)],
        ),
        scenario(
            "the last one is busy",
            "[[faults]]\non = 'acme:greeter/api'\nkind = 'overloaded'\nretry-after = '30s'",
            vec![Step {
                retry_after: Some("30"),
                ..step(
                    "last of three overloaded, retry-after 30 s",
                    ASK,
                    503,
                    Read::Detail("overloaded", "acme:greeter/api#greet"),
                    2,
                )
            }],
        ),
        scenario(
            "the second is down",
            "[[faults]]\non = 'acme:letters/letters'\nkind = 'no-target'",
            vec![Step {
                retry_after: Some("1"),
                ..step("second of three down", ASK, 503, Read::Detail("no-target", "acme:letters/letters#write"), 1)
            }],
        ),
        impatient(),
    ]
}

/// The last one would fail after 600 ms, and the second would try again. By then the request is over.
fn impatient() -> Scenario {
    let faults = "[[faults]]\non = 'acme:greeter/api'\nkind = 'latency'\ndelay = '600ms'\n\
                  [[faults]]\non = 'acme:greeter/api'\nkind = 'no-target'";
    let late = |injected, at| Step { at, calls: 1..=2, ..step(injected, ASK, 504, Read::Any, 2) };
    let steps =
        vec![late("last of three down, and 400 ms are left", ms(0)), late("and nothing was done since", ms(2500))];
    let scenario = scenario("the client waits no longer", faults, steps);
    let manifest = scenario.manifest.replacen("[links]", "request-timeout = '400ms'\n[links]", 1);
    Scenario { host: "impatient", manifest, ..scenario }
}
