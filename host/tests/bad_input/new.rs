//! Projects that cannot be made.

use crate::{Folder, handler};

#[test]
fn a_name_that_cargo_would_refuse_is_refused_before_anything_is_made() {
    let folder = Folder::new();
    assert_eq!(
        folder.refusal(&["new", "My-App"]),
        "cannot make My-App: `My-App` cannot be its name: a name begins with a letter from a to z, and has letters, \
         digits, `-` and `_` after that; give another, like `hello`"
    );
    assert!(!folder.path("My-App").exists());
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("hello")).expect("the folder is ours");
    let folder = folder.with("hello/notes.txt", "mine");
    assert_eq!(
        folder.refusal(&["new", "hello"]),
        "cannot make hello: there is something in it already; give the name of a folder that does not exist"
    );
    assert_eq!(std::fs::read_dir(folder.path("hello")).expect("it is there").count(), 1);
}

#[test]
fn a_file_where_the_project_would_be_is_said() {
    let folder = Folder::new().with("hello", "mine");
    let said = folder.refusal(&["new", "hello"]);
    assert!(
        said.starts_with("cannot make hello: ") && said.ends_with("; give the name of a folder that does not exist")
    );
}

#[test]
fn without_a_component_and_a_manifest_the_usual_manifest_is_missed() {
    let said = Folder::new().refusal(&["serve", "--listen", "127.0.0.1:0"]);
    let hint = "; give a component or a manifest, or make a project with `steadfast new`";
    assert!(said.starts_with("cannot read steadfast.toml: ") && said.ends_with(hint), "{said}");
}

#[test]
fn a_component_that_is_not_there_needs_no_manifest_to_be_missed() {
    let said = Folder::new().refusal(&["serve", "app.wasm", "--listen", "127.0.0.1:0"]);
    let hint = "; give the path of a component, and build it first";
    assert!(said.starts_with("cannot read app.wasm: ") && said.ends_with(hint), "{said}");
    // The same of a manifest by its place.
    let folder = Folder::new().with("app.wasm", handler()).with("app.toml", "component = 'apq.wasm'");
    let said = folder.refusal(&["serve", "app.toml", "--listen", "127.0.0.1:0"]);
    let hint = "; check `component` in app.toml, and that it is built";
    assert!(said.starts_with("cannot read apq.wasm: ") && said.ends_with(hint), "{said}");
}

#[test]
fn wit_that_cannot_be_used_is_said() {
    let folder = Folder::new()
        .with("broken.wit", "package a:b; interface c { f: fnc(); }")
        .with("types.wit", "package a:b; interface c { record r { x: u32 } }");
    for (file, expected) in [
        ("none.wit", "cannot make none.wit: "),
        (
            "broken.wit",
            "cannot make broken.wit: broken.wit:1:31: expected keyword `func`, found an identifier; give a file",
        ),
        ("types.wit", "cannot make types.wit: a:b has no interface with a function in it; give another"),
    ] {
        let said = folder.refusal(&["new", "hello", "--from", file]);
        assert!(said.starts_with(expected), "{said}");
        assert!(!folder.path("hello").exists());
    }
}
