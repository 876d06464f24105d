//! Prints the public API in a JSON file of rustdoc, one item on a line.

fn main() {
    let file = std::env::args_os().nth(1).expect("the path of a JSON file of rustdoc");
    // Implementations that every type has, by `auto` and blanket traits, say little. Derived ones say what users rely
    // on.
    let api = public_api::Builder::from_rustdoc_json(&file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    print!("{api}");
}
