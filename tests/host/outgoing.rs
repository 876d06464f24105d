//! HTTP requests of guests: granted or denied, broken on purpose, answered by components or over sockets.

use std::time::Duration;

use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::stage::{Answer, Stage, simulate, whole};

const QUOTE: &str = "200 Everything fails, all the time.";

/// A guest's GET of `url`, where the component `quotes` answers for `quotes.test`.
fn fetch(url: &str, rest: &str) -> Answer {
    let manifest =
        format!("component = '<caller>'\n{rest}\n[http]\nupstreams.'quotes.test' = {{ component = '<quotes>' }}\n");
    simulate(&whole(&manifest), async |stage| stage.get(&format!("/fetch/{url}")).await)
}

fn fault(rest: &str) -> String {
    format!("[[faults]]\non = 'http://quotes.test'\n{rest}")
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn nothing_is_allowed_that_the_manifest_does_not_grant() {
    for url in ["http://example.test/", "http://quotes.test:8080/quote", "http://127.0.0.1/"] {
        let answer = fetch(url, "");
        assert_eq!(answer.body, "ErrorCode::HttpRequestDenied", "{url}");
        assert_eq!(answer.calls, [Err((Cause::NoLink, Delivery::NotSent))]);
    }
}

#[test]
fn a_component_answers_for_an_authority() {
    let answer = fetch("http://quotes.test/quote", "");
    assert_eq!((answer.body.as_str(), answer.calls, answer.took), (QUOTE, vec![Ok(())], Duration::ZERO));
    assert_eq!(fetch("http://quotes.test/", "").body, "404 Try /quote\n");
}

#[test]
fn every_fault_has_its_error_code() {
    let (not_sent, unknown) = (Delivery::NotSent, Delivery::Unknown);
    for (kind, code, failure, took) in [
        ("no-link", "ErrorCode::HttpRequestDenied", (Cause::NoLink, not_sent), 0),
        ("no-target", "ErrorCode::ConnectionRefused", (Cause::NoTarget, not_sent), 0),
        ("disconnected", "ErrorCode::DestinationIpUnroutable", (Cause::NoTarget, not_sent), 0),
        ("blackhole", "ErrorCode::HttpResponseTimeout", (Cause::Timeout, unknown), 1000),
        ("drop", "ErrorCode::ConnectionTerminated", (Cause::Disconnected, unknown), 0),
        ("latency'\ndelay = '3s", "ErrorCode::HttpResponseTimeout", (Cause::Timeout, unknown), 1000),
    ] {
        let answer = fetch("http://quotes.test/quote", &fault(&format!("kind = '{kind}'")));
        assert_eq!(answer.body, code, "{kind}");
        assert_eq!((answer.calls, answer.took), (vec![Err(failure)], ms(took)), "{kind}");
    }
}

#[test]
fn a_fault_may_be_an_answer() {
    for (fault_, read, took) in [
        ("kind = 'status'\nstatus = 429\nretry-after = '1500ms'", "429 (after 2) ", 0),
        ("kind = 'status'\nstatus = 502", "502 ", 0),
        ("kind = 'overloaded'\nretry-after = '30s'", "503 (after 30) ", 0),
        ("kind = 'trap'", "500 ", 0),
        ("kind = 'latency'\ndelay = '300ms'", QUOTE, 300),
    ] {
        let answer = fetch("http://quotes.test/quote", &fault(fault_));
        assert_eq!((answer.body.as_str(), answer.took), (read, ms(took)), "{fault_}");
        assert_eq!(answer.calls, [Ok(())], "somebody answered");
    }
}

#[test]
fn a_fault_is_on_the_requests_that_it_names() {
    let refused = "ErrorCode::ConnectionRefused";
    for (on, read) in [
        ("on = 'quotes.test'", refused),
        ("on = 'quotes.test:80'", refused),
        ("on = 'http://QUOTES.test/'", refused),
        ("on = 'https://quotes.test'", QUOTE),
        ("on = 'test:guests/values'", QUOTE),
        ("", refused),
    ] {
        let answer = fetch("http://quotes.test/quote", &format!("[[faults]]\n{on}\nkind = 'no-target'"));
        assert_eq!(answer.body, read, "{on}");
    }
}

#[test]
fn a_fault_ends_after_so_many_requests() {
    let manifest = "component = '<caller>'\n[http.upstreams]\n'quotes.test' = { component = '<quotes>' }\n\
                    [[faults]]\non = 'quotes.test'\nkind = 'no-target'\nfirst = 2";
    simulate(&whole(manifest), async |stage| {
        let mut reads = Vec::new();
        for _ in 0..3 {
            reads.push(stage.get("/fetch/http://quotes.test/quote").await.body);
        }
        assert_eq!(reads, ["ErrorCode::ConnectionRefused", "ErrorCode::ConnectionRefused", QUOTE]);
    });
}

#[test]
fn an_upstream_that_traps_answers_500_and_one_that_hangs_does_not_answer() {
    let manifest = "component = '<caller>'\n[http.upstreams]\n'self.test' = { component = '<caller>' }";
    simulate(&whole(manifest), async |stage| {
        assert_eq!(stage.get("/fetch/http://self.test/panic-here").await.body, "500 ");
        let answer = stage.get("/fetch/http://self.test/spin-here").await;
        assert_eq!((answer.body.as_str(), answer.took), ("ErrorCode::HttpResponseTimeout", ms(1000)));
    });
}

#[test]
fn requests_that_go_round_in_a_circle_come_to_an_end() {
    let manifest = "component = '<caller>'\n[http.upstreams]\n'loop.test' = { component = '<caller>' }";
    let answer = simulate(&whole(manifest), async |stage| stage.get("/loop").await);
    assert!(answer.body.ends_with("200 ErrorCode::LoopDetected"), "{}", answer.body);
    assert_eq!(answer.calls.len(), 17);
}

#[test]
fn simulated_time_has_no_network_and_says_so() {
    let manifest = whole("component = '<caller>'\nhttp.allow = ['example.test']");
    let answer = simulate(&manifest, async |stage| stage.get("/fetch/http://example.test/").await);
    assert!(answer.body.contains("simulated time has no network; let a component answer"), "{}", answer.body);
}

/// Sockets are what is under test from here on, so time is real.
fn with_sockets<T>(allow: &str, play: impl AsyncFnOnce(Stage) -> T) -> T {
    let manifest = whole(&format!("component = '<caller>'\ninvocation-timeout = '500ms'\nhttp.allow = ['{allow}']"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { play(Stage { host: Host::load(&manifest, Time::Real).unwrap() }).await })
}

/// A server that reads the first bytes of one request, and sends `answer` before it hangs up.
pub fn one_answer(answer: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut stream, _) = TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            if answer == SILENCE {
                // Until the guest's side is given up.
                let _ = stream.read(&mut request).await;
            } else if answer == ECHO {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(&[head.as_bytes(), &request[..length]].concat()).await.unwrap();
            } else {
                stream.write_all(answer).await.unwrap();
            }
        });
    });
    address
}

