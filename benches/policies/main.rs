//! What a policy costs a component, beside what its peers cost, all measured in one run.
//!
//! `cargo bench` builds one guest for each row, in which a loop asks an import that answers at once, and prints
//! per call: fuel (executed Wasm operations, the same on every machine), nanoseconds (of this machine), heap
//! allocations, looks at the clock, and operations of a store, each of which is a round trip where the store is
//! elsewhere; and the bytes that the row adds to a component, of two kinds. A second table
//! shows that what a policy remembers does not make it slower: fuel per call after few calls and after many.
//!
//! `cargo bench --bench policies -- breaker async-retry` measures only the rows with one of the words in their name or
//! feature, and those that they are compared with.

mod keyvalue;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyvalue::Keyvalue;
use steadfast_demo::guests::Guests;
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};

/// The row's name, the feature of `bench-guest`, and what it must not exceed over the bare import.
struct Row {
    name: &'static str,
    feature: &'static str,
    fuel: Option<f64>,
    bytes: Option<i64>,
}

const fn row(name: &'static str, feature: &'static str) -> Row {
    Row { name, feature, fuel: None, bytes: None }
}

const ROWS: &[Row] = &[
    row("bare import", ""),
    row("fallback, a value", "fallback"),
    row("fallback, a function of the error", "fallback-function"),
    row("fallback, another call", "fallback-call"),
    row("fallback, the last good value", "stale"),
    row("deadline", "deadline"),
    Row { bytes: Some(2_500), ..row("retry", "retry") },
    row("  backon 1", "backon"),
    row("retry with a budget", "budget"),
    row("retry with a budget, shared", "budget-shared"),
    row("breaker, consecutive failures", "breaker"),
    Row { fuel: Some(60.0), bytes: Some(4_000), ..row("breaker, failure rate of 100 calls", "breaker-count") },
    row("breaker, failures and slow calls of 100", "breaker-count-slow"),
    row("breaker, failure rate of 10 s", "breaker-time"),
    row("breaker, failures and slow calls of 10 s", "breaker-time-slow"),
    row("breaker, consecutive failures, shared", "breaker-shared"),
    row("breaker, shared in the second draft", "breaker-shared-draft2"),
    row("  recloser 1", "recloser"),
    row("  failsafe 1", "failsafe"),
    row("bulkhead", "bulkhead"),
    row("rate limit, token bucket", "rate-limit"),
    row("rate limit, sliding window", "rate-limit-window"),
    row("rate limit, shared", "rate-limit-shared"),
    row("attempt timeout", "attempt-timeout"),
    row("adaptive throttle", "throttle"),
    row("adaptive concurrency, AIMD", "concurrency"),
    row("adaptive concurrency, gradient", "concurrency-gradient"),
    Row { fuel: Some(120.0), bytes: Some(8_000), ..row("retry + breaker + budget", "retry-breaker-budget") },
    row("deadline + retry + breaker + budget", "deadline-retry-breaker-budget"),
    row("canonical: all of them, in order", "canonical"),
    row("bare import, in wstd", "async-bare"),
    row("hedge after 100 ms, awaited in wstd", "async-hedge"),
    row("hedge after a quantile, awaited in wstd", "async-hedge-quantile"),
    row("retry, awaited in wstd", "async-retry"),
    Row { fuel: Some(1_000.0), bytes: Some(24_000), ..row("canonical, awaited in wstd", "async-canonical") },
    row("  backon 1 with a wstd sleeper", "async-backon"),
    row("  tower-resilience 0.14 retry", "async-tower-retry"),
    row("  tower-resilience 0.14 breaker, 100 calls", "async-tower-breaker"),
];

struct Cost {
    fuel: f64,
    nanos: f64,
    allocations: f64,
    clock_reads: f64,
    store: f64,
    /// Of a component that does nothing else.
    smallest: i64,
    /// Of one that also reads the time and may panic.
    ordinary: i64,
}

