//! Clients that keep connections and do nothing with them.

use tokio::io::AsyncReadExt;

use crate::{get, get_and_close, reply, rest, send, serve};

#[tokio::test]
async fn a_connection_that_waits_makes_room_for_another() {
    let address = serve("connections = 4").await;
    let mut silent = Vec::new();
    for begin in ["GET / HT", "", "GET / HT", ""] {
        silent.push(send(address, begin).await);
    }
    let reply = reply(address, &get_and_close("/whole")).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply:?}");
    // The one that waited longest.
    assert_eq!(rest(silent.remove(0)).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_at_work_does_not_make_room() {
    let address = serve("connections = 1\nrequest-timeout = '1s'").await;
    let mut first = send(address, &get("/forever")).await;
    let mut head = [0; 15];
    first.read_exact(&mut head).await.unwrap();
    let turned_away = reply(address, &get_and_close("/whole")).await;
    assert!(turned_away.starts_with("HTTP/1.1 503 ") && turned_away.contains("\r\nretry-after: 1\r\n"));
    assert!(rest(first).await.ends_with("abc\r\n"), "the first is served as long as it may take");
}

// In simulated time, which moves on where the host only waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_left() {
    let address = serve("requests = 1\nrequest-timeout = '1h'").await;
    let mut first = send(address, &get("/flood")).await;
    let mut head = [0; 15];
    first.read_exact(&mut head).await.unwrap();
    // Its request ends within half a minute, so that there is room for the next.
    let start = tokio::time::Instant::now();
    while !reply(address, &get_and_close("/whole")).await.starts_with("HTTP/1.1 200 ") {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}
