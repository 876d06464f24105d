//! More requests than a host takes, and requests without a client.

use steadfast_host::{Cause, Delivery};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::stage::{component, simulate, whole};
use crate::{get, get_and_close, reply, send, serve};

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_bound_are_turned_away_at_once() {
    let address = serve("requests = 1\nrequest-timeout = '1s'").await;
    let mut first = begun(address, "/forever").await;
    let busy = reply(address, &get_and_close("/whole")).await;
    assert!(busy.starts_with("HTTP/1.1 503 ") && busy.contains("\r\nretry-after: 1\r\n"), "{busy}");
    // Once the first is over, there is room again.
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    until_whole(address).await;
}

/// A connection whose request is at work, since the head of its answer is there.
async fn begun(address: std::net::SocketAddr, path: &str) -> TcpStream {
    let mut socket = send(address, &get(path)).await;
    let mut head = [0; 15];
    socket.read_exact(&mut head).await.unwrap();
    socket
}

async fn until_whole(address: std::net::SocketAddr) {
    while !reply(address, &get_and_close("/whole")).await.starts_with("HTTP/1.1 200 ") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_left_ends_where_the_manifest_says() {
    let address = serve("requests = 1\nrequest-timeout = '1h'\nclient-left = 'end'").await;
    for path in ["/forever", "/flood"] {
        drop(begun(address, path).await);
        until_whole(address).await;
    }
    // Whoever has the whole answer has not left: the instance is used again.
    for method in ["GET", "HEAD"] {
        let request = get_and_close("/whole").replacen("GET", method, 1);
        assert!(reply(address, &request).await.starts_with("HTTP/1.1 200 "), "{method}");
        until_whole(address).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_left_goes_on_otherwise() {
    let address = serve("requests = 1\nrequest-timeout = '1h'").await;
    drop(begun(address, "/forever").await);
    let busy = reply(address, &get_and_close("/whole")).await;
    assert!(busy.starts_with("HTTP/1.1 503 "), "{busy}");
}

#[test]
fn an_upstream_that_asks_itself_twice_is_bounded_in_width() {
    let text = "component = '<hostile>'\noutgoing = 8\n[http.upstreams]\n'hostile.test' = { component = '<hostile>' }";
    let _ = component("hostile");
    let answer = simulate(&whole(text), async |stage| stage.get("/twice").await);
    assert_eq!(answer.status, 200);
    assert!(answer.calls.contains(&Err((Cause::Overloaded, Delivery::NotSent))), "{:?}", answer.calls);
    // Without the bound, it is 2 + 4 + 8 + … + 65,536 requests.
    assert!(answer.calls.len() < 1000, "{}", answer.calls.len());
}

#[test]
fn calls_beyond_the_bound_are_overloaded_and_not_sent() {
    // The second call is made within the first.
    let text = "component = '<chain>'\noutgoing = 1\n[links]\n'acme:letters/letters' = { component = '<chain-letters>' }\n\
                'acme:greeter/api' = { component = '<greeter>' }";
    let answer = simulate(&whole(text), async |stage| stage.get("/Ada").await);
    assert!(answer.calls.contains(&Err((Cause::Overloaded, Delivery::NotSent))), "{answer:?}");
}