/// The rows that the words of the command line select, and those that these are compared with. Without words, all.
fn selected() -> Vec<&'static Row> {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let names = |row: &Row| words.iter().any(|word| row.name.contains(word) || row.feature.contains(word));
    let chosen = |row: &Row| words.is_empty() || names(row);
    let any_async = ROWS.iter().any(|row| chosen(row) && row.feature.starts_with("async"));
    let compared = |row: &Row| match row.feature {
        "" => true,
        "async-bare" | "async-backon" => any_async,
        "breaker" => ROWS.iter().any(|row| chosen(row) && row.feature.starts_with("breaker-shared")),
        "budget" => ROWS.iter().any(|row| chosen(row) && row.feature == "budget-shared"),
        "rate-limit" => ROWS.iter().any(|row| chosen(row) && row.feature == "rate-limit-shared"),
        "backon" => ROWS.iter().any(|row| chosen(row) && row.feature == "retry"),
        _ => false,
    };
    ROWS.iter().filter(|row| chosen(row) || compared(row)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = selected();
    let mut costs = Vec::new();
    for row in &rows {
        let features: &[&str] = if row.feature.is_empty() { &[] } else { &[row.feature] };
        let built = |more: &[&str]| Guests::variant("bench-guest", "guest-fast", &[features, more].concat());
        costs.push(measure(&built(&[])?, &built(&["count-allocations"])?, &built(&["ordinary"])?)?);
    }
    // Built and measured before anything is printed, so that nothing is printed in between.
    let mut flat = Vec::new();
    for row in rows.iter().filter(|row| REMEMBERING.contains(&row.feature)) {
        let file = Guests::variant("bench-guest", "guest-fast", &[row.feature])?;
        flat.push((row.name, after_recording(&file)?.map(|fuel| format!("{fuel:.0}"))));
    }
    let cost_of = |feature: &str| {
        let index = rows.iter().position(|row| row.feature == feature);
        index.map(|index| &costs[index]).ok_or_else(|| format!("the row `{feature}` was not measured"))
    };
    let bare = cost_of("")?;
    println!(
        "| per call, on success | fuel | over bare | ns | allocations | clock reads | store | bytes | bytes, ordinary | \
         bar |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    for (row, cost) in rows.iter().zip(&costs) {
        let of_kind = if row.feature.starts_with("async") { cost_of("async-bare")? } else { bare };
        let fuel = cost.fuel - of_kind.fuel;
        let (smallest, ordinary) = (cost.smallest - of_kind.smallest, cost.ordinary - of_kind.ordinary);
        // A retry alone is held against the peer that also retries alone.
        let peer = match row.feature {
            "retry" => Some("backon"),
            "async-retry" => Some("async-backon"),
            _ => None,
        };
        let fuel_bar = match peer {
            Some(peer) => Some(cost_of(peer)?.fuel - of_kind.fuel),
            None => row.fuel,
        };
        let bytes_bar = match row.feature {
            "async-retry" => Some((cost_of("async-backon")?.ordinary - of_kind.ordinary) * 12 / 10),
            _ => row.bytes,
        };
        let mut bars = Vec::new();
        if let Some(bar) = fuel_bar {
            bars.push(verdict("fuel", fuel, bar));
        }
        if let Some(bar) = bytes_bar {
            bars.push(verdict("bytes", ordinary as f64, bar as f64));
        }
        println!(
            "| {} | {:.1} | {fuel:+.1} | {:.0} | {:.0} | {:.0} | {:.0} | {smallest:+} | {ordinary:+} | {} |",
            row.name,
            cost.fuel,
            cost.nanos,
            cost.allocations,
            cost.clock_reads,
            cost.store,
            bars.join(", ")
        );
    }
    println!("\nover bare: what the row adds to the bare import of its kind, blocking or in wstd.");
    println!(
        "bytes: in a component that does nothing else, where what is first to use WASI pays for it (bare: {}).",
        bare.smallest
    );
    println!(
        "bytes, ordinary: in one that also reads the time and may panic, with the standard library, as most do (bare: {}).\n\
         The bars on bytes are of this kind: its bare is the nearest to that of the figures they come from (64426).\n",
        bare.ordinary
    );

    println!("| fuel of a call after | {} calls |", RECORDED.map(|calls| calls.to_string()).join(" calls | "));
    println!("| --- {}|", "| ---: ".repeat(RECORDED.len()));
    for (name, fuel) in flat {
        println!("| {name} | {} |", fuel.join(" | "));
    }
    Ok(())
}

/// The features of those rows that keep a record of calls.
const REMEMBERING: [&str; 17] = [
    "stale",
    "breaker",
    "breaker-shared",
    "breaker-shared-draft2",
    "breaker-count",
    "breaker-count-slow",
    "breaker-time",
    "breaker-time-slow",
    "budget",
    "budget-shared",
    "rate-limit",
    "rate-limit-window",
    "rate-limit-shared",
    "throttle",
    "concurrency",
    "concurrency-gradient",
    "async-hedge-quantile",
];

/// How many calls were recorded before a call is looked at.
const RECORDED: [u32; 3] = [10, 1_000, 100_000];

