//! Mistakes that only the compiler sees: its message points at the caller's tokens and says what is allowed.

use steadfast::{Failed, RpcError, resilient};

/// An owned resource.
struct Stream;

#[resilient(retry(attempts = 4))]
fn resource(name: &str, stream: Stream) -> Result<(), RpcError> {
    let _ = (name, stream);
    Ok(())
}

steadfast::policy! {
    static STORE = retry(attempts = 4);
}

struct Body {
    stream: Stream,
}

impl Body {
    #[resilient(STORE)]
    fn resource_as_self(self) -> Result<Stream, RpcError> {
        Ok(self.stream)
    }
}

// Fallbacks that do not fit.
fn too_few(_: Failed) -> String {
    String::new()
}

fn other_argument(_: u32, _: Failed) -> String {
    String::new()
}

fn other_value(_: &str, _: Failed) -> u32 {
    0
}

#[resilient(retry(attempts = 4), fallback = too_few)]
fn fallback_with_too_few_arguments(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

#[resilient(retry(attempts = 4), fallback = other_argument)]
fn fallback_with_another_argument(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

#[resilient(retry(attempts = 4), fallback = other_value)]
fn fallback_with_another_value(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

#[resilient(retry(attempts = 4), fallback = missing)]
fn fallback_that_is_not_there(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

fn other_text(_: String, _: Failed) -> String {
    String::new()
}

async fn awaited(_: &str, _: Failed) -> String {
    String::new()
}

fn fallible(_: &str, failed: Failed) -> Result<String, Failed> {
    Err(failed)
}

#[resilient(retry(attempts = 4), fallback = other_text)]
fn fallback_with_an_owned_argument(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

#[resilient(retry(attempts = 4), fallback = awaited)]
fn fallback_that_is_awaited(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

#[resilient(retry(attempts = 4), fallback = fallible)]
async fn fallback_that_may_fail(name: &str) -> Result<String, RpcError> {
    Ok(name.into())
}

// No `Result`, or one that the block does not see.
#[resilient(retry(attempts = 4))]
fn no_result() -> String {
    String::new()
}

type Later = std::future::Ready<Result<u32, RpcError>>;

#[resilient(retry(attempts = 4))]
fn future_by_another_name() -> Later {
    std::future::ready(Ok(1))
}

struct SearchResult;

struct Client;

type Answer<T> = Result<T, RpcError>;

#[resilient(retry(attempts = 4))]
impl Client {
    fn get(&self) -> Result<u32, RpcError> {
        Ok(1)
    }

    fn result_by_another_name(&self) -> Answer<u32> {
        Ok(1)
    }

    fn no_result_in_spite_of_its_name(&self) -> SearchResult {
        SearchResult
    }
}

// Observers.
struct NoObserver;

#[resilient(retry(attempts = 4), observer = NoObserver)]
fn no_observer() -> Result<(), RpcError> {
    Ok(())
}

// Errors.
struct Classified;

impl steadfast::Failure for Classified {
    fn cause(&self) -> steadfast::Cause {
        steadfast::Cause::Other
    }
    fn delivery(&self) -> steadfast::Delivery {
        steadfast::Delivery::Unknown
    }
}

#[resilient(retry(attempts = 4))]
fn error_that_cannot_say_that_a_policy_gave_up() -> Result<(), Classified> {
    Ok(())
}

// In the body, a mistake is the caller's own.
#[resilient(retry(attempts = 4))]
fn mistake_within(name: &str) -> Result<String, RpcError> {
    let length: String = name.len();
    Ok(length)
}

fn main() {}
