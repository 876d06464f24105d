//! Mistakes in the settings: each message points at the token and says what is allowed.

use steadfast::{Failed, RpcError, resilient};
use wstd::http::{Body, Request, Response};

// An unknown key, with the nearest known one.
#[resilient(retries(attempts = 4))]
fn unknown_key() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attemps = 4, backof = constant("1s")))]
fn unknown_key_inside() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = 4), colour = "green")]
fn unknown_key_near_none() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = 4), idempotant)]
fn unknown_flag() -> Result<(), RpcError> {
    Ok(())
}

// Durations.
#[resilient(retry(attempts = 4), deadline = "3 sec")]
fn bad_duration() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = 4), deadline = 3)]
fn duration_without_unit() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = 4), deadline = "0s")]
fn no_duration() -> Result<(), RpcError> {
    Ok(())
}

// Values that make no sense.
#[resilient(retry(attempts = 0))]
fn no_attempts() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = "4"))]
fn attempts_in_quotes() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failure_rate = "150%", over_calls = 100))]
fn rate_beyond_all() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, probes = 17), bulkhead(concurrent = 0))]
fn counts_out_of_range() -> Result<(), RpcError> {
    Ok(())
}

// What is missing.
#[resilient]
fn nothing_said() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry, breaker(open_for = "10s"), rate_limit(burst = 3))]
fn not_enough_said() -> Result<(), RpcError> {
    Ok(())
}

// Twice, and what does not go together.
#[resilient(deadline = "3s", retry(attempts = 4, attempts = 5), deadline = "4s")]
fn twice() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, failure_rate = 0.5, over_calls = 10), bulkhead(concurrent = 1), concurrency = aimd())]
fn conflicts() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failure_rate = "50%", over_calls = 10, shared = "keyvalue", name = "acme/greeter"))]
fn shared_rate() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, shared = "redis", name = "acme:greeter"))]
fn shared_elsewhere() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, shared = "keyvalue"))]
fn shared_without_name() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, bucket = "default"))]
fn a_bucket_alone() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(breaker(failures = 5, minimum_calls = 10))]
fn conflict_of_kinds() -> Result<(), RpcError> {
    Ok(())
}

// A backoff, a jitter, a cause that there is not.
#[resilient(retry(attempts = 4, backoff = exponental("50ms", jitter = ful), never(traped)))]
fn unknown_backoff() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(retry(attempts = 4, backoff = constant("1s", factor = 2, jitter = ful)))]
fn backoff_without_a_factor() -> Result<(), RpcError> {
    Ok(())
}

// Hedges.
#[resilient(hedge(after = "100ms"))]
async fn hedge_that_may_do_harm() -> Result<(), Failed> {
    Ok(())
}

#[resilient(hedge(after = "100ms"), idempotent)]
fn hedge_that_blocks() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(hedge(after = "100ms"), idempotent)]
async fn hedge_with_one_argument_for_all(_all: &mut Vec<u32>) -> Result<(), RpcError> {
    Ok(())
}

// A blocking call cannot be interrupted.
#[resilient(attempt_timeout = "500ms", retry(attempts = 2))]
fn timeout_that_cannot_be() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(deadline = "3s")]
fn deadline_that_ends_nothing() -> Result<(), RpcError> {
    Ok(())
}

// What it stands on.
#[resilient(retry(attempts = 4))]
fn nothing_at_all() {}

#[resilient(retry(attempts = 4))]
struct NoFunction;

struct Client;

#[resilient(retry(attempts = 4))]
impl Client {
    fn no_result(&self) {}
}

#[resilient(retry(attempts = 4), fallback = nobody, attempt_timeout = "1s")]
impl Client {
    fn fallback_of_all(&self) -> Result<(), RpcError> {
        Ok(())
    }
}

#[resilient(retry(attempts = 4), deadline = "3s")]
async fn __run(_request: Request<Body>) -> Result<Response<Body>, Failed> {
    Ok(Response::new(().into()))
}

use steadfast::resilient as sturdy;

#[resilient(retry(attempts = 4))]
impl Client {
    #[sturdy(skip)]
    fn by_another_name(&self) -> Result<(), RpcError> {
        Ok(())
    }

    #[cfg_attr(all(), resilient(retry(attempts = 2)))]
    fn in_a_cfg_attr(&self) -> Result<(), RpcError> {
        Ok(())
    }
}

// Policies by path, by name and in `policy!`.
#[resilient(GREETER, retry(attempts = 4))]
fn two_policies() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(policy = "greeter", retry(attempts = ATTEMPTS, budget = BUDGET))]
fn what_a_configuration_cannot_hold() -> Result<(), RpcError> {
    Ok(())
}

steadfast::policy! {
    static GREETER = retry(attempts = 4) + idempotent + breker(failures = 5);
}

steadfast::policy! {
    static TYPED: Policy = retry(attempts = 4);
}

steadfast::policy! {
    static COMMAS = retry(attempts = 4), breaker(failures = 5);
}

#[resilient(&GREETER, deadline = "3s")]
fn two_policies_by_reference() -> Result<(), RpcError> {
    Ok(())
}

#[resilient(GREETER, hedge)]
async fn hedge_through_a_policy_that_may_do_harm() -> Result<(), Failed> {
    Ok(())
}

fn main() {}
