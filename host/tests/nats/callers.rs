//! Clients that nobody here wrote: they send garbage, too little, too much, or go away.

use bytes::Bytes;
use futures_util::future::join_all;

use crate::call::Call;
use crate::serving::peak_mib;
use crate::{Provider, Server};

/// How many clients misbehave at the same time.
const MANY: usize = 200;

/// As `rpc-error` numbers them.
const OVERLOADED: u8 = 4;
const PROTOCOL: u8 = 6;
const NOT_SENT: u8 = 0;

const COUNT: &str = "hostile@0.1.0.count";
/// `refuse: func(why: string) -> result<u32, string>`
const REFUSE: &str = "values@0.1.0.refuse";
/// `turn: func(a: u8, b: string, c: list<u64>) -> tuple<list<u64>, string, u8>`
const TURN: &str = "values@0.1.0.turn";

/// A length of 4 GiB - 1, of 64 MiB.
const ALL: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
const MUCH: [u8; 4] = [0x80, 0x80, 0x80, 0x20];

/// A server and a provider of ours, whose clients are none.
struct Stage {
    provider: Provider,
    client: async_nats::Client,
    _server: Server,
}

impl Stage {
    async fn start() -> Option<Self> {
        let server = Server::start().await?;
        Some(Stage { provider: Provider::patient(&server.url()), client: server.client().await, _server: server })
    }

    async fn begin(&self, function: &str, first: &[u8]) -> Call {
        Call::begin(&self.client, function, first).await
    }

    /// The provider goes on as if nothing had been.
    async fn serves(&self) {
        assert_eq!(self.begin(COUNT, &[]).await.results().await, [1]);
    }
}

#[tokio::test]
async fn garbage_and_what_is_cut_off_are_refused_and_nothing_runs() {
    let Some(stage) = Stage::start().await else { return };
    let invalid = [&[1, 0xff][..], &[2, b'n', b'o', 0], &[0xff; 64]];
    for first in invalid {
        let failure = stage.begin(REFUSE, first).await.failure().await;
        assert_eq!(failure, [PROTOCOL, NOT_SENT], "{first:?}");
    }
    for cut_off in [&[][..], &[9, b'n', b'o'], &ALL, &[ALL[0], ALL[1]]] {
        let mut call = stage.begin(REFUSE, cut_off).await;
        call.end(&[]).await;
        assert_eq!(call.failure().await, [PROTOCOL, NOT_SENT], "{cut_off:?}");
    }
    stage.serves().await;
}

#[tokio::test]
async fn parameters_that_are_too_long_or_have_no_end_are_refused_before_they_end() {
    let Some(stage) = Stage::start().await else { return };
    // A string of 64 MiB, and a list that never ends, of one byte for each element.
    let endless = [&[7, 0][..], &ALL].concat();
    for (function, first, more) in [(REFUSE, &MUCH[..], b'x'), (TURN, &endless, 0)] {
        let mut call = stage.begin(function, first).await;
        for _ in 0..64 {
            call.send(Bytes::from(vec![more; 1 << 20])).await;
        }
        assert_eq!(call.failure().await, [PROTOCOL, NOT_SENT], "{function}");
    }
    stage.serves().await;
    if let Some(peak) = peak_mib(&stage.provider.0) {
        assert!(peak < 200, "{peak} MiB, for 16 at a time");
    }
}

#[tokio::test]
async fn parameters_that_do_not_end_are_given_up_and_hold_up_nobody() {
    let Some(server) = Server::start().await else { return };
    let provider = Provider::patient_with(&server.url(), &["--calls", "1"]);
    let stage = Stage { provider, client: server.client().await, _server: server };
    let mut silent = stage.begin(REFUSE, &MUCH).await;
    // One may run, and one more may be incomplete.
    stage.serves().await;
    assert_eq!(stage.begin(REFUSE, &MUCH).await.failure().await, [OVERLOADED, NOT_SENT]);
    assert_eq!(silent.failure().await, [PROTOCOL, NOT_SENT]);
    let mut trickling = stage.begin(REFUSE, &MUCH).await;
    for _ in 0..4096 {
        trickling.send(Bytes::from_static(b"x")).await;
    }
    assert_eq!(trickling.failure().await, [PROTOCOL, NOT_SENT]);
    stage.serves().await;
}

