//! Peers that lie: lengths of what never comes, parts without end, garbage, silence.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Caller, Cause, Delivery, Process, component, listen, whole_call};

const ENDLESS: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

/// Makes one call of `count`, which a peer answers with these bytes, and then closes the connection.
async fn answered(bytes: &[u8]) -> (String, Result<(), (Cause, Delivery)>) {
    let (listener, address) = listen().await;
    let answer = async {
        let (mut caller, _) = listener.accept().await.unwrap();
        whole_call(&mut caller).await;
        // The caller may have had enough before it is over.
        let _ = caller.write_all(bytes).await;
        let _ = caller.shutdown().await;
    };
    let caller = Caller::of(address);
    let ((body, calls), ()) = tokio::join!(caller.get("/count"), answer);
    assert_eq!(calls.len(), 1);
    (body, calls[0])
}

#[tokio::test]
async fn what_a_provider_may_answer() {
    let protocol = Err((Cause::Protocol, Delivery::Delivered));
    let disconnected = Err((Cause::Disconnected, Delivery::Unknown));
    for (bytes, call, what) in [
        (vec![0, 1, 42], Ok(()), "a frame with the value"),
        (vec![0, 0, 0, 1, 42, 0, 0], Ok(()), "empty frames around it"),
        (vec![], disconnected, "nothing"),
        (vec![0], disconnected, "half a frame"),
        (vec![0, 5, 1], disconnected, "a frame that is longer than it is"),
        (vec![0, 1, 0x80], disconnected, "half a value"),
        (vec![0, 2, 42, 42], protocol, "two values"),
        (vec![0, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], protocol, "no value"),
        ([&[0][..], &ENDLESS].concat(), protocol, "a length of 4 GiB"),
        (ENDLESS.to_vec(), protocol, "a path of 4 G parts"),
        (vec![1, 7, 1, 0], protocol, "a part for a stream"),
        (vec![1, 0, 1, 9], protocol, "an end that is none"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), protocol, "another protocol"),
        ([0, 0x80, 0x80, 0x40].iter().chain(&[7; 1 << 20]).copied().collect(), protocol, "1 MiB"),
    ] {
        assert_eq!(answered(&bytes).await.1, call, "{what}");
    }
}

#[tokio::test]
async fn results_without_end_are_cut_off() {
    let part = [&[0, 0x80, 0x80, 0x20][..], &[0x80; 512 << 10]].concat();
    assert_eq!(answered(&part.repeat(40)).await.1, Err((Cause::Protocol, Delivery::Delivered)));
}

#[tokio::test]
async fn a_provider_that_is_silent_or_reads_nothing_times_out() {
    let (listener, address) = listen().await;
    let caller = Caller::with_timeout(address, "1s");
    let silent = async {
        let _connection = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (_, calls) = caller.get("/count") => assert_eq!(calls, [Err((Cause::Timeout, Delivery::Unknown))]),
        () = silent => {}
    }
}

