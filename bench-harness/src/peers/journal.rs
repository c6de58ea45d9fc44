//! Journal mode of any queue's `SQLite` file, read from its first bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::Result;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Offset of the format versions for writing and reading: 2 means a write-ahead log.
/// <https://www.sqlite.org/fileformat2.html#file_format_version_numbers>
const WRITE_VERSION: usize = 18;

/// `wal` or `rollback`, for the first `SQLite` file in `folder` or one of its folders; `none` without
/// such a file.
pub(super) fn mode(folder: &Path) -> Result<String> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            mode(&path)?
        } else {
            of_file(&path)?
        };
        if found != "none" {
            return Ok(found);
        }
    }
    Ok("none".to_owned())
}

fn of_file(path: &Path) -> Result<String> {
    let mut head = Vec::new();
    File::open(path)?.take(100).read_to_end(&mut head)?;
    let mode = match head.get(WRITE_VERSION) {
        Some(2) if head.starts_with(MAGIC) => "wal",
        Some(1) if head.starts_with(MAGIC) => "rollback",
        Some(_) | None => "none",
    };
    Ok(mode.to_owned())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::mode;

    #[test]
    fn the_mode_is_read_from_the_file() {
        for (pragma, expected) in [("wal", "wal"), ("delete", "rollback")] {
            let folder = tempfile::tempdir().unwrap();
            let inner = folder.path().join("inner");
            std::fs::create_dir(&inner).unwrap();
            std::fs::write(folder.path().join("a-text"), "no database").unwrap();
            assert_eq!(mode(folder.path()).unwrap(), "none");
            let connection = Connection::open(inner.join("queue.db")).unwrap();
            connection
                .pragma_update(None, "journal_mode", pragma)
                .unwrap();
            connection.execute_batch("CREATE TABLE t (a)").unwrap();
            drop(connection);
            assert_eq!(mode(folder.path()).unwrap(), expected);
        }
    }
}
