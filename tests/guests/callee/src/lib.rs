//! A target for the tests: it returns every kind of value, and behaves as badly as it is asked to.

use std::sync::atomic::{AtomicU32, Ordering};

use steadfast::{Cause, Delivery};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest};

steadfast::bindgen!({ path: "../wit", world: "callee" });

use exports::test::guests::masses::{Layer, Layers, Marks, Wide};
use exports::test::guests::values::Everything;
use exports::test::guests::{circle, hostile, masses, values};
use steadfast::RpcError;

struct Callee;

impl values::Guest for Callee {
    fn echo(value: Everything) -> Everything {
        value
    }
    fn try_echo(value: Everything) -> Result<Everything, RpcError> {
        Ok(value)
    }
    fn turn(a: u8, b: String, c: Vec<u64>) -> (Vec<u64>, String, u8) {
        (c, b, a)
    }
    fn refuse(why: String) -> Result<u32, String> {
        Err(why)
    }
    fn nothing() {}
    fn try_nothing() -> Result<(), RpcError> {
        Ok(())
    }
}

impl hostile::Guest for Callee {
    fn count() -> Result<u32, RpcError> {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        Ok(CALLS.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn trap() -> Result<(), RpcError> {
        panic!("asked to")
    }
    fn trap_instead() -> Result<u32, RpcError> {
        panic!("asked to")
    }
    fn spin() -> Result<(), RpcError> {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
    fn hog(mebibytes: u32) -> Result<(), RpcError> {
        std::hint::black_box(vec![1_u8; mebibytes as usize * 1024 * 1024]);
        Ok(())
    }
    fn overloaded() -> Result<(), RpcError> {
        Err(RpcError {
            retry_after: Some(7_000_000_000),
            target: "test:deeper/store#put".into(),
            message: "the queue is full".into(),
            ..RpcError::new(Cause::Overloaded, Delivery::Unknown)
        })
    }
    fn print(lines: u32) -> Result<(), RpcError> {
        for line in 0..lines {
            println!("line {line}");
        }
        eprint!("no end of line");
        Ok(())
    }
    fn fetch(path: String) -> Result<u16, RpcError> {
        let request = OutgoingRequest::new(Fields::new());
        request.set_authority(Some("hostile.test")).expect("a host");
        request.set_path_with_query(Some(&path)).expect("a path");
        let answer = outgoing_handler::handle(request, None).expect("a host that is allowed");
        answer.subscribe().block();
        Ok(answer.get().expect("an answer").expect("the first look at it").expect("a status").status())
    }
}

impl masses::Guest for Callee {
    fn put(all: Vec<Marks>) -> Result<u32, RpcError> {
        Ok(all.len() as u32)
    }
    fn put_wide(all: Vec<Wide>) -> Result<u32, RpcError> {
        Ok(all.len() as u32)
    }
    fn put_bytes(all: Vec<u8>) -> Result<u32, RpcError> {
        Ok(all.len() as u32)
    }
    fn get(count: u32) -> Result<Vec<Marks>, RpcError> {
        Ok(vec![Marks::from_bits_retain(u32::MAX); count as usize])
    }
    fn get_wide(count: u32) -> Result<Vec<Wide>, RpcError> {
        let one = || Wide { a: Layers { a: Layer { a: 1 } }, b: Some(Some(1)), c: (1, 1), d: vec![1], e: "e".into() };
        Ok((0..count).map(|_| one()).collect())
    }
    fn get_bytes(count: u32) -> Result<Vec<u8>, RpcError> {
        Ok(vec![1; count as usize])
    }
}

impl circle::Guest for Callee {
    fn around() -> Result<u32, RpcError> {
        match test::guests::circle::around() {
            Ok(deeper) => Ok(deeper + 1),
            Err(error) if error.cause == Cause::Protocol => Ok(1),
            Err(error) => Err(error),
        }
    }
}

export!(Callee);
