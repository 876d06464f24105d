//! What a component may be, so that reading and compiling it ends soon: checked in one pass over its bytes, before anything
//! allocates by a length that they claim.

use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};

/// Of a file, in bytes. Components with an interpreter of Python in them have 20 to 40 MB.
pub(super) const MAX_BYTES: u64 = 128 << 20;

/// Of all core modules together. An interpreter has 10,000 to 30,000, and a hundred thousand compile within a minute.
const MAX_FUNCTIONS: u64 = 100_000;

/// Of the body of one function, in bytes: the compiler takes more than twice as long for twice as much. The loop of an
/// interpreter has some hundred KB.
const MAX_BODY: usize = 2 << 20;

/// Core modules and components within a component, at any depth. An adapter, an interpreter and its extensions are some
/// dozen.
const MAX_NESTED: u64 = 1_000;

/// Of components within components.
const MAX_DEPTH: usize = 32;

/// Why a component is not read.
pub(super) enum Refused {
    /// It is none, or is damaged.
    Invalid(wasmparser::BinaryReaderError),
    /// What it has too much of, as a sentence that begins with a verb.
    TooLarge(String),
}

/// Checks a component as far as its structure goes. The code of its functions is checked when it is compiled.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refused> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut functions, mut nested, mut depth) = (0_u64, 0_u64, 0_usize);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(Refused::Invalid)?;
        match &payload {
            Payload::FunctionSection(section) => {
                functions += u64::from(section.count());
                most(functions, MAX_FUNCTIONS, "functions")?;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                nested += 1;
                depth += 1;
                most(nested, MAX_NESTED, "modules and components in it")?;
                most(depth as u64, MAX_DEPTH as u64, "components within each other")?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                most(body.range().len() as u64, MAX_BODY as u64, "bytes in a function")?;
            }
            _ => {}
        }
        match validator.payload(&payload).map_err(Refused::Invalid)? {
            // It goes on with what is within.
            ValidPayload::Parser(_) | ValidPayload::Ok | ValidPayload::Func(..) | ValidPayload::End(_) => {}
        }
    }
    Ok(())
}

fn most(number: u64, most: u64, of: &str) -> Result<(), Refused> {
    if number <= most {
        return Ok(());
    }
    Err(Refused::TooLarge(format!("has {number} {of}, and {most} are the most that this host loads; make it smaller")))
}
