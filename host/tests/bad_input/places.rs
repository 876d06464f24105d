//! An address that cannot be listened on, and a reader who is gone.

use std::net::TcpListener;
use std::process::Stdio;

use crate::{Folder, GREET, app, handler, provider, with};

#[test]
fn a_port_in_use_is_said_with_where_to_get_another() {
    let other = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = other.local_addr().expect("it is bound");
    let why = TcpListener::bind(address).expect_err("it is taken");
    let folder = Folder::new().with("app.wasm", handler()).with("hello.toml", with(&format!("listen = '{address}'")));
    assert_eq!(
        folder.refusal(&["serve", "--manifest", "hello.toml"]),
        format!(
            "cannot listen on {address}: {why}; another program has it; stop that, or give another port with \
             --listen, 0 for a free one"
        )
    );
}

#[test]
fn an_address_of_another_machine_is_said_with_one_of_this() {
    // Of the addresses that RFC 5737 keeps for examples, so no machine has it.
    let address = "192.0.2.1:8080";
    let why = TcpListener::bind(address).expect_err("it is not ours");
    let folder = Folder::new().with("app.wasm", handler()).with("hello.toml", with(""));
    assert_eq!(
        folder.refusal(&["serve", "--manifest", "hello.toml", "--listen", address]),
        format!(
            "cannot listen on {address}: {why}; give an address of this machine with --listen, such as 127.0.0.1:8080"
        )
    );
}

#[test]
fn a_name_without_an_address_is_said_with_one_that_has_some() {
    let folder = Folder::new().with("app.wasm", handler()).with("hello.toml", with("listen = 'nowhere.invalid:8080'"));
    let said = folder.refusal(&["serve", "--manifest", "hello.toml"]);
    let hint = "; give an address of this machine with --listen, such as 127.0.0.1:8080";
    assert!(said.starts_with("cannot listen on nowhere.invalid:8080: ") && said.ends_with(hint), "{said}");
}

#[test]
fn a_reader_who_is_gone_makes_no_difference() {
    let folder = Folder::new().with("app.wasm", app(GREET)).with("greeter.wasm", provider("0.1.0", GREET));
    let mut command = folder.command(&["compose", "app.wasm", "greeter.wasm", "-o", "composed.wasm"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the command ends");
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path("composed.wasm").exists());
}
