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

fn main() {}
