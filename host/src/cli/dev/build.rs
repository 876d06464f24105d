//! What builds the components.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// How to build, if there is anything to.
pub(super) struct Build {
    folder: PathBuf,
    /// A program and its arguments.
    command: Option<Vec<String>>,
    /// Whether it may write among the sources.
    pub is_foreign: bool,
}

impl Build {
    /// The `command` that a person gave, or that of Cargo where `folder` has a package: into the folder where `component`
    /// is expected.
    pub fn new(command: Option<&str>, folder: &Path, component: &Path) -> Self {
        let is_foreign = command.is_some();
        let command = match command {
            Some(command) if cfg!(windows) => Some(vec!["cmd".into(), "/C".into(), command.into()]),
            Some(command) => Some(vec!["sh".into(), "-c".into(), command.into()]),
            None if folder.join("Cargo.toml").is_file() => Some(cargo(component)),
            None => None,
        };
        Build { folder: folder.into(), command, is_foreign }
    }

    /// Builds, with the output of the command where that of this one goes.
    ///
    /// # Errors
    /// What to tell a person, when it failed.
    pub async fn run(&self) -> Result<(), String> {
        let Some((program, arguments)) = self.command.as_ref().and_then(|command| command.split_first()) else {
            return Ok(());
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        match command.status().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the build failed ({status}): {program} {}", arguments.join(" "))),
            Err(error) => Err(format!("the build could not be started: {program}: {error}; is it installed?")),
        }
    }
}

/// Builds all packages of the folder, in the profile whose folder has the component.
fn cargo(component: &Path) -> Vec<String> {
    let target = "wasm32-wasip2";
    let mut parts = component.iter().skip_while(|part| *part != target).skip(1);
    let profile = parts.next().and_then(|profile| profile.to_str()).unwrap_or("release");
    let profile = if profile == "debug" { "dev" } else { profile };
    ["cargo", "build", "--workspace", "--target", target, "--profile", profile].map(String::from).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_that_of_the_folder() {
        for (component, profile) in [
            ("target/wasm32-wasip2/release/a.wasm", "release"),
            ("../target/wasm32-wasip2/debug/a.wasm", "dev"),
            ("target/wasm32-wasip2/small/a.wasm", "small"),
            ("a.wasm", "release"),
        ] {
            let command = cargo(Path::new(component));
            assert_eq!(command.last().map(String::as_str), Some(profile), "{component}");
        }
    }
}