#[tokio::test]
async fn parameters_that_would_take_gigabytes_are_refused() {
    let Some(stage) = Stage::start().await else { return };
    stage.serves().await;
    let before = peak_mib(&stage.provider.0);
    // 4,000,000 flags with all 32 set, of which each takes 4 bytes here and 1,832 there.
    let mut call = stage.begin("masses@0.1.0.put", &[0x80, 0x92, 0xf4, 0x01]).await;
    let part = Bytes::from(vec![0xff; 1_000_000]);
    for _ in 0..16 {
        call.send(part.clone()).await;
    }
    call.end(&[]).await;
    assert_eq!(call.failure().await, [PROTOCOL, NOT_SENT]);
    if let (Some(before), Some(after)) = (before, peak_mib(&stage.provider.0)) {
        assert!(after - before < 256, "{} MiB more", after - before);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_in_mid_call_or_can_be_told_nothing_disturbs_nobody() {
    let Some(stage) = Stage::start().await else { return };
    let deserter = stage._server.client().await;
    for (function, first) in [(REFUSE, &[9][..]), ("hostile@0.1.0.spin", &[])] {
        drop(Call::begin(&deserter, function, first).await);
    }
    deserter.drain().await.expect("it is connected");
    stage.client.publish("test.wrpc.0.0.1.test:guests/hostile@0.1.0.count", "".into()).await.expect("it is a subject");
    stage.serves().await;
}

#[tokio::test]
async fn many_clients_that_send_much_at_once_share_one_bound_of_memory() {
    let Some(stage) = Stage::start().await else { return };
    let mut calls = join_all((0..MANY).map(|_| stage.begin(REFUSE, &MUCH))).await;
    let part = Bytes::from(vec![b'x'; 1 << 20]);
    for number in 0..MANY {
        for _ in 0..4 {
            calls[number].send(part.clone()).await;
        }
        // The provider gives up calls that are silent.
        for call in &mut calls {
            call.send(Bytes::from_static(b"x")).await;
        }
        // The server would leave a provider behind that cannot follow: an answer says that it has read all before it.
        stage.serves().await;
    }
    // Small calls are served while all that memory is taken.
    stage.serves().await;
    for call in &mut calls {
        call.end(&[]).await;
    }
    let mut failures = Vec::new();
    for call in &mut calls {
        failures.push(call.failure().await);
    }
    let overloaded = failures.iter().filter(|failure| **failure == [OVERLOADED, NOT_SENT]).count();
    let protocol = failures.iter().filter(|failure| **failure == [PROTOCOL, NOT_SENT]).count();
    assert_eq!(overloaded + protocol, MANY, "{failures:?}");
    // 64 calls of 4 MiB have room.
    assert!(overloaded >= MANY - 64, "{overloaded}");
    stage.serves().await;
    if let Some(peak) = peak_mib(&stage.provider.0) {
        assert!(peak < 600, "{peak} MiB, for 256 at a time of {}", 4 * MANY);
    }
}

#[tokio::test]
async fn what_messages_are_decoded_to_counts_as_they_do() {
    let Some(stage) = Stage::start().await else { return };
    // All of the 256 MiB but 20 bytes: room for a short message, and none for a value in it.
    let mut holders = join_all((0..16).map(|_| stage.begin(REFUSE, &MUCH))).await;
    let part = Bytes::from(vec![b'x'; 1 << 20]);
    for round in 0..16 {
        for (number, holder) in holders.iter_mut().enumerate() {
            let held_back = if round == 15 { MUCH.len() + if number == 0 { 20 } else { 0 } } else { 0 };
            holder.send(part.slice(held_back..)).await;
        }
        // As above.
        stage.serves().await;
    }
    // Until the provider has taken all of them.
    let refused = async {
        for _ in 0..1_000 {
            let mut call = stage.begin(REFUSE, &[2, b'n', b'o']).await;
            if call.results().await.is_empty() {
                return call.said().await;
            }
        }
        panic!("there is always room");
    };
    assert_eq!(refused.await, [OVERLOADED, NOT_SENT]);
    for mut holder in holders {
        holder.end(&[]).await;
        assert_eq!(holder.failure().await, [PROTOCOL, NOT_SENT]);
    }
    assert_eq!(stage.begin(REFUSE, &[2, b'n', b'o']).await.results().await, [1, 2, b'n', b'o']);
}
