//! `steadfast fault`: switches faults on and off, over the admin port of a command that runs.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use steadfast_host::Error;
use tokio::net::TcpStream;
use wasmtime_wasi_http::io::TokioIo;

use super::admin;
use super::printer::STDOUT;

/// An admin port answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of an answer, in bytes: a thousand faults, with room to spare.
const MAX_ANSWER: usize = 4 << 20;

/// Switch faults on and off while `steadfast dev` runs, or `steadfast serve --admin-faults`.
#[derive(Args)]
pub(super) struct Fault {
    #[command(subcommand)]
    what: What,
    /// The admin port of what runs. The token is in the environment variable STEADFAST_ADMIN_TOKEN, where one is
    /// needed.
    #[arg(long, global = true, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin: String,
}

#[derive(Subcommand)]
enum What {
    /// Switch a fault on, and print its number.
    On(Box<On>),
    /// Switch a fault off, or all of them.
    Off {
        /// The number of the fault; all without one, those of the manifest too.
        number: Option<u64>,
    },
    /// List the faults that are on.
    List,
}

#[derive(Args)]
struct On {
    /// What goes wrong: no-link, no-target, disconnected, overloaded, blackhole, drop, trap, latency, status or
    /// capacity. Or several, one of them each time, by their weights: no-target=3,drop=1.
    kind: String,
    /// The calls it goes wrong for: an interface, a function like acme:greeter/api#greet, or a host; all without one.
    on: Option<String>,
    /// What a fault of kind drop loses: `answer`, when the target has done its work, or `request`, before.
    #[arg(long, value_name = "HALF")]
    loses: Option<String>,
    /// How long a fault of kind latency delays a call, like 300ms.
    #[arg(long, value_name = "TIME")]
    delay: Option<String>,
    /// Of a fault of kind capacity: how many calls are worked on at a time.
    #[arg(long, value_name = "CALLS")]
    concurrency: Option<u64>,
    /// How long each of them takes, like 20ms.
    #[arg(long, value_name = "TIME")]
    work: Option<String>,
    /// How many wait; further ones are refused. None without one.
    #[arg(long, value_name = "CALLS")]
    queue: Option<u64>,
    /// When a target that is overloaded, or answers with a status, is to be asked again, like 2s.
    #[arg(long, value_name = "TIME")]
    retry_after: Option<String>,
    /// The status of a fault of kind status, like 503.
    #[arg(long)]
    status: Option<u16>,
    /// When it begins, counted from now.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// When it ends, counted from now.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How often it comes again, counted from its beginning; with --for.
    #[arg(long, value_name = "TIME", requires = "lasts")]
    every: Option<String>,
    /// How long it is there each time, with --every.
    #[arg(long = "for", value_name = "TIME", requires = "every")]
    lasts: Option<String>,
    /// The share of the calls that it hits, by chance, like 5%; all without one.
    #[arg(long, value_name = "SHARE")]
    rate: Option<String>,
    /// After how many calls it ends.
    #[arg(long, value_name = "CALLS")]
    first: Option<u64>,
}

impl Fault {
    pub fn run(self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        runtime.block_on(async {
            match &self.what {
                What::On(on) => {
                    let answer = self.ask(Method::POST, "/faults", on.to_toml()).await?;
                    let id = serde_json::from_str::<Value>(&answer).ok().and_then(|answer| answer["id"].as_u64());
                    STDOUT.say(format_args!("fault {} is on", id.unwrap_or_default()));
                }
                What::Off { number: Some(number) } => {
                    self.ask(Method::DELETE, &format!("/faults/{number}"), String::new()).await?;
                    STDOUT.say(format_args!("fault {number} is off"));
                }
                What::Off { number: None } => {
                    self.ask(Method::DELETE, "/faults", String::new()).await?;
                    STDOUT.say("all faults are off");
                }
                What::List => {
                    let answer = self.ask(Method::GET, "/faults", String::new()).await?;
                    list(&answer).iter().for_each(|line| STDOUT.say(line));
                }
            }
            Ok(())
        })
    }

