//! Tries a target with the inputs of its corpus, and with more that are made of them, for a while.
//!
//! There is no instrumentation, so that it runs on stable Rust as a test does. What leads further is told by what the
//! targets say: an input whose outcome was not seen before is changed again.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How many inputs each target is tried with, unless `FUZZ_SECONDS` is set.
const COUNT: u64 = 100_000;

/// The seed then, unless `FUZZ_SEED` is set: a run is the same on each machine, so that only a change can fail it.
const SEED: u64 = 1;

/// The longest input that is made; some targets take long for more.
const MAX_BYTES: usize = 64 << 10;

/// The most inputs that are changed again.
const MAX_INPUTS: usize = 4 << 10;

/// The most outcomes that are told apart: some 100 MB of them.
const MAX_OUTCOMES: usize = 1 << 20;

/// Tries `check` with all files in `fuzz/corpus/<target>`, and with inputs that are made of them: always the same ones,
/// or for `FUZZ_SECONDS` others each time. It returns what came of an input, and panics where something is wrong. Such an
/// input is written to `target/fuzz`.
///
/// # Panics
/// When `check` does, and when there is no corpus.
pub fn run(target: &str, check: fn(&[u8]) -> String) {
    let mut inputs = corpus(target);
    let tried = Tried { target: target.into(), check };
    let mut outcomes: HashSet<String> = inputs.iter().map(|input| plain(&tried.with(input))).collect();
    let until = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = number("FUZZ_SEED").unwrap_or_else(|| if until.is_some() { now() } else { SEED });
    let mut random = Random(seed);
    let mut tries = 0;
    while until.map_or(tries < COUNT, |until| Instant::now() < until) {
        let input = random.change(&inputs);
        tries += 1;
        let outcome = plain(&tried.with(&input));
        if outcomes.len() < MAX_OUTCOMES && outcomes.insert(outcome) {
            if inputs.len() < MAX_INPUTS {
                inputs.push(input);
            } else {
                let place = random.below(inputs.len());
                inputs[place] = input;
            }
        }
    }
    println!("{target}: {tries} inputs, {} outcomes, FUZZ_SEED={seed}", outcomes.len());
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(SEED, |since| since.as_nanos() as u64)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|file| fs::read(file).expect("a file")).collect()
}

/// The words of an outcome without what is quoted in it, and without numbers.
fn plain(outcome: &str) -> String {
    let unquoted = outcome.split(['`', '"']).step_by(2);
    unquoted.flat_map(str::chars).filter(|c| c.is_ascii_alphabetic() || *c == ' ').take(80).collect()
}

struct Tried {
    target: String,
    check: fn(&[u8]) -> String,
}

impl Tried {
    fn with(&self, input: &[u8]) -> String {
        let started = Instant::now();
        // In long runs an input that ends the process is found there.
        if std::env::var_os("FUZZ_SECONDS").is_some() {
            self.write("last", input);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.check)(input)));
        let took = started.elapsed();
        if took > Duration::from_secs(5) {
            println!("{}: an input took {took:?}: {}", self.target, self.write(&name(input), input).display());
        }
        outcome.unwrap_or_else(|_| panic!("it is in {}", self.write(&name(input), input).display()))
    }

    fn write(&self, name: &str, input: &[u8]) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz").join(&self.target);
        fs::create_dir_all(&folder).expect("a folder for it");
        let file = folder.join(name);
        fs::write(&file, input).expect("it can be written");
        file
    }
}

/// A name for an input: its hash, FNV-1a.
fn name(input: &[u8]) -> String {
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A part of `bytes`, seldom a long one.
    fn part<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let from = self.below(bytes.len() + 1);
        let most = 1 << self.below(12);
        let length = self.below((bytes.len() - from).min(most) + 1);
        &bytes[from..from + length]
    }

    /// One of the inputs with some changes.
    fn change(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            let other = &inputs[self.below(inputs.len())];
            match self.below(7) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 if at < input.len() => input[at] = self.next() as u8,
                2 => {
                    const NUMBERS: [&[u8]; 8] = [
                        &[0],
                        &[0x7f],
                        &[0x80, 0x01],
                        &[0xff; 4],
                        &[0xff, 0xff, 0xff, 0xff, 0x0f],
                        b"99999999999999999999",
                        b"-1",
                        b"\xe2\x80\xae",
                    ];
                    let number = NUMBERS[self.below(NUMBERS.len())];
                    input.splice(at..at, number.iter().copied());
                }
                3 => {
                    let part = self.part(other).to_vec();
                    input.splice(at..at, part);
                }
                4 => {
                    let length = self.part(&input[at..]).len();
                    input.drain(at..at + length);
                }
                5 => {
                    let part = self.part(&input).repeat(1 + self.below(20));
                    input.splice(at..at, part);
                }
                _ => {
                    input.truncate(at);
                    input.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
            }
            input.truncate(MAX_BYTES);
        }
        input
    }
}