const SILENCE: &[u8] = b"silence";
pub const ECHO: &[u8] = b"echo";

#[test]
fn a_request_reaches_a_server_that_is_granted() {
    let address = one_answer(ECHO);
    let answer = with_sockets(&address, async |stage| stage.get(&format!("/fetch/http://{address}/path")).await);
    assert!(answer.body.starts_with("200 GET /path HTTP/1.1\r\n"), "{}", answer.body);
    assert!(answer.body.contains(&format!("host: {address}\r\n")), "{}", answer.body);
    assert_eq!(answer.calls, [Ok(())]);
}

#[test]
fn what_goes_wrong_on_a_socket_has_its_error_code() {
    for (answer, code, failure) in [
        (SILENCE, "ErrorCode::HttpResponseTimeout", (Cause::Timeout, Delivery::Unknown)),
        (b"".as_slice(), "ErrorCode::ConnectionTerminated", (Cause::Disconnected, Delivery::Unknown)),
        (b"SMTP?\r\n\r\n".as_slice(), "ErrorCode::HttpProtocolError", (Cause::Disconnected, Delivery::Unknown)),
    ] {
        let address = one_answer(answer);
        let read = with_sockets(&address, async |stage| stage.get(&format!("/fetch/http://{address}/")).await);
        assert_eq!((read.body.as_str(), read.calls), (code, vec![Err(failure)]));
    }
}

#[test]
fn a_port_that_nobody_has_refuses_and_one_that_speaks_no_tls_is_no_https() {
    // Free again at once: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let read = with_sockets(&address, async |stage| stage.get(&format!("/fetch/http://{address}/")).await);
    let refused = vec![Err((Cause::NoTarget, Delivery::NotSent))];
    assert_eq!((read.body.as_str(), read.calls), ("ErrorCode::ConnectionRefused", refused));

    let address = one_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let read = with_sockets(&address, async |stage| stage.get(&format!("/fetch/https://{address}/")).await);
    let not_sent = vec![Err((Cause::Protocol, Delivery::NotSent))];
    assert_eq!((read.body.as_str(), read.calls), ("ErrorCode::TlsProtocolError", not_sent));
}
