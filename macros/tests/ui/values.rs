//! Values that are known to the compiler only, and make no sense.

use steadfast::{RpcError, resilient};

const NONE: u32 = 0;

#[resilient(retry(attempts = NONE))]
fn no_attempts() -> Result<(), RpcError> {
    Ok(())
}

steadfast::policy! {
    static SHRINKING = breaker(failures = 5, open_for = "1m", growing(factor = 2, max_open_for = "30s"));
}

fn main() {}
