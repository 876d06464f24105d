//! A database behind a lattice: reads are repeated, writes are not, unless they never arrived.

use super::{Ask, Example, Read, SOME_TIME, Scenario, Step, ms, step};

/// The example.
pub const EXAMPLE: Example = Example { name: "postgres", packages: &["postgres", "postgres-table"], scenarios };

const WRITE: Ask = Ask::Post("/orders", "coffee");
const READ: Ask = Ask::Get("/orders");
const TAKEN: Read = Read::Text("2\n");
const BEFORE: Read = Read::Text("1 tea\n");
/// Once, and not twice.
const AFTER: Read = Read::Text("1 tea\n2 coffee\n");

const LINKS: &str = "[links]\n'steadfast:postgres/query' = { component = '{postgres-table}', instances = 'reuse' }\n";

fn scenario(name: &'static str, faults: &str, steps: Vec<Step>) -> Scenario {
    let manifest = format!("component = '{{postgres}}'\n{LINKS}");
    Scenario { name, host: "postgres", manifest, faults: faults.into(), seed: None, steps }
}

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "a healthy database",
            "",
            vec![step("nothing", WRITE, 201, TAKEN, 1), step("nothing", READ, 200, AFTER, 1)],
        ),
        scenario(
            "a write whose answer is lost",
            "[[faults]]\nkind = 'drop'\nfirst = 1",
            vec![
                step(
                    "answer to a write lost",
                    WRITE,
                    502,
                    Read::Detail("disconnected", "it may have run, and is not idempotent"),
                    1,
                ),
                step("(what became of it)", READ, 200, AFTER, 1),
            ],
        ),
        scenario(
            "a read whose answer is lost",
            "[[faults]]\nkind = 'drop'\nfirst = 1",
            vec![step("answer to a read lost", READ, 200, BEFORE, 2)],
        ),
        scenario(
            "a write that does not arrive",
            "[[faults]]\nkind = 'no-target'\nfirst = 2",
            vec![
                step("database down for 2 calls", WRITE, 201, TAKEN, 3),
                step("(what became of it)", READ, 200, AFTER, 1),
            ],
        ),
        Scenario {
            host: "postgres-hurried",
            manifest: format!("component = '{{postgres}}'\ninvocation-timeout = '500ms'\n{LINKS}"),
            ..scenario(
                "a database that does not answer",
                "[[faults]]\nkind = 'blackhole'\nfirst = 1",
                vec![Step { took: ms(500)..SOME_TIME, ..step("no answer to a read for 0.5 s", READ, 200, BEFORE, 2) }],
            )
        },
    ]
}
