//! `steadfast policy explain` of components.

use std::process::Command;

use steadfast_demo::guests::Guests;

/// What the command prints, with its exit status.
fn policy(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    let output = command.arg("policy").args(args).output().expect("the command runs");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn policies_in_a_component_are_those_of_its_code() {
    let guests = Guests::build(&["http-hello", "attributed", "greeter"]).expect("the guests build");
    let file = |package| guests.file(package).to_str().expect("UTF-8");
    let (status, text) = policy(&["explain", file("http-hello")]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("| greeter | 4        | 3s   |"), "{text}");
    assert!(text.contains("At most 3s: the deadline."), "{text}");

    let (status, text) = policy(&["explain", "--json", file("attributed")]);
    let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let attempts = |name: &str| all["policies"][name]["attempts"].as_u64();
    // The deadline of the handler is no policy.
    assert_eq!((status, all["policies"].as_object().map(serde_json::Map::len)), (Some(0), Some(5)), "{text}");
    assert_eq!((attempts("patient"), attempts("hello")), (Some(60), Some(2)), "{text}");

    let (status, text) = policy(&["check", file("http-hello")]);
    assert_eq!((status, text.as_str()), (Some(0), "OK: 1 policy, 0 targets\n"));

    let (status, text) = policy(&["explain", file("greeter")]);
    assert!(status == Some(1) && text.contains("has no policy that can be read"), "{text}");
}
