//! Sources of lines: a file, which is known by its path, or a stream, which is known by its
//! content.

use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::Failure;
use super::group_name::STDIN;
use crate::error::{Error, Result};

/// Origin of lines, by which a later run knows them again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file: its absolute path without links.
    File(PathBuf),
    /// A pipe, a terminal or a descriptor of the caller: read once, known by its bytes.
    Stream,
}

/// Bytes of the lines and their origin.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    /// Reads `path` to its end.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such file; [`Failure::Usage`] if it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let refused = |error| Failure::Usage(format!("cannot read {shown}: {error}"));
        if path.as_os_str() == STDIN {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")))?;
            let origin = Origin::Stream;
            return Ok(Self { origin, bytes });
        }
        let kind = std::fs::metadata(path).map_err(|error| missing(path, error))?;
        if kind.is_dir() {
            return Err(Failure::Usage(format!(
                "{shown} is a folder; name a file with a command a line"
            )));
        }
        let origin = if is_descriptor(path) || !kind.is_file() {
            Origin::Stream
        } else {
            Origin::File(path.canonicalize().map_err(|error| missing(path, error))?)
        };
        let bytes = std::fs::read(path).map_err(refused)?;
        Ok(Self { origin, bytes })
    }
}

/// True if the path names a descriptor of the caller. It may refer to a file, but the same path
/// means another file in the next call.
fn is_descriptor(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes == b"/dev/stdin"
        || bytes.starts_with(b"/dev/fd/")
        || (bytes.starts_with(b"/proc/") && path.components().any(|part| part.as_os_str() == "fd"))
}

fn missing(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        Error::not_found(format!("there is no file {}", path.display()))
    } else {
        Error::io(format!("cannot find {}", path.display()), error)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_descriptor;

    #[test]
    fn a_descriptor_of_the_caller_is_no_file() {
        for path in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0"] {
            assert!(is_descriptor(Path::new(path)), "{path}");
        }
        for path in ["-", "./-", "/dev/shm/fd", "/proc/cmdline", "fd/0"] {
            assert!(!is_descriptor(Path::new(path)), "{path}");
        }
    }
}
