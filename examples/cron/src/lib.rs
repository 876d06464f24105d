//! A job that a host runs on schedule, and that calls out. A short outage is over before it gives up; after a long
//! one, the next run does the work.

use std::time::Duration;

use steadfast::{Backoff, Deadline, Policy, Retry, RpcError};

steadfast::bindgen!("cron");
use acme::greeter::api as greeter;
use exports::acme::jobs::job::Guest;

/// Nobody waits for a job, so it may try for long; but not into its next run.
static GREETER: Policy<Deadline, Retry> = Policy::new()
    .deadline(Deadline::after(Duration::from_secs(8)))
    .retry(Retry::attempts(6).backoff(Backoff::exponential(Duration::from_millis(250))));

struct Job;

impl Guest for Job {
    fn run() -> Result<(), RpcError> {
        for name in ["Ada", "Grace"] {
            // A greeting changes nothing, so it may be asked for again whatever happened.
            let greeting = GREETER.idempotent().call(|| greeter::greet(name))?;
            println!("{greeting}");
        }
        Ok(())
    }
}

export!(Job);
