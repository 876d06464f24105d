//! How much memory a host takes: at rest, with many requests at a time, and for each instance that it keeps.

use crate::{Outcome, Row, http};

/// Requests at a time, and in all.
const MANY: (usize, usize) = (1_000, 20_000);

/// Instances that a host keeps at most, which is as many as there are requests at a time.
const KEPT: usize = 64;

/// Before the memory of instances is looked at: more than the journal remembers.
const FILL: usize = 12_000;

/// Of the program that is asked, in bytes.
pub struct Figures {
    at_rest: u64,
    /// The most at a time.
    many: u64,
    /// For each instance that waits, where instances are kept.
    kept: Option<u64>,
}

/// What each instance takes that waits for work, where instances are kept. To be asked first, since then there is one.
pub async fn kept(row: &Row, status: u16, body: &'static str) -> Outcome<Option<u64>> {
    if !row.name.ends_with("reused") {
        return Ok(None);
    }
    let mut seen = Vec::new();
    for (at_a_time, count) in [(1, FILL), (KEPT, FILL)] {
        http::load(row.address(), row.path, at_a_time, count, status, body).await?;
        seen.push(row.programs[0].memory("VmRSS:").unwrap_or_default());
    }
    Ok(Some(seen[1].saturating_sub(seen[0]) / (KEPT as u64 - 1)))
}

/// Measures a row that answers without another process, since those take fewer calls at a time; none, where the system
/// does not say how much memory a process has.
pub async fn measure(row: &Row, kept: Option<u64>, status: u16, body: &'static str) -> Outcome<Option<Figures>> {
    let [program] = &row.programs[..] else { return Ok(None) };
    let Some(at_rest) = program.memory("VmRSS:") else { return Ok(None) };
    http::load(row.address(), row.path, MANY.0, MANY.1, status, body).await?;
    Ok(Some(Figures { at_rest, many: program.memory("VmHWM:").unwrap_or_default(), kept }))
}

pub fn print(all: &[(&str, crate::Figures)]) {
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    println!(
        "\n| resident memory, MiB | after the requests above | with {} at a time | for each kept instance |",
        MANY.0
    );
    println!("| --- | ---: | ---: | ---: |");
    for (name, figures) in all {
        if let Some(Figures { at_rest, many, kept }) = &figures.memory {
            println!(
                "| {name} | {} | {} | {} |",
                mebibytes(*at_rest),
                mebibytes(*many),
                kept.map_or("".into(), mebibytes)
            );
        }
    }
}
