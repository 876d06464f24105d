//! A component with many memories.

use std::io::Write;

use tempfile::NamedTempFile;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser_258::Resolve;

use crate::process::Process;
use crate::stage::component;
use crate::{get_and_close, reply};

/// Beside the memory of guests, for a host in a debug build and the machine code that it makes.
const HOST: u64 = 300 << 20;

#[tokio::test]
async fn the_bound_for_memory_is_that_of_all_memories_of_an_instance() {
    let mut greeter = NamedTempFile::new().unwrap();
    greeter.write_all(&greedy_greeter()).unwrap();
    let link = format!("[links]\n'acme:greeter/api' = {{ component = '{}' }}", greeter.path().display());
    let mut process = Process::serve(&[], component("http-hello"), &format!("memory-mib = 64\n{link}"));
    let address = process.address();
    let before = process.peak_memory();
    let reply = reply(address, &get_and_close("/strict/Ada")).await;
    // Two of 31 MiB each, beside the 20 pages that there are at the begin.
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("\r\n2\r\nxx\r\n"), "{reply}");
    assert!(process.peak_memory() < before.max(HOST) + (64 << 20), "{} MiB", process.peak_memory() >> 20);
}

/// A greeter with 20 memories. It makes each of them 500 pages larger and fills it, and greets with an `x` for each that
/// became larger.
fn greedy_greeter() -> Vec<u8> {
    const MEMORIES: u32 = 20;
    const PAGES: i32 = 500;
    /// Where the result is, and where its text.
    const RESULT: i32 = 64;
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    for _ in 0..MEMORIES {
        memories.memory(memory);
    }
    let mut exports = ExportSection::new();
    exports.export("acme:greeter/api@0.1.0#greet", ExportKind::Func, 0);
    exports.export("cabi_realloc", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    // Counts those that became larger.
    let mut greet = Function::new([(1, ValType::I32)]);
    for memory in 1..MEMORIES {
        greet.instructions().i32_const(PAGES).memory_grow(memory).i32_const(-1).i32_ne().if_(BlockType::Empty);
        greet.instructions().i32_const(0).i32_const(7).i32_const(PAGES << 16).memory_fill(memory);
        greet.instructions().local_get(2).i32_const(1).i32_add().local_set(2).end();
    }
    let place = wasm_encoder::MemArg { offset: 0, align: 2, memory_index: 0 };
    greet.instructions().i32_const(RESULT).i32_const(0).i32_store(place);
    greet.instructions().i32_const(RESULT + 4).local_get(2).i32_store(place);
    greet.instructions().i32_const(RESULT).end();
    let mut realloc = Function::new([]);
    realloc.instructions().i32_const(1024).end();
    let mut code = CodeSection::new();
    code.function(&greet).function(&realloc);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), [b'x'; MEMORIES as usize]);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code).section(&data);

    let mut module = module.finish();
    let mut resolve = Resolve::default();
    let wit = "package acme:greeter@0.1.0; interface api { greet: func(name: string) -> string; } \
               world greeter { export api; }";
    let package = resolve.push_str("greeter.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).and_then(|encoder| encoder.encode()).unwrap()
}
