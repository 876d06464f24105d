//! Calls that are written in every way there is, over bindings that are made in either way.
#![allow(clippy::redundant_closure, reason = "the closures stand for calls with arguments")]

use steadfast::{Failed, Policy, Retry, RpcError};

#[cfg(all(feature = "plain", not(feature = "clients")))]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit", "wit"],
        world: "test:bindings/bindings",
        with: { "steadfast:rpc/types@0.1.0": steadfast::wit::types },
        generate_all,
    });
}
#[cfg(any(feature = "clients", not(feature = "plain")))]
mod bindings {
    steadfast::bindgen!();
}

use bindings::acme::{store1_0_0, store2_0_0};
use bindings::exports::test::bindings::answers::Guest;
use bindings::test::bindings::{calls, named, taken};

static POLICY: Policy<(Retry,)> = Policy::new().retry(Retry::attempts(3));

struct Component;

impl Guest for Component {
    fn answer(number: u32) -> Result<u32, RpcError> {
        let item = calls::Item { name: "item".into(), sizes: vec![number] };
        match number {
            0 => Ok(greet("you")?.len() as u32),
            1 => Ok(first(&item)?),
            2 => Ok(second(&calls::Bucket::new("bucket"))?),
            3 => Ok(versions()?),
            4 => POLICY.call(|| bindings::log("a line")).map(|()| number).map_err(RpcError::from),
            _ => Ok(calls::count()),
        }
    }
}

#[cfg(not(feature = "clients"))]
mod by {
    use super::*;

    pub fn greet(name: &str) -> Result<String, Failed> {
        POLICY.call(|| calls::greet(name))
    }

    pub fn first(item: &calls::Item) -> Result<u32, Failed> {
        POLICY.call(|| calls::ask())?;
        POLICY.idempotent().call(|| calls::put("key", item, Some(item), 7))?;
        POLICY.call(|| calls::type_("name", 7, true))
    }

    pub fn second(bucket: &calls::Bucket) -> Result<u32, Failed> {
        POLICY.call(|| bucket.get("key"))?;
        POLICY.call(|| calls::look(bucket))
    }

    pub fn versions() -> Result<u32, Failed> {
        let sum = POLICY.call(|| store1_0_0::api::get("key"))? + POLICY.call(|| store2_0_0::api::get("key"))?;
        let names = POLICY.call(|| taken::client())? + &POLICY.call(|| named::get())?.name;
        Ok(sum + names.len() as u32 + POLICY.call(|| bindings::match_::loop_())?)
    }
}

#[cfg(feature = "clients")]
mod by {
    use super::*;

    pub fn greet(name: &str) -> Result<String, Failed> {
        calls::client(&POLICY).greet(name)
    }

    pub fn first(item: &calls::Item) -> Result<u32, Failed> {
        let client = calls::client(&POLICY);
        client.ask()?;
        calls::client(POLICY.idempotent()).put("key", item, Some(item), 7)?;
        client.type_("name", 7, true)
    }

    pub fn second(bucket: &calls::Bucket) -> Result<u32, Failed> {
        bucket.client(&POLICY).get("key")?;
        calls::client(&POLICY).look(bucket)
    }

    pub fn versions() -> Result<u32, Failed> {
        let sum = store1_0_0::api::client(&POLICY).get("key")? + store2_0_0::api::client(&POLICY).get("key")?;
        let names = taken::resilient_client(&POLICY).client()? + &named::client(&POLICY).get()?.name;
        Ok(sum + names.len() as u32 + bindings::match_::client(&POLICY).loop_()?)
    }
}

use by::{first, greet, second, versions};

bindings::export!(Component with_types_in bindings);
