//! The released client and server of wRPC over TCP, against ours.

use std::sync::Arc;

use futures_util::StreamExt;
use wrpc_transport::{InvokeExt, ServeExt, tcp};

use crate::{Caller, Cause, Delivery, Process, listen};

const VALUES: &str = "test:guests/values@0.1.0";
const HOSTILE: &str = "test:guests/hostile@0.1.0";
const NO_STREAMS: [[Option<usize>; 0]; 0] = [];

#[tokio::test]
async fn a_stock_client_is_served() {
    let provider = Process::start(&[]);
    let client = tcp::Client::from(provider.address);
    let ((answer,), _) = client
        .invoke_values::<_, (&str,), (Result<u32, String>,)>((), VALUES, "refuse", ("no",), NO_STREAMS)
        .await
        .unwrap();
    assert_eq!(answer, Err("no".to_string()));
    let ((answer,), _) = client
        .invoke_values::<_, (u8, &str, Vec<u64>), ((Vec<u64>, String, u8),)>(
            (),
            VALUES,
            "turn",
            (7, "seven", vec![1, 2, u64::MAX]),
            NO_STREAMS,
        )
        .await
        .unwrap();
    assert_eq!(answer, (vec![1, 2, u64::MAX], "seven".to_string(), 7));
    let ((), _) = client.invoke_values::<_, (), ()>((), VALUES, "nothing", (), NO_STREAMS).await.unwrap();
}

#[tokio::test]
async fn a_stock_client_sees_every_failure_as_an_early_end() {
    let provider = Process::start(&[]);
    let client = tcp::Client::from(provider.address);
    for (instance, function) in [(HOSTILE, "overloaded"), (HOSTILE, "nothing-like-it"), ("no:such/instance", "count")] {
        let answer = client.invoke_values::<_, (), (u32,)>((), instance, function, (), NO_STREAMS).await;
        assert!(answer.is_err(), "{instance}#{function}");
    }
}

#[tokio::test]
async fn a_stock_server_serves() {
    let (listener, address) = listen().await;
    let server = Arc::new(wrpc_transport::Server::default());
    let paths = Vec::<Box<[Option<usize>]>>::new;
    let counts = server.serve_values::<(), (u32,)>(HOSTILE, "count", paths()).await.unwrap();
    let accepting = server.clone();
    tokio::spawn(async move {
        loop {
            // It fails for what is not served.
            let _ = accepting.accept(&listener).await;
        }
    });
    tokio::spawn(async move {
        let mut counts = std::pin::pin!(counts);
        while let Some(call) = counts.next().await {
            let (_, (), _, answer) = call.unwrap();
            answer((42,)).await.unwrap();
        }
    });
    let caller = Caller::of(address);
    assert_eq!(caller.get("/count").await, ("42".into(), vec![Ok(())]));
    // It refuses what it does not serve by closing the connection, and nobody can know that.
    assert_eq!(caller.get("/trap").await.1, [Err((Cause::Disconnected, Delivery::Unknown))]);
}
