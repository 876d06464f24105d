//! What the compiler says of mistakes in `#[derive(Failure)]`. When a message changes: `TRYBUILD=overwrite cargo test -p
//! steadfast-macros --test failure_ui`.
#![cfg(not(target_family = "wasm"))]

#[test]
fn mistakes_point_at_the_word_and_say_what_is_allowed() {
    trybuild::TestCases::new().compile_fail("tests/ui-failure/*.rs");
}