/// Fuel per call, each after so many calls.
fn after_recording(file: &Path) -> wasmtime::Result<[f64; RECORDED.len()]> {
    /// So few that they do not matter among those recorded, and more than one, since entering the guest costs too.
    const LOOKED_AT: u32 = 10;

    let mut guest = Guest::new(file, true)?;
    let mut made = 0;
    let mut fuel = [0.0; RECORDED.len()];
    for (recorded, fuel) in RECORDED.into_iter().zip(&mut fuel) {
        guest.run(recorded - made)?;
        let before = guest.store.get_fuel()?;
        guest.run(LOOKED_AT)?;
        *fuel = (before - guest.store.get_fuel()?) as f64 / f64::from(LOOKED_AT);
        made = recorded + LOOKED_AT;
    }
    Ok(fuel)
}

fn verdict(what: &str, value: f64, bar: f64) -> String {
    if value <= bar {
        format!("{what} <= {bar:.0}: held")
    } else {
        format!("{what} <= {bar:.0}: over by {:.0}", value - bar)
    }
}

/// Calls in one measurement: so many that what happens once does not show.
const CALLS: u32 = 10_000;

fn measure(plain: &Path, counting: &Path, ordinary: &Path) -> wasmtime::Result<Cost> {
    let mut fueled = Guest::new(plain, true)?;
    fueled.run(CALLS)?;
    let (fuel, reads, asked) = (fueled.store.get_fuel()?, fueled.reads(), fueled.asked());
    fueled.run(CALLS)?;
    let per_call = |difference: u64| difference as f64 / f64::from(CALLS);
    let (fuel, clock_reads) = (per_call(fuel - fueled.store.get_fuel()?), per_call(fueled.reads() - reads));
    let store = per_call(fueled.asked() - asked);

    let mut counted = Guest::new(counting, true)?;
    counted.run(CALLS)?;
    let before = counted.allocations()?;
    counted.run(CALLS)?;
    let allocations = per_call(counted.allocations()? - before);

    let mut timed = Guest::new(plain, false)?;
    timed.run(CALLS)?;
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        timed.run(CALLS)?;
        fastest = fastest.min(start.elapsed());
    }
    let nanos = fastest.as_nanos() as f64 / f64::from(CALLS);
    let bytes = |file: &Path| -> wasmtime::Result<i64> { Ok(i64::try_from(std::fs::metadata(file)?.len())?) };
    Ok(Cost { fuel, nanos, allocations, clock_reads, store, smallest: bytes(plain)?, ordinary: bytes(ordinary)? })
}

/// An instance of a bench guest.
struct Guest {
    store: Store<State>,
    instance: wasmtime::component::Instance,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    reads: Arc<AtomicU64>,
    keyvalue: Keyvalue,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Counts how often it is read.
struct CountingClock {
    start: Instant,
    reads: Arc<AtomicU64>,
}

impl HostMonotonicClock for CountingClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.start.elapsed().as_nanos() as u64
    }
}

impl Guest {
    fn new(file: &Path, fuel: bool) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.consume_fuel(fuel);
        let engine = Engine::new(&config)?;
        let component = Component::from_file(&engine, file)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let mut api = linker.instance("bench:peer/api@0.1.0")?;
        api.func_wrap("answer", |_, (question,): (u32,)| Ok((Ok::<u32, u32>(question),)))?;
        keyvalue::add_to_linker(&mut linker)?;
        let reads = Arc::new(AtomicU64::new(0));
        let mut wasi = WasiCtx::builder();
        wasi.monotonic_clock(CountingClock { start: Instant::now(), reads: reads.clone() });
        let mut store = Store::new(
            &engine,
            State { wasi: wasi.build(), table: ResourceTable::new(), reads, keyvalue: Keyvalue::default() },
        );
        if fuel {
            store.set_fuel(u64::MAX)?;
        }
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Guest { store, instance })
    }

    fn run(&mut self, calls: u32) -> wasmtime::Result<()> {
        let run = self.instance.get_typed_func::<(u32,), (u32,)>(&mut self.store, "run")?;
        let (sum,) = run.call(&mut self.store, (calls,))?;
        let expected = (0..calls).fold(0, u32::wrapping_add);
        assert_eq!(sum, expected, "the guest lost calls");
        Ok(())
    }

    fn allocations(&mut self) -> wasmtime::Result<u64> {
        let function = self.instance.get_func(&mut self.store, "allocations");
        let function = function.ok_or_else(|| wasmtime::Error::msg("the guest does not count"))?;
        let mut results = [Val::Bool(false)];
        function.call(&mut self.store, &[], &mut results)?;
        match results {
            [Val::U64(count)] => Ok(count),
            other => Err(wasmtime::Error::msg(format!("allocations: {other:?}"))),
        }
    }

    fn asked(&self) -> u64 {
        self.store.data().keyvalue.asked
    }

    fn reads(&self) -> u64 {
        self.store.data().reads.load(Ordering::Relaxed)
    }
}
