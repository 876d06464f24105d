//! Components and clients that behave badly, over raw sockets.

#[path = "../../../tests/stage/mod.rs"]
mod stage;

use stage::{component, manifest, simulate};
use steadfast_host::sim::Time;
use steadfast_host::{Cause, Delivery, Host};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a host of the hostile component replies to `requests`, each over a connection of its own, until the host closes
/// it.
async fn replies(rest: &str, requests: &[&str]) -> Vec<String> {
    let host = Host::load(&manifest(component("hostile"), &[], rest), Time::Real).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { host.serve(listener, std::future::pending()).await });
    let mut replies = Vec::new();
    for request in requests {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        socket.read_to_end(&mut reply).await.unwrap();
        replies.push(String::from_utf8(reply).unwrap());
    }
    replies
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

fn get_and_close(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_short_is_not_taken_for_whole() {
    for rest in ["", "instances = 'reuse'"] {
        let rest = format!("request-timeout = '500ms'\n{rest}");
        for path in ["/trap", "/forever", "/dropped", "/forgotten"] {
            // The client keeps the connection, and the host ends it.
            let chunked = &replies(&rest, &[&get(path)]).await[0];
            // What was not sent yet when the answer was cut is not sent any more.
            assert!(chunked.is_empty() || chunked.ends_with("\r\n\r\n3\r\nabc\r\n"), "{path}: {chunked}");
            let counted = &replies(&rest, &[&get(&format!("{path}-of-ten"))]).await[0];
            assert!(counted.is_empty() || counted.ends_with("\r\n\r\nabc"), "{path}: {counted}");
        }
    }
    let whole = &replies("", &[&get_and_close("/whole")]).await[0];
    assert!(whole.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{whole}");
}

#[tokio::test]
async fn a_component_that_gives_no_answer_is_a_500_at_once() {
    for instances in ["fresh", "reuse"] {
        let rest = format!("request-timeout = '1h'\ninstances = '{instances}'");
        let requests = [get_and_close("/silent"), get_and_close("/silent"), get_and_close("/whole")];
        let replies = replies(&rest, &requests.each_ref().map(String::as_str)).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.split(' ').nth(1).unwrap()).collect();
        assert_eq!(statuses, ["500", "500", "200"], "{instances}");
    }
}

#[tokio::test]
async fn a_host_header_that_names_no_host_is_the_clients_mistake() {
    let cases = [
        ("GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: [::1\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: ada@a\r\nconnection: close\r\n\r\n", "400"),
        ("GET http://ada@a/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nhost: [::1]:80\r\nconnection: close\r\n\r\n", "200"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\nconnection: close\r\n\r\n", "501"),
    ];
    let replies = replies("", &cases.map(|(request, _)| request)).await;
    for ((request, status), reply) in cases.iter().zip(replies) {
        assert_eq!(reply.split(' ').nth(1), Some(*status), "{request:?}: {reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_bound_are_turned_away_at_once() {
    let manifest = manifest(component("hostile"), &[], "requests = 1\nrequest-timeout = '1s'");
    let host = Host::load(&manifest, Time::Real).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { host.serve(listener, std::future::pending()).await });
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(get("/forever").as_bytes()).await.unwrap();
    // Its head is there, so it has the only seat.
    let mut head = [0; 15];
    first.read_exact(&mut head).await.unwrap();
    let ask = async || {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(get_and_close("/whole").as_bytes()).await.unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.unwrap();
        reply
    };
    let busy = ask().await;
    assert!(busy.starts_with("HTTP/1.1 503 ") && busy.contains("\r\nretry-after: 1\r\n"), "{busy}");
    // Once the first is over, there is room again.
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    while !ask().await.starts_with("HTTP/1.1 200 ") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn where_other_instances_have_all_memory_the_answer_is_a_503() {
    let reply = &replies("total-memory-mib = 1", &[&get_and_close("/whole")]).await[0];
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("\r\nretry-after: 1\r\n"), "{reply}");
}

#[test]
fn a_call_for_which_no_instance_can_be_made_was_not_sent() {
    // Enough for the caller, and not for the one that it calls beside it.
    let links = [("acme:greeter/api", "greeter")];
    let manifest = manifest(component("http-hello"), &links, "total-memory-mib = 2");
    let answer = simulate(&manifest, async |stage| stage.get("/strict/Ada").await);
    assert_eq!(answer.status, 503);
    assert!(!answer.calls.is_empty());
    assert!(answer.calls.iter().all(|call| *call == Err((Cause::Overloaded, Delivery::NotSent))), "{answer:?}");
}

#[test]
fn a_component_that_begins_with_more_memory_than_it_may_have_is_refused_at_start() {
    let manifest = manifest(component("hostile"), &[], "memory-mib = 1");
    let error = Host::load(&manifest, Time::Simulated).err().unwrap().to_string();
    let expected = "MiB of memory to begin with, and `memory-mib` allows an instance 1; raise `memory-mib`";
    assert!(error.ends_with(expected), "{error}");
}
