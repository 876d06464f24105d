//! Files that claim more than they have, or have more than a host loads.

use std::fmt::Write;
use std::process::Command;

use steadfast_host::Manifest;
use wasm_encoder::{
    Alias, BlockType, CodeSection, Component, ComponentAliasSection, ComponentExportKind, ComponentInstanceSection,
    ComponentOuterAliasKind, Function, FunctionSection, ModuleSection, NestedComponentSection, TypeSection, ValType,
};

/// What the command may have of address space: far less than what these files claim.
const SPACE: &str = "--as=400000000";

/// What the command says of a component, in a line.
fn refusal(component: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.wasm"), component).unwrap();
    let mut command = Command::new("prlimit");
    command.args([SPACE, env!("CARGO_BIN_EXE_steadfast"), "inspect", "app.wasm"]).current_dir(&folder);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said.trim_end().strip_prefix("error: app.wasm ").unwrap_or_else(|| panic!("{said}")).into()
}

/// The begin of each binary component.
const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";

/// The largest number in LEB128.
const MANY: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

#[test]
fn a_length_that_a_section_claims_allocates_nothing() {
    for section in 0..=12 {
        let long = [HEAD, &[section], &MANY, b"x"].concat();
        let told = refusal(&long);
        assert!(told.starts_with("is not a WebAssembly component: "), "{section}: {told}");
    }
}

#[test]
fn a_count_that_a_section_claims_allocates_nothing() {
    // Those whose content is a list.
    for section in [2, 3, 5, 6, 7, 8, 10, 11] {
        let claimed = [&MANY[..], &[0; 3]].concat();
        let told = refusal(&[HEAD, &[section, claimed.len() as u8], &claimed].concat());
        assert!(told.starts_with("is not a WebAssembly component: "), "{section}: {told}");
    }
    // In a core module, likewise.
    for section in 1..=13 {
        let claimed = [&MANY[..], &[0; 3]].concat();
        let module = [b"\0asm\x01\0\0\0", &[section, claimed.len() as u8][..], &claimed].concat();
        let told = refusal(&[HEAD, &[1, module.len() as u8], &module].concat());
        let too_many = told.starts_with("has 4294967295 functions, and ");
        assert!(too_many || told.starts_with("is not a WebAssembly component: "), "{section}: {told}");
    }
}

#[test]
fn components_beyond_the_bounds_are_refused_before_they_are_compiled() {
    let empty = wasm_encoder::Module::new();
    let mut many = Component::new();
    for _ in 0..20_000 {
        many.section(&ModuleSection(&empty));
    }
    assert_eq!(
        refusal(&many.finish()),
        "has 1001 modules and components in it, and 1000 are the most that this host loads; make it smaller"
    );

    let mut deep = Component::new();
    for _ in 0..100 {
        let mut around = Component::new();
        around.section(&NestedComponentSection(&deep));
        deep = around;
    }
    assert_eq!(
        refusal(&deep.finish()),
        "has 33 components within each other, and 32 are the most that this host loads; make it smaller"
    );

    let mut large = Component::new();
    large.section(&ModuleSection(&module(300_000, 1)));
    assert_eq!(
        refusal(&large.finish()),
        "has 300000 functions, and 100000 are the most that this host loads; make it smaller"
    );

    let mut long = Component::new();
    long.section(&ModuleSection(&module(1, 3 << 20)));
    let told = refusal(&long.finish());
    assert!(
        told.ends_with("bytes in a function, and 1048576 are the most that this host loads; make it smaller"),
        "{told}"
    );
}

#[test]
fn components_that_multiply_are_refused_before_they_are_made() {
    // Each instantiates the one within it twice: 576 bytes that were 1.2 GB to a host.
    let mut bomb = Component::new();
    for _ in 0..20 {
        let mut around = Component::new();
        around.section(&NestedComponentSection(&bomb));
        let mut instances = ComponentInstanceSection::new();
        instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        around.section(&instances);
        bomb = around;
    }
    let told = refusal(&bomb.finish());
    assert!(told.ends_with(" instances in it, and 1000 are the most that this host loads; make it smaller"), "{told}");

    // The same through the aliases of one component after another.
    let mut bomb = Component::new();
    bomb.section(&NestedComponentSection(&Component::new()));
    for level in 0..20 {
        let mut twice = Component::new();
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::Outer { kind: ComponentOuterAliasKind::Component, count: 1, index: level });
        twice.section(&aliases);
        let mut instances = ComponentInstanceSection::new();
        instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        twice.section(&instances);
        bomb.section(&NestedComponentSection(&twice));
    }
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(20, [] as [(&str, ComponentExportKind, u32); 0]);
    bomb.section(&instances);
    let told = refusal(&bomb.finish());
    assert!(told.ends_with(" instances in it, and 1000 are the most that this host loads; make it smaller"), "{told}");
}

#[test]
fn functions_that_would_take_minutes_to_compile_are_refused() {
    let of = |locals: u32, blocks: u32, functions: u32| {
        let mut body = Function::new([(locals, ValType::I32)]);
        for _ in 0..blocks {
            body.instructions().block(BlockType::Empty).i32_const(0).br_if(0).end();
        }
        body.instructions().end();
        let mut component = Component::new();
        component.section(&ModuleSection(&module_of(functions, &body)));
        refusal(&component.finish())
    };
    // One of many blocks, one of many locals and some blocks, and many of many locals each.
    for (locals, blocks, functions) in [(0, 100_000, 1), (1_000, 12_000, 1), (50_000, 0, 2_000)] {
        let told = of(locals, blocks, functions);
        assert!(told.contains(" units of work for the compiler"), "{locals} {blocks} {functions}: {told}");
    }
}

#[test]
fn a_file_without_end_is_not_read_to_it() {
    // What is read grows by doubling.
    let mut command = Command::new("prlimit");
    let arguments = ["--as=1000000000", env!("CARGO_BIN_EXE_steadfast"), "inspect", "/dev/zero"];
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.trim_end(),
        "error: /dev/zero has more than 134217728 bytes, which are the most that this host loads"
    );
}

#[test]
fn a_manifest_of_many_lines_is_read() {
    // For minutes, if each line were found from the begin.
    let mut text = String::from("component = 'app.wasm'\n[config]\n");
    for line in 0..300_000 {
        writeln!(text, "key-{line} = 'value'").unwrap();
    }
    Manifest::parse(&text, "test.toml").unwrap();
    text += "key-0 = 'again'\n";
    let error = Manifest::parse(&text, "test.toml").unwrap_err();
    assert!(error.to_string().starts_with("test.toml:300003: duplicate key"), "{error}");
}

/// A core module with so many functions, of so many instructions each.
fn module(functions: u32, instructions: u32) -> wasm_encoder::Module {
    let mut body = Function::new([]);
    for _ in 0..instructions {
        body.instructions().nop();
    }
    body.instructions().end();
    module_of(functions, &body)
}

fn module_of(functions: u32, body: &Function) -> wasm_encoder::Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut section, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..functions {
        section.function(0);
        code.function(body);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&section).section(&code);
    module
}
