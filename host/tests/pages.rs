//! The console lines of pages do what the pages say.

use std::path::Path;
use std::process::Command;

/// Runs each `$ steadfast policy …` of a page, where `policies.toml` is the latest block of TOML before it. Where lines
/// follow a command in its block, they are all that it prints.
#[test]
fn policy_commands_of_the_page_on_configuration_print_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    // Every second part is a block: its language, then its lines.
    for block in page.split("```").skip(1).step_by(2) {
        if let Some(file) = block.strip_prefix("toml\n") {
            std::fs::write(folder.path().join("policies.toml"), file).unwrap();
        } else if let Some(lines) = block.strip_prefix("console\n") {
            for command in lines.split("$ steadfast ").skip(1) {
                let (arguments, said) = command.split_once('\n').unwrap();
                let mut steadfast = Command::new(env!("CARGO_BIN_EXE_steadfast"));
                let output = steadfast.args(arguments.split(' ')).current_dir(folder.path()).output().unwrap();
                let printed = [output.stdout, output.stderr].concat();
                let printed = String::from_utf8(printed).unwrap();
                assert!(output.status.success() != said.contains("error: "), "{arguments}: {printed}");
                assert!(said.is_empty() || printed == said, "{arguments}: {printed}");
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 3, "of three commands");
}
