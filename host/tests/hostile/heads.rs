//! Heads of requests that are wrong, too long or too late.

use std::fmt::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{get, get_and_close, replies, reply, rest, send, serve};

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

#[tokio::test]
async fn a_head_beyond_its_bytes_is_a_431() {
    let mut request = String::from("GET / HTTP/1.1\r\nhost: localhost\r\n");
    for number in 0..70 {
        write!(request, "x-{number}: {}\r\n", "x".repeat(1000)).unwrap();
    }
    let reply = &replies("", &[&request]).await[0];
    assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
}

// In simulated time, which moves on where the host only waits.
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_a_408() {
    let address = serve("").await;
    for begin in ["", "GET / HTTP/1.1\r\nx: "] {
        let reply = reply(address, begin).await;
        assert!(reply.starts_with("HTTP/1.1 408 "), "{begin:?}: {reply:?}");
    }
    // Not of the first request alone.
    let mut socket = send(address, &get("/whole")).await;
    let mut first = String::new();
    while !first.ends_with("\r\n0\r\n\r\n") {
        first.push(socket.read_u8().await.unwrap().into());
    }
    socket.write_all(b"GET / HT").await.unwrap();
    let second = rest(socket).await;
    assert!(first.starts_with("HTTP/1.1 200 ") && second.starts_with("HTTP/1.1 408 "), "{first:?}, {second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed() {
    let reply = reply(serve("").await, &get("/whole")).await;
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n0\r\n\r\n"), "{reply:?}");
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let mut socket = send(serve("").await, "").await;
    for byte in get_and_close("/whole").bytes() {
        socket.write_u8(byte).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(rest(socket).await.starts_with("HTTP/1.1 200 "));
}