#[tokio::test]
async fn silent_connections_delay_no_good_call() {
    let provider = Process::start(&[]);
    let caller = Caller::of(provider.address);
    assert_eq!(caller.get("/count").await.1, [Ok(())]);
    let mut silent = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(provider.address).await.unwrap();
        if number % 2 == 0 {
            // Half of a call.
            stream.write_all(&names("test:guests/hostile@0.1.0", "count")).await.unwrap();
        }
        silent.push(stream.into_std().unwrap());
    }
    assert_eq!(caller.get("/count").await.1, [Ok(())]);
    // It did not wait until they were given up: only the oldest made place.
    let is_open = |stream: &&std::net::TcpStream| {
        std::io::Read::read(&mut &**stream, &mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    assert_eq!(silent[200..].iter().filter(is_open).count(), 200);
    assert_eq!(silent[..100].iter().filter(is_open).count(), 0);
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_answer_is_given_up() {
    let provider = Process::start(&["--calls", "1"]);
    let caller = Caller::of(provider.address);
    // `turn` returns the string of 15 MiB.
    let much = [&[7, 0x80, 0x80, 0xc0, 0x07][..], &vec![b'x'; 15 << 20], &[0]].concat();
    let call = [names("test:guests/values@0.1.0", "turn"), frame(&much)].concat();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(provider.address).await.unwrap();
    stream.write_all(&call).await.unwrap();
    // Its answer begins.
    stream.read_u8().await.unwrap();
    assert_eq!(caller.get("/count").await.1, [Err((Cause::Overloaded, Delivery::NotSent))]);
    while caller.get("/count").await.1 != [Ok(())] {
        tokio::task::yield_now().await;
    }
    drop(stream);
}

#[tokio::test]
async fn a_provider_that_does_not_read_its_call_times_out() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let caller = Caller::with_timeout(listener.local_addr().unwrap(), "1s");
    let (_, calls) = caller.get("/much").await;
    assert_eq!(calls, [Err((Cause::Timeout, Delivery::Unknown))]);
}

/// Values that take many times as much memory as they have bytes, of `masses`: 4 million flags with all 32 set, and as
/// many bytes of records as there may be.
fn masses() -> [(&'static str, Vec<u8>); 2] {
    let list = |count: u32, element: &[u8]| {
        // LEB128 of 4 bytes.
        let length = [0, 7, 14, 21].map(|shift| (count >> shift) as u8 & 0x7f | 0x80);
        let mut bytes = length.to_vec();
        bytes[3] &= 0x7f;
        bytes.extend(element.repeat(count as usize));
        bytes
    };
    // a, some(some(1)), (1, 1), [1], "e"
    [("marks", list(4_000_000, &[0xff; 4])), ("wide", list(1_600_000, &[1, 1, 1, 1, 1, 1, 1, 1, 1, b'e']))]
}

/// A frame of these parameters or results.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = [0, 7, 14, 21].map(|shift| (bytes.len() >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 });
    [&[0][..], &length, bytes].concat()
}

#[tokio::test]
async fn parameters_that_would_take_gigabytes_are_refused() {
    let provider = Process::start(&[]);
    let before = provider.peak_memory();
    for (kind, bytes) in masses() {
        let function = if kind == "marks" { "put" } else { "put-wide" };
        let mut stream = TcpStream::connect(provider.address).await.unwrap();
        let call = [names("test:guests/masses@0.1.0", function), frame(&bytes)].concat();
        stream.write_all(&call).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        // No results, and after two bytes of length that the call failed: `protocol`, `not-sent`.
        assert_eq!((&answer[..4], &answer[6..9]), (&[0, 0, 1, 0][..], &[1, 6, 0][..]), "{kind}: {answer:?}");
    }
    if let (Some(before), Some(after)) = (before, provider.peak_memory()) {
        assert!(after - before < 256 << 20, "{} MiB more", (after - before) >> 20);
    }
}

#[tokio::test]
async fn results_that_would_take_gigabytes_are_refused() {
    let (listener, address) = listen().await;
    let links = format!("[links]\n'test:guests/masses' = {{ tcp = '{address}' }}\n");
    let host = crate::serving::Host::start(component("caller"), &links);
    host.get("/unknown").await;
    let before = crate::serving::peak_mib(&host.child);
    for (kind, bytes) in masses() {
        let answer = async {
            let (mut caller, _) = listener.accept().await.unwrap();
            whole_call(&mut caller).await;
            // The caller may have had enough before it is over.
            let _ = caller.write_all(&frame(&bytes)).await;
        };
        let path = format!("/masses/get-{kind}/1");
        let (body, ()) = tokio::join!(host.get(&path), answer);
        assert!(body.contains(r#""cause":"protocol""#), "{kind}: {body}");
    }
    if let (Some(before), Some(after)) = (before, crate::serving::peak_mib(&host.child)) {
        assert!(after - before < 256, "{} MiB more", after - before);
    }
}

fn names(instance: &str, function: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for name in [instance, function] {
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

#[tokio::test]
async fn whatever_a_client_sends_the_provider_serves_on_in_bounded_memory() {
    let provider = Process::start(&[]);
    let before = provider.peak_memory();
    let refuse = names("test:guests/values@0.1.0", "refuse");
    let call = |frames: &[u8]| [&refuse, frames].concat();
    // 64 MiB of one string, in frames of 16 MiB.
    let mut string = call(&[0, 5, 0x80, 0x80, 0x80, 0x20, b'x']);
    for _ in 0..4 {
        string.extend_from_slice(&[0, 0x80, 0x80, 0x80, 0x08]);
        string.resize(string.len() + (16 << 20), b'x');
    }
    let hostile = [
        vec![],
        vec![7],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [&[0][..], &ENDLESS].concat(),
        [&[0, 1, 0xff][..], &[0]].concat(),
        call(&ENDLESS),
        call(&[0, 1, 9]),
        call(&[&[0][..], &ENDLESS].concat()),
        call(&[0, 1, 0xff]),
        call(&[0, 3, 1, 0xff, 0]),
        call(&[1, 0, 1, 0]),
        call(&[0, 1, 200].repeat(100)),
        string,
    ];
    for bytes in &hostile {
        let mut stream = TcpStream::connect(provider.address).await.unwrap();
        // It may have had enough before it is over.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.len() < 1 << 10, "{} bytes", answer.len());
    }
    // And those that come, and say nothing.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(provider.address).await.unwrap());
    }
    assert_eq!(Caller::of(provider.address).get("/count").await, ("1".into(), vec![Ok(())]));
    if let (Some(before), Some(after)) = (before, provider.peak_memory()) {
        assert!(after - before < 160 << 20, "{} MiB more", (after - before) >> 20);
    }
}
