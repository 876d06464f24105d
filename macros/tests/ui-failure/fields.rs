use std::time::Duration;

use steadfast::{Failure, RpcError};

#[derive(Failure)]
enum Absent {
    #[failure(overloaded, retry_after = aftr)]
    Named { after: Duration },
    #[failure(overloaded, retry_after = 1)]
    Numbered(Duration),
    #[failure(overloaded, target = name)]
    None,
}

#[derive(Failure)]
#[failure(overloaded, retry_after = after)]
enum OfTheWhole {
    Busy { after: Duration },
}

#[derive(Failure)]
enum Transparent {
    #[failure(transparent)]
    None,
    #[failure(transparent)]
    Two(RpcError, u32),
    #[failure(transparent, not_sent)]
    More(RpcError),
}

#[derive(Failure)]
union Either {
    one: u32,
    other: i32,
}

#[derive(Failure)]
enum Caller {
    #[failure(caller_error, status = 404, overloaded)]
    Cause,
    #[failure(caller_error, status = 200)]
    Status,
    #[failure(caller_error, status = "404")]
    Text,
    #[failure(timeout, status = 404)]
    StatusAlone,
    #[failure(detail = 0)]
    DetailAlone(String),
    #[failure(caller_error, detail = why)]
    NoField { because: String },
    #[failure(caller_error = 404)]
    TooMuch,
    #[failure(caller_error, transparent)]
    Both(RpcError),
}

#[derive(Failure)]
#[failure(caller_error, detail = "why")]
enum DetailOfTheWhole {
    One,
}

fn main() {}
