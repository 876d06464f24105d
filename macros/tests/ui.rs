//! What the compiler says of mistakes. When a message changes: `TRYBUILD=overwrite cargo test -p steadfast-macros --test
//! ui`.
//!
//! There are few files, because each is a crate to build: one for each step of the compiler that ends at a mistake.
#![cfg(not(target_family = "wasm"))]

#[test]
fn mistakes_are_errors_that_point_at_the_token_and_say_what_is_allowed() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
