//! Makes components of WIT text, whose functions trap when they are called.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser_258::abi::{AbiVariant, WasmType};
use wit_parser_258::{Function as WitFunction, Resolve, WorldId, WorldItem, WorldKey};

const RPC: &str = include_str!("../../../wit/rpc.wit");

/// As much of `wasi:http` as it takes to be a handler.
const HTTP: &str = "
    package wasi:http@0.2.0 {
        interface types { resource incoming-request; resource response-outparam; }
        interface incoming-handler {
            use types.{incoming-request, response-outparam};
            handle: func(request: incoming-request, response-out: response-outparam);
        }
    }
";

/// The component that implements `world component { <world> }`, where `packages` has the WIT of what it names
/// beside `wasi:http@0.2.0` and `steadfast:rpc@0.1.0`.
pub fn component(packages: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_str("rpc.wit", RPC).expect("the WIT of this repository");
    let text = format!("package test:component; {HTTP} {packages} world component {{ {world} }}");
    let package = resolve.push_str("test.wit", &text).unwrap_or_else(|error| panic!("{error:#}"));
    let world = resolve.select_world(&[package], Some("component")).expect("the world above");
    let mut module = module(&resolve, world);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("the world resolved");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:#}"))
}

/// A WIT package in binary, as registries have it: what `wasm32-wasip2` is often mistaken for.
pub fn wit_package() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("rpc.wit", RPC).expect("the WIT of this repository");
    wit_component::encode(&resolve, package).expect("the package resolved")
}

/// The core module of a world. It imports every function, since what a module does not import, its component
/// does not import either.
fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let world = &resolve.worlds[world];
    let mut types = TypeSection::new();
    let mut type_of = |variant, function: &WitFunction| {
        let signature = resolve.wasm_signature(variant, function);
        types.ty().function(signature.params.iter().map(flat), signature.results.iter().map(flat));
        types.len() - 1
    };

    let mut imports = ImportSection::new();
    for (key, item) in &world.imports {
        for (interface, function) in functions(resolve, key, item) {
            let ty = type_of(AbiVariant::GuestImport, function);
            imports.import(interface.as_deref().unwrap_or("$root"), &function.name, EntityType::Function(ty));
        }
    }
    let mut defined = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let mut define = |name: &str, ty| {
        exports.export(name, ExportKind::Func, imports.len() + defined.len());
        defined.function(ty);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    };
    for (key, item) in &world.exports {
        for (interface, function) in functions(resolve, key, item) {
            let ty = type_of(AbiVariant::GuestExport, function);
            match interface {
                Some(interface) => define(&format!("{interface}#{}", function.name), ty),
                None => define(&function.name, ty),
            }
        }
    }
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    define("cabi_realloc", types.len() - 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None });

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&defined).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// The functions of a world's item, each with the name of its interface if it has one.
fn functions<'r>(resolve: &'r Resolve, key: &WorldKey, item: &'r WorldItem) -> Vec<(Option<String>, &'r WitFunction)> {
    match item {
        WorldItem::Interface { id, .. } => {
            let functions = resolve.interfaces[*id].functions.values();
            functions.map(|function| (Some(resolve.name_world_key(key)), function)).collect()
        }
        WorldItem::Function(function) => vec![(None, function)],
        WorldItem::Type { .. } => Vec::new(),
    }
}

fn flat(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
