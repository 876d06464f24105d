//! A server whose responses end before they are whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Broken {
    pub authority: String,
    asked: Arc<AtomicUsize>,
}

impl Broken {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Broken { authority: listener.local_addr().unwrap().to_string(), asked: Arc::default() };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, asked.fetch_add(1, Ordering::Relaxed)));
            }
        });
        server
    }

    /// How many requests there were since the last time.
    pub fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

/// Says some of what the path stands for, and is gone.
async fn answer(mut stream: TcpStream, before: usize) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    // The client asks as if this were a proxy.
    let path = head.split(' ').nth(1).and_then(|uri| uri.rsplit('/').next()).unwrap_or_default();
    let (length, body) = match path {
        "chunked" => ("transfer-encoding: chunked", "a\r\n0123456789\r\n"),
        "trailer" => ("transfer-encoding: chunked", "a\r\n0123456789\r\n0\r\nchecks"),
        "short-once" if before > 0 => ("content-length: 10", "0123456789"),
        _ => ("content-length: 1000", "0123456789"),
    };
    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n{body}").as_bytes()).await;
    if path == "reset" {
        // What was sent before stays readable.
        let _ = stream.set_zero_linger();
    }
}
