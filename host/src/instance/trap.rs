//! Why a component trapped, in words, and then where.

use std::fmt;

use wasmtime::WasmBacktrace;

use crate::excerpt::excerpt;

/// The reason as a sentence, and after it the functions that were at work, the innermost first. Wasmtime's own words
/// begin with the functions, and are spread over lines.
pub(super) struct Trap<'e>(pub &'e wasmtime::Error);

impl fmt::Display for Trap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backtrace = self.0.downcast_ref::<WasmBacktrace>();
        let frames = backtrace.map(ToString::to_string);
        let reasons = self.0.chain().map(ToString::to_string).filter(|reason| Some(reason) != frames.as_ref());
        f.write_str(&reasons.collect::<Vec<_>>().join(": "))?;
        for (index, frame) in backtrace.iter().flat_map(|backtrace| backtrace.frames()).enumerate() {
            f.write_str(if index == 0 { "; at " } else { ", in " })?;
            match frame.func_name() {
                Some(name) => write!(f, "`{}`", excerpt(name))?,
                None => write!(f, "function {}", frame.func_index())?,
            }
            if let Some(module) = frame.module().name() {
                write!(f, " of {}", excerpt(module))?;
            }
            if let Some(offset) = frame.module_offset() {
                write!(f, " ({offset:#x})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, NameMap, NameSection, TypeSection,
    };
    use wasmtime::{Engine, Instance, Store};

    use super::*;

    #[test]
    fn the_reason_comes_first_and_then_the_functions() {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0).function(0);
        let mut exports = ExportSection::new();
        exports.export("run", ExportKind::Func, 1);
        let mut code = CodeSection::new();
        let mut inner = Function::new([]);
        inner.instructions().unreachable().end();
        let mut outer = Function::new([]);
        outer.instructions().call(0).end();
        code.function(&inner).function(&outer);
        let mut names = NameSection::new();
        names.module("app");
        let mut named = NameMap::new();
        named.append(0, &"inner".repeat(100));
        named.append(1, "outer");
        names.functions(&named);
        module.section(&types).section(&functions).section(&exports).section(&code).section(&names);

        let engine = Engine::default();
        let module = wasmtime::Module::new(&engine, module.finish()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let error = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).unwrap_err();
        let error = error.context("the call failed");
        let told = Trap(&error).to_string();
        let rest =
            told.strip_prefix("the call failed: wasm trap: wasm `unreachable` instruction executed; at `innerinner");
        let (cut, rest) = rest.unwrap_or_else(|| panic!("{told}")).split_once("…` of app (0x").unwrap();
        assert!(cut.len() < 200 && rest.contains("), in `outer` of app (0x"), "{told}");
    }
}