    /// The body of an answer that is a success.
    async fn ask(&self, method: Method, path: &str, body: String) -> Result<String, Error> {
        let at = &self.admin;
        let wrong = |problem: String| Error::Admin { problem: format!("cannot switch faults at {at}: {problem}") };
        let answer = tokio::time::timeout(PATIENCE, exchange(at, method, path, body)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
        let hint = "is `steadfast dev` running, or `steadfast serve` with --admin and --admin-faults?";
        let (status, text) = answer.map_err(|problem| wrong(format!("{problem}; {hint}")))?;
        match status {
            status if status.is_success() => Ok(text),
            // Of a path that is not there: one that is says which fault it misses.
            StatusCode::NOT_FOUND if text.is_empty() => {
                Err(wrong("it answers, and switches nothing; start it with --admin-faults".into()))
            }
            StatusCode::UNAUTHORIZED => Err(wrong(format!("{}; give it in STEADFAST_ADMIN_TOKEN", text.trim()))),
            _ => Err(wrong(match text.trim() {
                "" => format!("it answers with {status}"),
                text => text.into(),
            })),
        }
    }
}

async fn exchange(at: &str, method: Method, path: &str, body: String) -> Result<(StatusCode, String), String> {
    let stream = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    // A name stands for this machine only where it is one of it; the port knows addresses.
    let host = at.parse::<SocketAddr>().map_or_else(|_| at.to_string(), |address| address.to_string());
    let mut request = Request::builder().method(method).uri(path).header(HOST, host);
    if let Some(token) = admin::token() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

impl On {
    /// A text, or a table of several. What is no number stays a text, so that the other side says what is wrong.
    fn kinds(&self) -> toml::Value {
        let number = |weight: &str| weight.trim().parse().map_or_else(|_| weight.into(), toml::Value::Integer);
        let of = |one: &str| one.split_once('=').map(|(kind, weight)| (kind.trim().to_string(), number(weight)));
        let several: Option<toml::Table> = self.kind.split(',').map(of).collect();
        several.map_or_else(|| self.kind.as_str().into(), toml::Value::Table)
    }

    /// As the manifest has it.
    fn to_toml(&self) -> String {
        let mut text = format!("kind = {}\n", self.kinds());
        let texts = [
            ("on", self.on.as_ref()),
            ("loses", self.loses.as_ref()),
            ("delay", self.delay.as_ref()),
            ("work", self.work.as_ref()),
            ("retry-after", self.retry_after.as_ref()),
            ("from", self.from.as_ref()),
            ("until", self.until.as_ref()),
            ("every", self.every.as_ref()),
            ("for", self.lasts.as_ref()),
            ("rate", self.rate.as_ref()),
        ];
        let numbers = [
            ("status", self.status.map(u64::from)),
            ("concurrency", self.concurrency),
            ("queue", self.queue),
            ("first", self.first),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {}", toml::Value::from(value.as_str()));
            }
        }
        for (key, value) in numbers {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text
    }
}

/// A line for each fault.
fn list(answer: &str) -> Vec<String> {
    let faults: Vec<Value> = serde_json::from_str(answer).unwrap_or_default();
    if faults.is_empty() {
        return vec!["no faults are on".into()];
    }
    let line = |fault: &Value| {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_string();
        let mut line = format!("{:>4}  {:<12}  {}", fault["id"].to_string(), text("kind"), text("on"));
        for (key, before, after) in [
            ("weights", ", weights ", ""),
            ("loses", ", loses the ", ""),
            ("delay", ", delay ", " s"),
            ("concurrency", ", ", " at a time"),
            ("work", ", each for ", " s"),
            ("queue", ", ", " wait"),
            ("status", ", status ", ""),
            ("retry-after", ", retry after ", " s"),
            ("until", ", until ", " s"),
            ("every", ", every ", " s"),
            ("for", " for ", " s"),
            ("rate", ", of a call with a chance of ", ""),
            ("first", ", the first ", " calls"),
            ("hit", ", calls hit: ", ""),
            ("line", ", line ", " of the manifest"),
        ] {
            if !fault[key].is_null() {
                let value = fault[key].as_str().map_or_else(|| fault[key].to_string(), String::from);
                let _ = write!(line, "{before}{value}{after}");
            }
        }
        line
    };
    faults.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_sent_as_a_manifest_has_it() {
        let on = On {
            kind: "overloaded".into(),
            on: Some("a\"b".into()),
            loses: None,
            delay: None,
            retry_after: Some("2s".into()),
            concurrency: Some(4),
            work: Some("20ms".into()),
            queue: None,
            status: None,
            from: None,
            until: Some("1m".into()),
            every: Some("10s".into()),
            lasts: Some("2s".into()),
            rate: Some("5%".into()),
            first: Some(3),
        };
        let mix = On { kind: "no-target=3, drop=1".into(), ..on };
        assert_eq!(mix.kinds().to_string(), "{ drop = 1, no-target = 3 }");
        let on = On { kind: "overloaded".into(), ..mix };
        assert_eq!(
            on.to_toml(),
            "kind = \"overloaded\"\non = 'a\"b'\nwork = \"20ms\"\nretry-after = \"2s\"\nuntil = \"1m\"\nevery = \"10s\"\nfor = \"2s\"\nrate = \"5%\"\nconcurrency = 4\nfirst = 3\n"
        );
    }

    #[test]
    fn faults_are_lines() {
        assert_eq!(list("[]"), ["no faults are on"]);
        assert_eq!(
            list(r#"[{"id":1,"on":"a:b/c","kind":"latency","delay":0.3,"line":7,"from":0.0,"hit":4}]"#),
            ["   1  latency       a:b/c, delay 0.3 s, calls hit: 4, line 7 of the manifest"]
        );
        let mixed = r#"[{"id":2,"on":"a:b/c","kind":"trap or drop","weights":[3,1],"loses":"request","hit":0}]"#;
        assert_eq!(list(mixed), ["   2  trap or drop  a:b/c, weights [3,1], loses the request, calls hit: 0"]);
    }
}
