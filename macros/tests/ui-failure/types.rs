use steadfast::Failure;

#[derive(Failure)]
enum Types {
    #[failure(overloaded, retry_after = seconds)]
    Busy { seconds: u64 },
    #[failure(timeout, target = 0)]
    Timeout(u32),
    #[failure(caller_error, detail = 0)]
    BadCount(u32),
}

fn main() {}
