//! A handler for the tests: the path of a request says which call to make, and how.

use std::cell::Cell;
use std::time::Duration;

use steadfast::{Backoff, Cause, Deadline, Delivery, Failed, Policy, Retry, RpcError, http};
use wstd::http::{Body, Client, Error, Request, Response};
use wstd::time::{Duration as Wait, Instant};

steadfast::bindgen!({ path: "../wit", world: "caller" });

use test::guests::masses::{Layer, Layers, Marks, Wide};
use test::guests::values::{Access, Colour, Everything, Frame, Hour, Letter, Month, Point, Shape};
use test::guests::{circle, hostile, masses, values};

static PLAIN: Policy = Policy::new();
static RETRYING: Policy<(Deadline, Retry)> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(10)))
    .retry(Retry::attempts(4).backoff(Backoff::exponential(Duration::from_secs(1))));

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    let outcome: Result<String, Failed> = match path {
        "/values" => Ok(every_value_comes_back()),
        "/refuse" => Ok(format!("{:?}", values::refuse("no"))),
        "/much" => Ok(much_comes_back()),
        "/count" => PLAIN.call(hostile::count).map(|count| count.to_string()),
        "/trap-instead" => PLAIN.call(hostile::trap_instead).map(|count| count.to_string()),
        "/trap" => PLAIN.call(hostile::trap).map(|()| "alive".into()),
        "/spin" => PLAIN.call(hostile::spin).map(|()| "alive".into()),
        "/hog" => PLAIN.call(|| hostile::hog(1000)).map(|()| "alive".into()),
        "/modest" => PLAIN.call(|| hostile::hog(8)).map(|()| "alive".into()),
        "/overloaded" => PLAIN.call(hostile::overloaded).map(|()| "alive".into()),
        "/print" => PLAIN.call(|| hostile::print(1000)).map(|()| "printed".into()),
        "/afterwards" => PLAIN.call(|| hostile::fetch(path)).map(|status| status.to_string()),
        "/circle" => PLAIN.call(circle::around).map(|depth| depth.to_string()),
        "/blocking" => hostile::client(&RETRYING).count().map(|count| count.to_string()),
        "/awaited" => hostile::client(&RETRYING).count_async().await.map(|count| count.to_string()),
        "/cancelled" => RETRYING.call_async(sleep_for_an_hour).await,
        "/both" => Ok(two_at_a_time().await),
        "/sleep" => Ok(half_a_minute().await),
        "/sleeps" => Ok(a_hundred_short_sleeps().await),
        "/spin-here" => loop {
            std::hint::spin_loop();
        },
        "/panic-here" => panic!("asked to"),
        "/loop" => Ok(fetch("http://loop.test/loop").await),
        "/settings" => Ok(settings()),
        _ if path.starts_with("/masses/") => masses(&path["/masses/".len()..]),
        _ if path.starts_with("/fetch/") => Ok(fetch(&path["/fetch/".len()..]).await),
        _ if path.starts_with("/glance/") => Ok(glance(&path["/glance/".len()..]).await),
        _ if path.starts_with("/upload/") => Ok(upload(&path["/upload/".len()..]).await),
        _ => Ok("unknown".into()),
    };
    Ok(match outcome {
        Ok(text) => Response::new(text.into()),
        Err(failed) => failed.problem(path).into(),
    })
}

/// What became of a GET: the status, `retry-after` and the body, or the error.
async fn fetch(url: &str) -> String {
    outcome(http::Client::new(&PLAIN).send(Request::get(url).body(()).unwrap()).await).await
}

/// The same of a POST of 16 MiB.
async fn upload(url: &str) -> String {
    outcome(http::Client::new(&PLAIN).send(Request::post(url).body(vec![b'-'; 16 << 20]).unwrap()).await).await
}

async fn outcome(result: Result<Response<Body>, Failed<http::Error>>) -> String {
    let error = match result {
        Ok(response) => return answer(response).await,
        Err(failed) => failed.into_last().expect("an error"),
    };
    match error.take_response() {
        Some(response) => answer(response).await,
        None => format!("{:?}", error.code().expect("a code")),
    }
}

/// The status alone: the body is not read.
async fn glance(url: &str) -> String {
    let response = Client::new().send(Request::get(url).body(()).unwrap()).await;
    response.map_or("none".into(), |response| response.status().as_str().into())
}

async fn answer(mut response: Response<Body>) -> String {
    let after = response.headers().get("retry-after").map(|after| format!(" (after {})", after.to_str().unwrap()));
    let status = response.status().as_u16();
    let body = response.body_mut().str_contents().await.unwrap_or("(cut off)");
    format!("{status}{} {body}", after.unwrap_or_default())
}

fn settings() -> String {
    let mut all = wasi::config::store::get_all().unwrap();
    all.sort();
    format!("{all:?}, tone: {:?}", wasi::config::store::get("tone").unwrap())
}

