//! Variables and files that complete an address, as `libpq` reads them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Variables and files around a process.
pub trait Surroundings {
    /// A variable of the environment, unless it is empty.
    fn variable(&self, name: &str) -> Option<String>;

    /// The user's home folder.
    fn home(&self) -> Option<PathBuf>;

    /// Name of the user, as the system has it.
    fn user(&self) -> Option<String>;

    /// A file's text.
    ///
    /// # Errors
    /// If it cannot be read, or is not UTF-8.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// True if others than the owner may read or write the file.
    fn is_open_to_others(&self, path: &Path) -> bool;
}

/// Surroundings of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessSurroundings;

/// Bytes of the largest file that is read: these files have some lines.
const LARGEST: u64 = 1 << 20;

impl Surroundings for ProcessSurroundings {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|path| path.is_absolute())
    }

    fn user(&self) -> Option<String> {
        let id = rustix::process::geteuid().as_raw().to_string();
        let users = self.read(Path::new("/etc/passwd")).unwrap_or_default();
        let by_id = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        });
        by_id.or_else(|| self.variable("USER"))
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(io::Error::other("it is no file of up to 1 MiB"));
        }
        std::fs::read_to_string(path)
    }

    fn is_open_to_others(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};

    use super::Surroundings;

    /// Surroundings that a test makes up.
    #[derive(Default)]
    pub(in super::super) struct MadeUp {
        pub(in super::super) variables: BTreeMap<&'static str, &'static str>,
        pub(in super::super) files: BTreeMap<&'static str, &'static str>,
        pub(in super::super) open: Vec<&'static str>,
    }

    impl Surroundings for MadeUp {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.get(name).map(|value| (*value).to_owned())
        }

        fn home(&self) -> Option<PathBuf> {
            Some("/home/ann".into())
        }

        fn user(&self) -> Option<String> {
            Some("ann".to_owned())
        }

        fn read(&self, path: &Path) -> io::Result<String> {
            let found = self.files.get(path.to_str().expect("a path of the test"));
            let found = found.map(|text| (*text).to_owned());
            found.ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn is_open_to_others(&self, path: &Path) -> bool {
            self.open.iter().any(|open| Path::new(open) == path)
        }
    }
}
