//! A job that a host runs on schedule, and that calls out. A short outage is over before it gives up; after a long
//! one, the next run does the work.

use steadfast::RpcError;

steadfast::bindgen!("cron");
use acme::greeter::api as greeter;
use exports::acme::jobs::job::Guest;

steadfast::policy! {
    /// Nobody waits for a job, so it may try for long; but not into its next run.
    static GREETER = deadline("8s") + retry(attempts = 6, backoff = exponential("250ms"));
}

struct Job;

impl Guest for Job {
    fn run() -> Result<(), RpcError> {
        for name in ["Ada", "Grace"] {
            // A greeting changes nothing, so it may be asked for again whatever happened.
            let greeting = greeter::client(GREETER.idempotent()).greet(name)?;
            println!("{greeting}");
        }
        Ok(())
    }
}

export!(Job);
