//! A store for guests, in memory, that counts its operations: the part of `wasi:keyvalue` that shared state asks for.

use std::collections::BTreeMap;

use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};

use super::State;

/// One bucket, whichever is opened.
#[derive(Default)]
pub struct Keyvalue {
    values: BTreeMap<String, Vec<u8>>,
    counts: BTreeMap<String, u64>,
    /// Operations so far. To open a bucket is none: stores answer it without asking a server.
    pub asked: u64,
}

struct Bucket;

struct Cas;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
#[allow(dead_code, reason = "this store does not fail")]
enum Error {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

type Key = (Resource<Bucket>, String);

impl Keyvalue {
    fn ask(&mut self) -> &mut Self {
        self.asked += 1;
        self
    }
}

pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    add_store(linker, "wasi:keyvalue/store@0.2.0-draft")?;
    let mut atomics = linker.instance("wasi:keyvalue/atomics@0.2.0-draft")?;
    atomics.func_wrap("increment", |mut context, (_, key, by): (Resource<Bucket>, String, u64)| {
        let sum = context.data_mut().keyvalue.ask().counts.entry(key).or_default();
        *sum += by;
        Ok((Ok::<_, Error>(*sum),))
    })?;
    add_store(linker, "wasi:keyvalue/store@0.2.0-draft2")?;
    let mut atomics = linker.instance("wasi:keyvalue/atomics@0.2.0-draft2")?;
    atomics.resource("cas", ResourceType::host::<Cas>(), |_, _| Ok(()))?;
    for unused in ["[static]cas.new", "[method]cas.current", "swap"] {
        atomics.func_new(unused, |_, _, _, _| Err(wasmtime::Error::msg("a call that succeeds changes no state")))?;
    }
    Ok(())
}

fn add_store(linker: &mut Linker<State>, interface: &str) -> wasmtime::Result<()> {
    let mut store = linker.instance(interface)?;
    store.resource("bucket", ResourceType::host::<Bucket>(), |_, _| Ok(()))?;
    store.func_wrap("open", |_, (_,): (String,)| Ok((Ok::<_, Error>(Resource::<Bucket>::new_own(0)),)))?;
    store.func_wrap("[method]bucket.get", |mut context, (_, key): Key| {
        let store = context.data_mut().keyvalue.ask();
        Ok((Ok::<_, Error>(store.values.get(&key).cloned()),))
    })?;
    store.func_wrap("[method]bucket.set", |mut context, (_, key, value): (Resource<Bucket>, String, Vec<u8>)| {
        context.data_mut().keyvalue.ask().values.insert(key, value);
        Ok((Ok::<(), Error>(()),))
    })?;
    store.func_wrap("[method]bucket.delete", |mut context, (_, key): Key| {
        let store = context.data_mut().keyvalue.ask();
        store.values.remove(&key);
        store.counts.remove(&key);
        Ok((Ok::<(), Error>(()),))
    })?;
    Ok(())
}
