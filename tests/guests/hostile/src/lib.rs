//! A handler for the tests that behaves badly, in the way that the path of the request says.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam};

struct Hostile;

wasip2::http::proxy::export!(Hostile);

/// What looks like a line of the host's own, turns text around, and clears a terminal.
const FORGED: &str = "x\r2026-01-01T00:00:00Z  INFO forged\u{1b}[2J\u{202e}\u{2028}";

impl wasip2::exports::http::incoming_handler::Guest for Hostile {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let mut text = "abc".to_string();
        let (place, query) = path.split_once('?').unwrap_or((&path, ""));
        match place {
            "/environment" => text = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect(),
            "/stuck" => {
                eprintln!("stuck");
                loop {
                    std::hint::black_box(());
                }
            }
            "/silent-panic" => panic!("before the head"),
            "/silent" => return std::mem::forget(out),
            "/forge" => {
                println!("{FORGED}");
                eprintln!("{FORGED}");
            }
            // Many lines to a write, as one prints that buffers.
            "/print" => (0..query.parse().unwrap_or(300_000)).step_by(100).for_each(|first| {
                print!("{}", (first..first + 100).map(|line| format!("line {line}\n")).collect::<String>());
            }),
            // As much as a log takes of a line, many times over.
            "/print-long" => (0..900).for_each(|line| println!("{line:08000}")),
            _ => {}
        }
        if path == "/twice" {
            // To itself, where the manifest says that it answers for the host.
            let answers = [ask(&path), ask(&path)];
            for answer in answers.into_iter().flatten() {
                answer.subscribe().block();
            }
        }
        let headers = Fields::new();
        if path.ends_with("-of-ten") {
            headers.set("content-length", &[b"10".to_vec()]).expect("a header that may be set");
        }
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("its first body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("its first stream");
        stream.blocking_write_and_flush(text.as_bytes()).expect("a client that reads");
        match path.trim_end_matches("-of-ten") {
            "/trap" => panic!("after the head"),
            "/forever" => loop {
                std::hint::black_box(());
            },
            "/flood" => loop {
                if stream.blocking_write_and_flush(&[b'x'; 4096]).is_err() {
                    return;
                }
            },
            "/dropped" => return drop((stream, body)),
            "/forgotten" => return std::mem::forget((stream, body)),
            _ => {}
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("nothing is missing");
        if path == "/afterwards" {
            // Its answer is whole, and it works on.
            wasip2::clocks::monotonic_clock::subscribe_duration(500_000_000).block();
            eprintln!("and has worked on");
        }
    }
}

/// A request to the host `hostile.test`; none, where it is refused at once.
fn ask(path: &str) -> Option<wasip2::http::types::FutureIncomingResponse> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_authority(Some("hostile.test")).expect("a host");
    request.set_path_with_query(Some(path)).expect("a path");
    outgoing_handler::handle(request, None).ok()
}
