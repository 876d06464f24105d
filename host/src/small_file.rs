//! Files that people write, and whose size is bounded: a path may name a disk, or a pipe that never ends.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// In bytes: a hundred times what any manifest, any policies and any certificates have.
const MAX_FILE: u64 = 16 << 20;

/// All that is in a file.
///
/// # Errors
/// When it cannot be read, or is longer than 16 MiB.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it has more than 16 MiB"));
    }
    Ok(bytes)
}

/// The same of a text.
///
/// # Errors
/// Also when it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_read_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        File::create(&file).unwrap().set_len(MAX_FILE).unwrap();
        assert_eq!(read(&file).unwrap().len() as u64, MAX_FILE);
        File::create(&file).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert_eq!(read(&file).unwrap_err().to_string(), "it has more than 16 MiB");
        #[cfg(unix)]
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
