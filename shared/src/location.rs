//! Location of a queue, as `--db`, the programs' variables and `QUEUE_DB` name it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Location of a queue. This build opens only files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// The file at this path.
    File(PathBuf),
}

impl Location {
    /// Parses a path. A file whose path looks like an address is named with `./` before it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty text, and for an address, such as `postgres://…`. The sentence
    /// repeats only its scheme: the rest may hold a password.
    pub fn parse(text: OsString) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid("the database's path is empty"));
        }
        match scheme(&text.to_string_lossy()) {
            Some(scheme) => Err(Error::invalid(format!(
                "the database is given as an address ({scheme}://…), and this build opens only files; \
                 give the path of one"
            ))),
            None => Ok(Self::File(text.into())),
        }
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        let Self::File(path) = self;
        path
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

/// Scheme of an address (RFC 3986).
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let mut letters = scheme.chars();
    let is_scheme = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || ['+', '-', '.'].contains(&c));
    is_scheme.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::Location;

    fn parse(text: &str) -> Result<Location, String> {
        Location::parse(text.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn any_path_behind_a_folder_is_a_file() {
        for path in [
            "tasks.db",
            "/a/b c.db",
            "./postgres://x",
            "a:b",
            "1a://b",
            "/x://y",
            "://",
        ] {
            assert_eq!(parse(path), Ok(Location::File(path.into())));
        }
        let bytes = OsString::from_vec(vec![0xff, b'x']);
        assert_eq!(Location::parse(bytes.clone()).unwrap().path(), bytes);
    }

    #[test]
    fn an_address_is_refused_without_its_password() {
        for scheme in ["postgres", "postgresql", "file", "HTTP+unix"] {
            let refused = parse(&format!("{scheme}://me:secret@host/tasks")).unwrap_err();
            assert!(refused.contains(&format!("({scheme}://…)")), "{refused}");
            assert!(refused.contains("only files"), "{refused}");
            assert!(
                !refused.contains("secret") && !refused.contains("host"),
                "{refused}"
            );
        }
        assert_eq!(parse("").unwrap_err(), "the database's path is empty");
    }
}
