//! Whether a file of the project changed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks at the files. It works on every file system, and takes a millisecond for a thousand files.
const EVERY: Duration = Duration::from_millis(250);

/// More files than this are not looked at: they are no sources.
const MAX_FILES: usize = 10_000;

/// Folders that builds fill.
const BUILT: &[&str] = &["target", "node_modules", "__pycache__"];

/// The files of a folder, without those that builds write, and some more.
pub(super) struct Watch {
    folder: PathBuf,
    more: Vec<PathBuf>,
    seen: Files,
}

/// When each file was changed, and its length.
type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watch {
    pub fn new(folder: PathBuf, more: Vec<PathBuf>) -> Self {
        Watch { folder, more, seen: Files::new() }
    }

    /// From now on, what there is now is what there was. Whether a source was changed since the last time.
    pub fn look(&mut self) -> bool {
        let now = self.files();
        let sources = |files: &Files| -> Files {
            let sources = files.iter().filter(|(path, _)| !self.more.contains(path));
            sources.map(|(path, state)| (path.clone(), *state)).collect()
        };
        let changed = sources(&now) != sources(&self.seen);
        self.seen = now;
        changed
    }

    /// Waits until something is different, and has been the same for two looks: many files may change at once.
    pub async fn changed(&self) {
        let mut last = self.files();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = self.files();
            if now != self.seen && now == last {
                return;
            }
            last = now;
        }
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        add_folder(&self.folder, &mut files);
        for path in &self.more {
            if let Ok(metadata) = fs::metadata(path) {
                files.insert(path.clone(), state(&metadata));
            }
        }
        files
    }
}

fn add_folder(folder: &Path, files: &mut Files) {
    // Whatever cannot be read is not there.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(metadata) = entry.metadata() else { continue };
        if name.starts_with('.') || files.len() >= MAX_FILES {
            continue;
        }
        if !metadata.is_dir() {
            files.insert(entry.path(), state(&metadata));
        } else if !BUILT.contains(&&*name) {
            add_folder(&entry.path(), files);
        }
    }
}

fn state(metadata: &Metadata) -> (Option<SystemTime>, u64) {
    (metadata.modified().ok(), metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sources_are_watched_and_what_is_built_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/main.rs", "a");
        write("target/out.wasm", "a");
        let more = folder.path().join("target/app.wasm");
        let mut watch = Watch::new(folder.path().into(), vec![more]);
        watch.look();
        for file in ["target/out.wasm", ".git/index", "node_modules/a/b.js"] {
            write(file, "more");
            assert_eq!(watch.files(), watch.seen, "{file}");
        }
        for file in ["src/main.rs", "wit/world.wit", "steadfast.toml", "target/app.wasm"] {
            write(file, "more");
            assert_ne!(watch.files(), watch.seen, "{file}");
            watch.changed().await;
            assert_eq!(watch.look(), file != "target/app.wasm");
        }
        fs::remove_file(folder.path().join("src/main.rs")).unwrap();
        watch.changed().await;
    }
}
