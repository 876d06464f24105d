//! What goes wrong, what a client then asks for, and what it is promised.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use steadfast_demo::guests::Guests;
use steadfast_host::sim::Time;
use steadfast_host::{Host, Manifest};
use tokio::net::TcpListener;

use crate::client::{self, Answer};

/// The component files that the scenarios run.
pub struct Components {
    hello: PathBuf,
    plain: PathBuf,
    greeter: PathBuf,
    composed: PathBuf,
}

impl Components {
    /// Composes what is to run composed.
    pub fn prepare(guests: &Guests) -> Result<Self, String> {
        let hello = guests.file("http-hello").to_path_buf();
        let greeter = guests.file("greeter").to_path_buf();
        let composed = hello.with_file_name("http_hello_composed.wasm");
        let bytes = steadfast_host::compose(&hello, &greeter).map_err(|error| error.to_string())?;
        std::fs::write(&composed, bytes).map_err(|error| format!("cannot write {}: {error}", composed.display()))?;
        Ok(Components { hello, plain: guests.file("http-hello-plain").to_path_buf(), greeter, composed })
    }

    /// The bytes of the handler that the distributed scenarios run.
    pub fn hello_bytes(&self) -> Result<Vec<u8>, String> {
        read(&self.hello)
    }

    /// The bytes of the handler within the composed component.
    pub fn hello_bytes_when_composed(&self) -> Result<Option<Vec<u8>>, String> {
        let hello = self.hello_bytes()?;
        let composed = read(&self.composed)?;
        Ok(composed.windows(hello.len()).find(|window| *window == hello).map(<[u8]>::to_vec))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Which component answers.
#[derive(Clone, Copy)]
enum App {
    Composed,
    Hello,
    /// The control, whose interface has no error type.
    Plain,
}

/// One host, what is wrong with its lattice, and the requests it gets.
pub struct Scenario {
    pub name: &'static str,
    app: App,
    linked: bool,
    /// More of the manifest.
    manifest: &'static str,
    steps: Vec<Step>,
}

/// One request and what its client is promised.
struct Step {
    injected: &'static str,
    /// When to ask, since the host was ready.
    at: Duration,
    path: &'static str,
    status: u16,
    body: Body,
    retry_after: Option<&'static str>,
    calls: std::ops::RangeInclusive<u64>,
    took: std::ops::Range<Duration>,
}

#[derive(Clone, Copy)]
enum Body {
    Text(&'static str),
    /// A problem with this cause.
    Problem(&'static str),
    /// A problem of this type.
    Type(&'static str),
    Empty,
}

/// One line of the table.
pub struct Row {
    pub injected: String,
    pub request: String,
    pub status: u16,
    pub read: String,
    pub calls: u64,
    pub took: Duration,
    /// What is not as promised.
    pub broken_promise: Option<String>,
}

/// Where no time is promised: a busy machine may take its own.
const SOME_TIME: Duration = Duration::from_secs(10);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn step(injected: &'static str, path: &'static str, status: u16, body: Body, calls: u64) -> Step {
    Step {
        injected,
        at: Duration::ZERO,
        path,
        status,
        body,
        retry_after: None,
        calls: calls..=calls,
        took: Duration::ZERO..SOME_TIME,
    }
}

fn scenario(name: &'static str, manifest: &'static str, steps: Vec<Step>) -> Scenario {
    Scenario { name, app: App::Hello, linked: true, manifest, steps }
}

const HELLO: Body = Body::Text("Hello, Ada!");
const STRANGER: Body = Body::Text("Hello, stranger!");

/// Everything that the README promises.
pub fn all() -> Vec<Scenario> {
    vec![
        Scenario {
            app: App::Composed,
            linked: false,
            ..scenario("composed", "", vec![step("nothing (composed)", "/strict/Ada", 200, HELLO, 0)])
        },
        scenario("healthy", "", vec![step("nothing (distributed)", "/strict/Ada", 200, HELLO, 1)]),
        Scenario {
            linked: false,
            ..scenario(
                "no link",
                "",
                vec![
                    step("no link", "/strict/Ada", 500, Body::Problem("no-link"), 1),
                    step("no link", "/hello/Ada", 200, STRANGER, 1),
                ],
            )
        },
        scenario(
            "target down",
            "[[faults]]\nkind = 'no-target'",
            vec![
                Step {
                    retry_after: Some("1"),
                    ..step("linked, target down", "/strict/Ada", 503, Body::Problem("no-target"), 4)
                },
                step("linked, target down", "/hello/Ada", 200, STRANGER, 4),
            ],
        ),
        scenario(
            "target comes back",
            "seed = 3\n[[faults]]\nkind = 'no-target'\nuntil = '300ms'",
            vec![Step {
                calls: 2..=4,
                ..step("target back after 300 ms, while the guest retries", "/strict/Ada", 200, HELLO, 0)
            }],
        ),
        scenario(
            "lattice down and up",
            "[[faults]]\nkind = 'blackhole'\nuntil = '1500ms'",
            vec![
                Step {
                    took: ms(1000)..ms(2000),
                    ..step("lattice down for 1.5 s", "/strict/Ada", 504, Body::Problem("timeout"), 1)
                },
                Step { at: ms(1500), ..step("lattice up again", "/strict/Ada", 200, HELLO, 1) },
            ],
        ),
        scenario(
            "transport down",
            "[[faults]]\nkind = 'disconnected'",
            vec![step("transport known to be down", "/strict/Ada", 502, Body::Problem("disconnected"), 4)],
        ),
        scenario(
            "dropped mid-call",
            "[[faults]]\nkind = 'drop'",
            vec![step("connection dropped mid-call", "/strict/Ada", 502, Body::Problem("disconnected"), 1)],
        ),
        scenario(
            "fails twice",
            "[[faults]]\nkind = 'no-target'\nfirst = 2",
            vec![step("fails twice, then works", "/strict/Ada", 200, HELLO, 3)],
        ),
        scenario(
            "target traps",
            "[[faults]]\nkind = 'trap'",
            vec![step("target traps", "/strict/Ada", 502, Body::Problem("trapped"), 1)],
        ),
        scenario(
            "overloaded",
            "[[faults]]\nkind = 'overloaded'\nretry-after = '1s'\nfirst = 1",
            vec![Step {
                took: ms(1000)..SOME_TIME,
                ..step("overloaded once, retry-after 1 s", "/strict/Ada", 200, HELLO, 2)
            }],
        ),
        scenario(
            "overloaded for long",
            "[[faults]]\nkind = 'overloaded'\nretry-after = '30s'",
            vec![Step {
                retry_after: Some("30"),
                ..step("overloaded, retry-after 30 s", "/strict/Ada", 503, Body::Problem("overloaded"), 4)
            }],
        ),
        scenario(
            "breaker",
            "instances = 'reuse'\n[[faults]]\nkind = 'no-target'\nfirst = 8",
            vec![
                Step {
                    retry_after: Some("1"),
                    ..step("target down, instance reused", "/strict/Ada", 503, Body::Problem("no-target"), 4)
                },
                Step {
                    retry_after: Some("1"),
                    ..step("8th failure in a row", "/strict/Ada", 503, Body::Problem("no-target"), 4)
                },
                Step {
                    retry_after: Some("2"),
                    ..step("breaker open for 2 s", "/strict/Ada", 503, Body::Type("breaker-open"), 0)
                },
                Step { at: ms(4500), ..step("target back, breaker recovers", "/strict/Ada", 200, HELLO, 1) },
            ],
        ),
        Scenario {
            app: App::Plain,
            ..scenario(
                "control",
                "[[faults]]\nkind = 'no-target'\nfirst = 1",
                vec![
                    step("control without the error type: target down", "/strict/Ada", 500, Body::Empty, 1),
                    step("control: target up", "/strict/Ada", 200, HELLO, 1),
                ],
            )
        },
    ]
}

impl Scenario {
    /// Starts a host on a free port and asks it what the scenario says.
    pub async fn run(&self, components: &Components) -> Result<Vec<Row>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("scenario `{}`: {error}", self.name);
        let manifest = Manifest::parse(&self.text(components), "demo.toml").map_err(|error| failed(&error))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let host = Host::load(&manifest, Time::Real).map_err(|error| failed(&error))?;
        let ready = Instant::now();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = host.clone();
        let server = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            server.serve(listener, stopped).await;
        });

        let mut rows = Vec::new();
        for step in &self.steps {
            // Nothing is at stake here but the time of the request, so sleeping is the point.
            tokio::time::sleep(step.at.saturating_sub(ready.elapsed())).await;
            let before = host.journal().total();
            let answer = client::get(address, step.path).await.map_err(|error| failed(&error))?;
            let calls = host.journal().total() - before;
            rows.push(Row {
                injected: step.injected.into(),
                request: step.path.into(),
                status: answer.status,
                read: readable(&answer),
                calls,
                took: answer.took,
                broken_promise: step.broken_promise(&answer, calls),
            });
        }
        let _ = stop.send(());
        server.await.map_err(|error| failed(&error))?;
        Ok(rows)
    }

    fn text(&self, components: &Components) -> String {
        let component = match self.app {
            App::Composed => &components.composed,
            App::Hello => &components.hello,
            App::Plain => &components.plain,
        };
        let mut text = format!("component = '{}'\n{}\n", component.display(), self.manifest);
        if self.linked {
            text += &format!("[links]\n'acme:greeter/api' = {{ component = '{}' }}\n", components.greeter.display());
        }
        text
    }
}

impl Step {
    fn broken_promise(&self, answer: &Answer, calls: u64) -> Option<String> {
        let problem = |member: &str| -> Option<String> {
            let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
            let typed = answer.content_type.as_deref() == Some("application/problem+json");
            let consistent = body["status"] == answer.status && body["instance"] == self.path;
            (typed && consistent).then(|| body[member].as_str().map(str::to_string))?
        };
        let body_as_promised = match self.body {
            Body::Text(text) => answer.body == text,
            Body::Problem(cause) => problem("cause").is_some_and(|found| found == cause),
            Body::Type(kind) => problem("type").is_some_and(|found| found.ends_with(kind)),
            Body::Empty => answer.body.is_empty(),
        };
        if answer.status != self.status {
            Some(format!("promised {}", self.status))
        } else if !body_as_promised {
            Some("not the promised body".into())
        } else if answer.retry_after.as_deref() != self.retry_after {
            Some(format!("promised Retry-After {:?}", self.retry_after))
        } else if !self.calls.contains(&calls) {
            Some(format!("promised {:?} calls", self.calls))
        } else if !self.took.contains(&answer.took) {
            Some(format!("promised {:?}", self.took))
        } else {
            None
        }
    }
}

/// What a person would take from the answer.
fn readable(answer: &Answer) -> String {
    let mut text = match serde_json::from_str::<serde_json::Value>(&answer.body) {
        Ok(problem) => {
            let kind = problem["type"].as_str().unwrap_or_default();
            let kind = kind.rsplit(':').next().unwrap_or_default();
            format!("problem: {kind}, attempts: {}", problem["attempts"])
        }
        Err(_) if answer.body.is_empty() => "(nothing)".into(),
        Err(_) => answer.body.clone(),
    };
    if let Some(seconds) = &answer.retry_after {
        text += &format!(", Retry-After: {seconds}");
    }
    text
}
