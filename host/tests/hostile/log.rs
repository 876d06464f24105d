//! What the host logs, and what it makes of texts from elsewhere.

use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::serving::Serve;
use crate::{component, get_and_close};

const FORGED: &str = "x\r2026-01-01T00:00:00Z  INFO forged\u{1b}[2J\u{202e}\u{2028}";
const ESCAPED: &str = r"x\r2026-01-01T00:00:00Z  INFO forged\u{1b}[2J\u{202e}\u{2028}";

/// Every line is the host's own: it begins with a time, and has nothing in it that a terminal obeys.
fn check_lines(log: &[String]) {
    for line in log {
        assert!(line.starts_with("20") && line.get(19..20) == Some("."), "{line:?}");
        assert!(!line.contains(|char: char| char.is_control() || "\u{202e}\u{2028}".contains(char)), "{line:?}");
    }
}

/// How many lines are missing, where a line says that.
fn left_out(line: &str) -> Option<usize> {
    let (_, number) = line.split_once("left out")?.1.split_once(": ")?;
    number.split(';').next()?.parse().ok()
}

#[tokio::test]
async fn what_a_guest_prints_is_escaped() {
    let serve = Serve::start("hostile", "", &[]);
    serve.get("/forge").await;
    let (_, log) = serve.end();
    check_lines(&log);
    assert_eq!(log.iter().filter(|line| line.contains(ESCAPED)).count(), 2, "{log:#?}");
}

