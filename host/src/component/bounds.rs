//! What a component may be, so that its types can be read, and reading and compiling it ends soon: checked in one pass over
//! its bytes, before anything allocates by a length that they claim.

use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, FunctionBody, Instance, Operator, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

/// Of a file, in bytes. Components with an interpreter of Python in them have 20 to 40 MB.
pub(super) const MAX_BYTES: u64 = 128 << 20;

/// Of all core modules together. Interpreters of Python and of JavaScript have 13,000, and a hundred thousand compile
/// within a minute.
const MAX_FUNCTIONS: u64 = 100_000;

/// Of the body of one function, in bytes. The longest of those interpreters has 430 KB.
const MAX_BODY: u64 = 1 << 20;

/// What one function costs the compiler, as [`work`] counts it. The most of those interpreters is 3 G; 17 G took 5 s, and
/// 68 G a minute.
const MAX_WORK: u64 = 16_000_000_000;

/// What all functions cost together. Those interpreters have 20 G and 39 G.
const MAX_TOTAL_WORK: u64 = 200_000_000_000;

/// Core modules and components within a component, at any depth. An adapter, an interpreter and its extensions are some
/// dozen.
const MAX_NESTED: u64 = 1_000;

/// Of components within components.
const MAX_DEPTH: u64 = 32;

/// Instances that a component is made of, those of the components within it included: one that instantiates another twice
/// has twice as many with each level.
const MAX_INSTANCES: u64 = 1_000;

/// Why a component is not read.
pub(super) enum Refused {
    /// It is damaged, or not a component.
    Invalid(BinaryReaderError),
    /// What it has too much of or what is not read, as a sentence that begins with a verb.
    Unsuitable(String),
}

impl From<BinaryReaderError> for Refused {
    fn from(error: BinaryReaderError) -> Self {
        Refused::Invalid(error)
    }
}

/// Checks a component as far as its structure goes. The code of its functions is checked when it is compiled.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refused> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut functions, mut nested, mut total_work) = (0, 0, 0);
    // The component, and those around what is read at the moment; for a core module, nothing is counted.
    let mut around = vec![Expansion::default()];
    let mut exported = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::FunctionSection(section) => {
                functions += u64::from(section.count());
                most(functions, MAX_FUNCTIONS, "functions")?;
            }
            Payload::CodeSectionEntry(body) => {
                most(body.range().len() as u64, MAX_BODY, "bytes in a function")?;
                let work = work(body)?;
                total_work += work;
                most(work, MAX_WORK, "units of work for the compiler in a function")?;
                most(total_work, MAX_TOTAL_WORK, "units of work for the compiler")?;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                nested += 1;
                most(nested, MAX_NESTED, "modules and components in it")?;
                most(around.len() as u64, MAX_DEPTH, "components within each other")?;
                around.push(Expansion::default());
            }
            Payload::End(_) => {
                let ended = around.pop().unwrap_or_default();
                if let Some(outer) = around.last_mut() {
                    outer.within(ended);
                }
            }
            payload => expand(payload, &mut around)?,
        }
        if let (Payload::ComponentExportSection(section), [_]) = (&payload, &around[..]) {
            for export in section.clone() {
                exported.push(export?.name.name);
            }
        }
        // Last, since it has bounds of its own and says less of them.
        if let (ValidPayload::End(types), []) = (validator.payload(&payload)?, &around[..]) {
            not_passed_on(&exported, types.as_ref())?;
        }
    }
    Ok(())
}

/// Refuses an interface with types that is imported and exported as it came: `wit-parser` panics on its types.
fn not_passed_on(exported: &[&str], types: TypesRef<'_>) -> Result<(), Refused> {
    let instance = |item: &ComponentItem| match item.ty {
        ComponentEntityType::Instance(id) => Some(id),
        _ => None,
    };
    let is_type = |item: &ComponentItem| matches!(item.ty, ComponentEntityType::Type { .. });
    for name in exported {
        let export = types.component_item_for_export(name).and_then(instance);
        let import = types.component_item_for_import(name).and_then(instance);
        if export == import && export.is_some_and(|id| types[id].exports.values().any(is_type)) {
            return Err(Refused::Unsuitable(format!(
                "exports `{name}` as it imports it, which this host does not load; link its callers to what it imports"
            )));
        }
    }
    Ok(())
}

fn most(number: u64, most: u64, of: &str) -> Result<(), Refused> {
    if number <= most {
        return Ok(());
    }
    Err(Refused::Unsuitable(format!(
        "has {number} {of}, and {most} are the most that this host loads; make it smaller"
    )))
}

/// What the compiler has to do for a function: it follows each local through the code, and each block. In these units, a
/// function of many locals and one of many blocks that took equally long have equally many.
fn work(body: &FunctionBody<'_>) -> Result<u64, Refused> {
    /// What a function takes however short it is, in bytes.
    const SHORTEST: u64 = 64;
    /// As many blocks cost what one local costs.
    const LOCAL: u64 = 256;
    let (mut locals, mut blocks) = (0_u64, 0_u64);
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    for operator in body.get_operators_reader()? {
        blocks += match operator? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => 1,
            Operator::BrIf { .. } | Operator::BrTable { .. } => 1,
            _ => 0,
        };
    }
    Ok((body.range().len() as u64 + SHORTEST).saturating_mul(LOCAL.saturating_mul(locals).saturating_add(blocks)))
}

/// What a component expands to when it is instantiated.
#[derive(Default)]
struct Expansion {
    instances: u64,
    /// Of each component that it can instantiate, by its index.
    components: Vec<u64>,
    /// Whether it is a core module, which is no component to instantiate.
    is_module: bool,
}

impl Expansion {
    /// What is within this ended.
    fn within(&mut self, ended: Expansion) {
        if !ended.is_module {
            self.components.push(ended.instances.saturating_add(1));
        }
    }

    /// Nothing for an invalid index, which the validator refuses.
    fn of(&self, index: u32) -> u64 {
        self.components.get(index as usize).copied().unwrap_or_default()
    }
}

/// Counts what a part of a component adds to its instances, and to what it can instantiate.
fn expand(payload: &Payload<'_>, around: &mut [Expansion]) -> Result<(), Refused> {
    let Some((this, outer)) = around.split_last_mut() else { return Ok(()) };
    match payload {
        Payload::Version { encoding, .. } => this.is_module = *encoding == wasmparser::Encoding::Module,
        Payload::InstanceSection(section) => {
            for instance in section.clone() {
                this.instances += u64::from(matches!(instance?, Instance::Instantiate { .. }));
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone() {
                if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                    this.instances = this.instances.saturating_add(this.of(component_index));
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                if matches!(import?.ty, ComponentTypeRef::Component(_)) {
                    return Err(passed());
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone() {
                match alias? {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        return Err(passed());
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                        // Counted from this one outwards.
                        let from = outer.len().checked_sub(count as usize).and_then(|place| outer.get(place));
                        let instances = from.unwrap_or(this).of(index);
                        this.components.push(instances);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                let export = export?;
                if export.kind == ComponentExternalKind::Component {
                    this.components.push(this.of(export.index));
                }
            }
        }
        _ => {}
    }
    most(this.instances, MAX_INSTANCES, "instances in it")
}

/// What a component expands to that is passed as a value is not seen beforehand. Tools that compose do not pass any.
fn passed() -> Refused {
    Refused::Unsuitable(
        "passes components to components, which this host does not load; instantiate them where they stand".into(),
    )
}
