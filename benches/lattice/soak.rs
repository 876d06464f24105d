//! Many requests over each kind of link: none fails, no memory grows, and no descriptor stays open.

use std::time::Duration;

use crate::program::Program;
use crate::{CALL, Outcome, Places, Row, http, rows, until_ready};

/// Of each row, so many at a time.
const REQUESTS: usize = 200_000;
const AT_A_TIME: usize = 64;

/// Before memory is looked at: after so many, caches and pools are full.
const WARM_UP: usize = 50_000;

/// How often memory is looked at.
const LOOKS: usize = 15;

/// The most that memory may grow after the warm-up: a twentieth, beyond what the allocator moves about.
const GROWTH: f64 = 1.05;

/// For a host to see that its clients have left.
const SETTLE: Duration = Duration::from_secs(1);

/// Asks each row in turn.
///
/// # Errors
/// The first thing that does not hold.
pub async fn run(places: &Places<'_>, nats_server: Program) -> Outcome<()> {
    println!(
        "| {REQUESTS} requests, {AT_A_TIME} at a time | memory after {WARM_UP}, MiB | the most later | descriptors, before and after |"
    );
    println!("| --- | ---: | ---: | ---: |");
    for row in &rows(places, nats_server, None).await? {
        soak(row).await?;
    }
    Ok(())
}

async fn soak(row: &Row) -> Outcome<()> {
    const BODY: &str = "Hello, Ada!";
    assert_eq!(row.path, CALL);
    until_ready(row, 200, BODY).await?;
    let load = async |requests| http::load(row.address(), row.path, AT_A_TIME, requests, 200, BODY).await;
    let all = |of: fn(&Program) -> Option<u64>| row.programs.iter().map(of).collect::<Option<Vec<u64>>>();
    let memory = || all(|program| program.memory("VmRSS:")).ok_or("the system does not say how much memory there is");
    let files = || all(Program::descriptors).ok_or("the system does not say which files are open");
    tokio::time::sleep(SETTLE).await;
    let files_before = files()?;
    load(WARM_UP).await?;
    let warm = memory()?;
    let mut most = warm.clone();
    for _ in 0..LOOKS {
        load((REQUESTS - WARM_UP) / LOOKS).await?;
        most = most.iter().zip(memory()?).map(|(most, now)| now.max(*most)).collect();
    }
    tokio::time::sleep(SETTLE).await;
    let files_after = files()?;
    let mebibytes = |bytes: &[u64]| {
        bytes.iter().map(|bytes| format!("{:.1}", *bytes as f64 / f64::from(1 << 20))).collect::<Vec<_>>().join(", ")
    };
    println!("| {} | {} | {} | {files_before:?}, {files_after:?} |", row.name, mebibytes(&warm), mebibytes(&most));
    if warm.iter().zip(&most).any(|(warm, most)| *most as f64 > *warm as f64 * GROWTH) {
        return Err(format!("{}: memory grows", row.name).into());
    }
    if files_before != files_after {
        return Err(format!("{}: descriptors stay open", row.name).into());
    }
    Ok(())
}