#[cfg(feature = "wrpc")]
#[tokio::test]
async fn what_a_provider_says_is_escaped() {
    let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = format!("[links]\n'test:guests/hostile' = {{ tcp = '{}' }}", provider.local_addr().unwrap());
    let serve = Serve::start("caller", &link, &[]);
    let answer = async {
        let (mut caller, _) = provider.accept().await.unwrap();
        caller.read_to_end(&mut Vec::new()).await.unwrap();
        let message = format!("{FORGED}\n2026-01-01T00:00:00.000000Z  INFO connected to nats://example");
        // An `err` of `result<_, rpc-error>`, on the path 0: `other`, `delivered`, no time, no target, the message.
        let outcome = [&[1, 7, 2, 0, 0, message.len() as u8][..], message.as_bytes()].concat();
        assert!(outcome.len() < 128, "a length of one byte");
        caller.write_all(&[&[1, 0, outcome.len() as u8][..], &outcome].concat()).await.unwrap();
        caller.shutdown().await.unwrap();
    };
    let request = get_and_close("/count");
    let (answer, ()) = tokio::join!(serve.ask(&request), answer);
    assert!(answer.contains(r#""cause":"other""#), "{answer}");
    let (_, log) = serve.end();
    check_lines(&log);
    let line = format!("{ESCAPED}\\n2026-01-01T00:00:00.000000Z  INFO connected to nats://example");
    assert!(log.iter().any(|logged| logged.contains(&line)), "{log:#?}");
}

#[cfg(unix)]
#[test]
fn names_of_files_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\n\u{1b}[2J\u{202e}";
    std::fs::write(folder.path().join(name), b"\0asm\x0d\0\x01\0").unwrap();
    let missing = format!("{name}.no");
    let policies = format!("{name}.toml");
    std::fs::write(folder.path().join(&policies), "[policies.\"\\u001b[2J\\n\"]\nretry = 4").unwrap();
    for arguments in [
        &["inspect", name][..],
        &["inspect", "--json", name],
        &["inspect", &missing],
        &["serve", "--manifest", &missing],
        &["compose", &missing, name, "-o", "out.wasm"],
        &["policy", "check", &policies],
        &["policy", "check", &missing],
        &["policy", "explain", &missing],
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_steadfast")).args(arguments).current_dir(&folder).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let said = if arguments.contains(&"--json") { r"a\n\u001b[2J\u202e" } else { r"a\n\u{1b}[2J\u{202e}" };
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert!(!text.contains(|char: char| char != '\n' && char.is_control() || char == '\u{202e}'), "{text:?}");
    }
}

#[tokio::test]
async fn a_trap_is_told_by_its_reason_and_then_its_frames() {
    let link = format!("[links]\n'test:guests/hostile' = {{ component = '{}' }}", component("callee").display());
    let reason = "wasm trap: wasm `unreachable` instruction executed; at function ";
    for (package, path, told) in [
        ("hostile", "/trap", "GET /trap: the answer is cut short, after its head was sent: the component trapped: "),
        ("caller", "/panic-here", "GET /panic-here: the component trapped: "),
        ("caller", "/trap", " trapped: "),
    ] {
        let serve = Serve::start(package, if package == "caller" { &link } else { "" }, &[]);
        serve.ask(&get_and_close(path)).await;
        let (_, log) = serve.end();
        check_lines(&log);
        let told = format!("{told}{reason}");
        let line = log.iter().find(|line| line.contains(&told)).unwrap_or_else(|| panic!("no `{told}` in {log:#?}"));
        assert!(line.contains(", in function "), "{line}");
    }
}

#[tokio::test]
async fn a_long_path_is_logged_as_far_as_people_read_it() {
    let serve = Serve::start("hostile", "", &[]);
    serve.ask(&get_and_close("/silent?no-query")).await;
    serve.ask(&get_and_close(&format!("/trap{}", "-of-ten".repeat(1000)))).await;
    let (_, log) = serve.end();
    assert!(log[0].contains("ERROR GET /silent: the component gave no answer"), "{log:#?}");
    assert!(log.iter().all(|line| line.len() < 1000), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("-of-ten-of-te…: the answer is cut short")), "{log:#?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_is_not_read_stops_nothing() {
    let serve = Serve::start("hostile", "request-timeout = '5m'", &[]);
    for path in ["/print", "/print-long", "/whole"] {
        serve.get(path).await;
    }
    let (status, log) = serve.end();
    assert!(status.success(), "{status}");
    assert!(log[0].contains("line 0"), "{}", log[0]);
}

#[tokio::test]
async fn lines_that_a_guest_prints_too_fast_are_counted() {
    // So few that all which are logged can wait until they are read.
    const PRINTED: usize = 20_000;
    let mut serve = Serve::start("hostile", "request-timeout = '5m'", &[]);
    serve.get(&format!("/print?{PRINTED}")).await;
    let (mut logged, mut dropped) = (0, 0);
    while logged + dropped < PRINTED {
        let line = serve.log_until("").pop().unwrap();
        match left_out(&line) {
            Some(lines) => dropped += lines,
            None => logged += 1,
        }
    }
    assert_eq!(logged + dropped, PRINTED);
    assert!(dropped > 0);
}

#[tokio::test]
async fn a_log_that_is_read_again_says_how_much_is_missing() {
    let mut serve = Serve::start("hostile", "request-timeout = '5m'", &[]);
    serve.get("/print-long").await;
    let log = serve.log_until("lines of this log left out here: ");
    let missing = log.last().and_then(|line| left_out(line)).unwrap();
    assert_eq!(log.len() - 1 + missing, 900);
    serve.ask(&get_and_close("/silent")).await;
    serve.log_until("the component gave no answer");
}

#[tokio::test]
async fn the_access_log_has_every_request_and_how_it_ended() {
    let variables = [("RUST_LOG", "info,steadfast::access=debug")];
    let mut serve = Serve::start("hostile", "", &variables);
    let close = "HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let long = format!("GET /{} {close}", "x".repeat(1000));
    for (request, expected) in [
        (&*format!("GET /whole?secret {close}"), "answered method=GET path=/whole status=200 bytes=3"),
        (&*format!("HEAD /whole {close}"), "answered method=HEAD path=/whole status=200 bytes=0"),
        (&*format!("GET /trap {close}"), "the answer was cut short method=GET path=/trap status=200 bytes="),
        (&*format!("GET /silent {close}"), "answered method=GET path=/silent status=500 bytes=0"),
        ("GET /whole HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n", "answered method=GET path=/whole status=400"),
        (&long, "xxx… status=200 bytes=3"),
    ] {
        serve.ask(request).await;
        let expected = expected.replace(" method", " component=\"hostile.wasm\" method");
        serve.log_until(&expected);
    }
    // A client that leaves, and until it does, another that is turned away.
    let mut serve = Serve::start("hostile", "requests = 1\nrequest-timeout = '1h'", &variables);
    let mut first = serve.connect().await;
    first.write_all(crate::get("/forever").as_bytes()).await.unwrap();
    first.read_exact(&mut [0; 15]).await.unwrap();
    serve.ask(&format!("GET /whole {close}")).await;
    let line = serve.log_until("status=").pop().unwrap();
    assert!(line.contains("answered") && line.contains("status=503 bytes=0"), "{line}");
    drop(first);
    let line = serve.log_until("status=").pop().unwrap();
    let left =
        "the client left before the end of the answer component=\"hostile.wasm\" method=GET path=/forever status=200";
    assert!(line.contains(left), "{line}");
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_is_in_the_access_log() {
    let variables = [("RUST_LOG", "info,steadfast::access=debug")];
    let mut serve = Serve::start("hostile", "request-timeout = '1h'", &variables);
    let mut client = serve.connect().await;
    client.write_all(crate::get("/stuck").as_bytes()).await.unwrap();
    // A request whose client left before the host saw it does not count.
    serve.log_until("stuck");
    drop(client);
    let line = serve.log_until(" path=/stuck").pop().unwrap();
    assert!(line.contains("the client left before the answer component=\"hostile.wasm\" method=GET"), "{line}");
    assert!(!line.contains("status="), "{line}");
}
