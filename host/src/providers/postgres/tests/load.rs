//! Many at a time.

use std::sync::atomic::{AtomicI64, Ordering};

use wasmtime::component::Val;

use super::{provider, shared, variant};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queries_are_answered_each_with_its_own_answer() {
    const QUERIES: i64 = 10_000;
    let Some(server) = shared() else { return };
    let postgres = provider(&server.url(), "");
    let next = AtomicI64::new(0);
    let worker = async || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= QUERIES {
                return;
            }
            let number = variant("int8", Val::S64(number));
            assert_eq!(postgres.row("SELECT $1::int8", vec![number.clone()]).await, Ok(vec![number]));
        }
    };
    futures_util::future::join_all((0..64).map(|_| worker())).await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'steadfast' AND pid <> pg_backend_pid()";
    assert!(server.sql(open).unwrap().parse::<u32>().unwrap() >= 1);
}
