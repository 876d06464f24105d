//! Retries as they are often written by hand. Each has one mistake, which a scenario shows.

use std::time::Duration;

use steadfast::{Failure, RpcError};
use wstd::time::Duration as Wait;

use crate::acme::greeter::api::greet;

/// Gives up after a second of sleeps. The time that the calls themselves take is left out.
pub async fn counts_only_sleeps(name: &str) -> Result<String, RpcError> {
    let (mut slept, mut wait) = (Duration::ZERO, Duration::from_millis(100));
    loop {
        match greet(name) {
            Err(_) if slept + wait <= Duration::from_secs(1) => {
                wstd::task::sleep(Wait::from_millis(wait.as_millis() as u64)).await;
                slept += wait;
                wait *= 2;
            }
            result => return result,
        }
    }
}

/// Comes again exactly when it was told to, as all others do that were told the same.
pub async fn comes_when_told(name: &str) -> Result<String, RpcError> {
    let mut attempts = 1;
    loop {
        match greet(name) {
            Err(error) if attempts < 4 => {
                let wait = error.retry_after().unwrap_or(Duration::from_secs(1));
                wstd::task::sleep(Wait::from_nanos(wait.as_nanos() as u64)).await;
                attempts += 1;
            }
            result => return result,
        }
    }
}
