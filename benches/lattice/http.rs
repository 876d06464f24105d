//! A client that asks for one thing again and again, and how long the answers took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wasmtime_wasi_http::io::TokioIo;

use crate::Outcome;

/// How long each of some requests took.
#[derive(Default)]
pub struct Load {
    /// In order, once they are all there.
    times: Vec<Duration>,
    took: Duration,
}

impl Load {
    pub fn record(&mut self, time: Duration) {
        let place = self.times.partition_point(|other| *other < time);
        self.times.insert(place, time);
    }

    /// Adds the times of `other`.
    pub fn append(&mut self, mut other: Load) {
        self.times.append(&mut other.times);
        self.times.sort_unstable();
        self.took += other.took;
    }

    pub fn quantile(&self, quantile: f64) -> Duration {
        let place = (self.times.len() as f64 * quantile) as usize;
        self.times.get(place).or(self.times.last()).copied().unwrap_or_default()
    }

    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }
}

/// Sends `count` requests over `connections` connections, each of which waits for its answer before it asks again.
///
/// # Errors
/// Any answer that has not that status, or does not begin so.
pub async fn load(
    address: &str,
    path: &'static str,
    connections: usize,
    count: usize,
    status: u16,
    begins: &'static str,
) -> Outcome<Load> {
    let mut clients = JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        open.push(sender);
    }
    let begin = Instant::now();
    for mut client in open {
        let next = next.clone();
        clients.spawn(async move {
            let mut times = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let begin = Instant::now();
                client.ready().await?;
                let request = Request::get(path).header("host", "localhost").body(Empty::<Bytes>::new())?;
                let response = client.send_request(request).await?;
                let answered = response.status().as_u16();
                let body = response.into_body().collect().await?.to_bytes();
                if answered != status || !body.starts_with(begins.as_bytes()) {
                    return Err(format!("{path}: {answered} {}", String::from_utf8_lossy(&body)).into());
                }
                times.push(begin.elapsed());
            }
            Outcome::Ok(times)
        });
    }
    let mut times = Vec::with_capacity(count);
    while let Some(client) = clients.join_next().await {
        times.append(&mut client??);
    }
    let took = begin.elapsed();
    times.sort_unstable();
    Ok(Load { times, took })
}
