use steadfast::Failure;

#[derive(Failure)]
enum Misspelt {
    #[failure(overlaoded, not_sent)]
    Cause,
    #[failure(overloaded, notsent)]
    Delivery,
    #[failure(cause = tiemout)]
    CauseAsKey,
    #[failure(delivery = sent)]
    DeliveryAsKey,
    #[failure(retry_afer = 0)]
    Key(u32),
    #[failure(colour)]
    Unheard,
}

#[derive(Failure)]
enum Twice {
    #[failure(timeout, overloaded)]
    Cause,
    #[failure(not_sent, delivery = unknown)]
    Delivery,
    #[failure(timeout)]
    #[failure(cause = timeout)]
    Attributes,
}

#[derive(Failure)]
enum Forms {
    #[failure]
    Bare,
    #[failure()]
    Empty,
    #[failure = "timeout"]
    Value,
    #[failure(cause)]
    NoCause,
    #[failure(retry_after)]
    NoField(std::time::Duration),
    #[failure(timeout = 1)]
    TooMuch,
    #[failure(cause = "timeout")]
    Quoted,
    #[failure(timeout not_sent)]
    NoComma,
}

fn main() {}
