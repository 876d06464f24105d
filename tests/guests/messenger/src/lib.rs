//! Publishes what it is sent over HTTP, and takes messages, of which it counts how often each came.
//!
//! `POST /publish/SUBJECT`, `/request/SUBJECT` and `/published/SUBJECT`, the last over the interface that wasmCloud
//! published, show what came of it. `GET /requests/SUBJECT/NUMBER` asks as often. `POST /missing` says which of the lines of
//! its body never came, and `GET /counts` how many messages came, and how many different ones.

use wstd::http::{Body, Error, Method, Request, Response};

mod bindings {
    ::steadfast::bindgen!({
        path: ["../../../host/src/providers/keyvalue/wasi-wit", "wit"],
        world: "test:messenger/messenger",
    });
}
use bindings::exports::wasmcloud::messaging::handler::{BrokerMessage, Guest};
use bindings::steadfast::messaging::consumer as messages;
use bindings::wasi::keyvalue::{atomics, store};
use bindings::wasmcloud::messaging::consumer as published;
use bindings::wasmcloud::messaging::types::BrokerMessage as Message;

/// For an answer.
const PATIENCE: u32 = 20_000;

#[wstd::http_server]
async fn main(mut http: Request<Body>) -> Result<Response<Body>, Error> {
    if let Some((subject, times)) = http.uri().path().strip_prefix("/requests/").and_then(|rest| rest.split_once('/')) {
        let times: u32 = times.parse().unwrap_or(0);
        let answered = (0..times).filter(|_| messages::request(subject, b"ping", PATIENCE).is_ok()).count();
        return Ok(Response::new(answered.to_string().into()));
    }
    if *http.method() == Method::GET {
        return Ok(Response::new(format!("{} {}", count("all"), count("different")).into()));
    }
    let path = http.uri().path().to_string();
    let body = http.body_mut().contents().await?.to_vec();
    let (what, subject) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let message = || Message { subject: subject.into(), body: body.clone(), reply_to: None };
    let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
    let shown = match what {
        "publish" => messages::publish(&message()).map(|()| "done".into()).unwrap_or_else(|error| error.to_string()),
        "request" => messages::request(subject, &body, PATIENCE)
            .map(|answer| text(answer.body))
            .unwrap_or_else(|error| error.to_string()),
        "missing" => {
            let never = |text: &&str| count(&format!("message {text}")) == 0;
            text(body).lines().filter(never).collect::<Vec<_>>().join(" ")
        }
        _ => published::publish(&message()).map(|()| "done".into()).unwrap_or_else(|error| error),
    };
    Ok(Response::new(shown.into()))
}

fn counted(key: &str, more: u64) -> u64 {
    let bucket = store::open("default").expect("there is one");
    atomics::increment(&bucket, key, more).expect("it is a number")
}

fn count(key: &str) -> u64 {
    counted(key, 0)
}

struct Messenger;

impl Guest for Messenger {
    /// A message that begins with `fail N` fails so many times, one that is `trap` traps, and one that is `slow` takes a
    /// second. One with a place for an answer is answered.
    ///
    /// `ping` is answered with itself, and not counted: a bench compares that with a client that has no component.
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        if message.body == b"ping" {
            let Some(subject) = message.reply_to else { return Ok(()) };
            let answer = Message { subject, body: message.body, reply_to: None };
            return messages::publish(&answer).map_err(|error| error.to_string());
        }
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let times = counted(&format!("message {text}"), 1);
        counted("all", 1);
        if times == 1 {
            counted("different", 1);
        }
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["fail", failures, ..] if times <= failures.parse().unwrap_or(u64::MAX) => {
                return Err(format!("failed {times} times"));
            }
            ["trap"] => panic!("as it was told"),
            ["slow"] => std::thread::sleep(std::time::Duration::from_secs(1)),
            _ => {}
        }
        let Some(reply_to) = message.reply_to else { return Ok(()) };
        let answer = Message { subject: reply_to, body: format!("{text}, {times}").into_bytes(), reply_to: None };
        messages::publish(&answer).map_err(|error| error.to_string())
    }
}

bindings::export!(Messenger with_types_in bindings);