/// The largest and the longest of each kind.
fn highest() -> Everything {
    Everything {
        yes: true,
        small: (u8::MAX, i8::MAX),
        middle: (u16::MAX, i16::MAX),
        large: (u32::MAX, i32::MAX),
        huge: (u64::MAX, i64::MAX),
        real: (f32::MAX, f64::MAX),
        reals: vec![(f32::INFINITY, f64::NEG_INFINITY), (f32::NAN, f64::NAN), (-0.0, f64::MIN_POSITIVE)],
        letter: '\u{10ffff}',
        text: "Grüße, \0 and \u{1f980}".into(),
        bytes: (0..=255).collect(),
        shapes: vec![vec![], vec![Shape::Circle(1.5), Shape::Nothing, Shape::Polygon(vec![Point { x: -1, y: 0.1 }])]],
        frame: Frame { corner: Point { x: i32::MIN, y: -0.5 }, size: Point { x: i32::MAX, y: 1e300 } },
        maybe: Some(Some("yes".into())),
        outcome: Err("no".into()),
        bare: Err(()),
        half: Err(Colour::Blue),
        other_half: Ok(-1),
        colours: vec![Colour::Green, Colour::Red],
        hours: vec![Hour::N127, Hour::N128, Hour::N129],
        rights: Access::READ | Access::WRITE | Access::EXECUTE,
        months: Month::from_bits_retain((1 << 12) - 1),
        letters: Letter::from_bits_retain((1 << 26) - 1),
    }
}

/// The smallest and the shortest of each kind.
fn lowest() -> Everything {
    Everything {
        yes: false,
        small: (u8::MIN, i8::MIN),
        middle: (u16::MIN, i16::MIN),
        large: (u32::MIN, i32::MIN),
        huge: (u64::MIN, i64::MIN),
        real: (f32::MIN, f64::MIN),
        reals: vec![],
        letter: '\0',
        text: String::new(),
        bytes: vec![],
        shapes: vec![],
        frame: Frame { corner: Point { x: 0, y: 0.0 }, size: Point { x: 0, y: 0.0 } },
        maybe: Some(None),
        outcome: Ok(0),
        bare: Ok(()),
        half: Ok(()),
        other_half: Err(()),
        colours: vec![],
        hours: vec![Hour::N0],
        rights: Access::WRITE,
        months: Month::SEPTEMBER,
        letters: Letter::Y,
    }
}

fn every_value_comes_back() -> String {
    // Bindings derive `Debug`, and not all of them can be compared.
    assert_eq!(format!("{:?}", values::echo(&highest())), format!("{:?}", highest()));
    assert_eq!(format!("{:?}", values::try_echo(&lowest()).unwrap()), format!("{:?}", lowest()));
    assert_eq!(values::turn(7, "seven", &[1, 2, 3]), (vec![1, 2, 3], "seven".into(), 7));
    assert_eq!(values::refuse("not today"), Err("not today".into()));
    values::nothing();
    assert_eq!(values::try_nothing(), Ok(()));
    "every value came back".into()
}

/// Three times as much as a NATS server takes in one message.
fn much_comes_back() -> String {
    let much = "0123456789abcdef".repeat(3 << 16);
    assert_eq!(values::turn(7, &much, &[1, 2, 3]), (vec![1, 2, 3], much, 7));
    "much came back".into()
}

/// Passes many values, or has many returned, as in `put-marks/1000`.
fn masses(which: &str) -> Result<String, Failed> {
    let (kind, count) = which.split_once('/').expect("a kind and a count");
    let count: u32 = count.parse().expect("a number");
    let marks = |count| vec![Marks::from_bits_retain(u32::MAX); count as usize];
    let one = || Wide { a: Layers { a: Layer { a: 1 } }, b: Some(Some(1)), c: (1, 1), d: vec![1], e: "e".into() };
    let wide = |count| (0..count).map(|_| one()).collect::<Vec<_>>();
    match kind {
        "put-marks" => PLAIN.call(|| masses::put(&marks(count))).map(|count| count.to_string()),
        "put-wide" => PLAIN.call(|| masses::put_wide(&wide(count))).map(|count| count.to_string()),
        "put-bytes" => PLAIN.call(|| masses::put_bytes(&vec![1; count as usize])).map(|count| count.to_string()),
        "get-marks" => PLAIN.call(|| masses::get(count)).map(|all| all.len().to_string()),
        "get-wide" => PLAIN.call(|| masses::get_wide(count)).map(|all| all.len().to_string()),
        "get-bytes" => PLAIN.call(|| masses::get_bytes(count)).map(|all| all.len().to_string()),
        _ => Ok("unknown".into()),
    }
}

async fn sleep_for_an_hour() -> Result<String, RpcError> {
    wstd::task::sleep(Wait::from_secs(3600)).await;
    Err(RpcError::new(Cause::Other, Delivery::Unknown))
}

/// Two calls through one policy, of which each waits while the other goes on.
async fn two_at_a_time() -> String {
    let start = Instant::now();
    let failures = Cell::new(0);
    let call = async || {
        RETRYING
            .call_async(async || {
                if failures.get() < 2 {
                    failures.set(failures.get() + 1);
                    return Err(RpcError::new(Cause::NoTarget, Delivery::NotSent));
                }
                wstd::task::sleep(Wait::from_secs(5)).await;
                Ok(())
            })
            .await
    };
    let (mut one, mut two) = (std::pin::pin!(call()), std::pin::pin!(call()));
    let mut done = (false, false);
    std::future::poll_fn(|context| {
        done.0 = done.0 || one.as_mut().poll(context).is_ready();
        done.1 = done.1 || two.as_mut().poll(context).is_ready();
        if done == (true, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    Instant::now().duration_since(start).as_secs().to_string()
}

async fn half_a_minute() -> String {
    let start = Instant::now();
    wstd::task::sleep(Wait::from_secs(15)).await;
    std::thread::sleep(Duration::from_secs(15));
    Instant::now().duration_since(start).as_millis().to_string()
}

/// By both ways to sleep.
async fn a_hundred_short_sleeps() -> String {
    let start = Instant::now();
    for _ in 0..50 {
        wstd::task::sleep(Wait::from_micros(300)).await;
        std::thread::sleep(Duration::from_micros(300));
    }
    Instant::now().duration_since(start).as_nanos().to_string()
}
