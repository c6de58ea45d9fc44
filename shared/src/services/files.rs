//! Unit files of services: those that belong to a database, whatever they are called.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::marks::{COMMAND_KEY, FILE_KEY, NAME_KEY, file_word, mark};
use super::scope::Scope;
use crate::error::{Error, Result};

/// Most bytes of a unit file that are read: its marks stand at the beginning.
const MOST_READ: u64 = 4 << 20;

/// Service of a database, as its unit file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceUnit {
    /// Name of the service.
    pub name: String,
    /// Name of the unit file.
    pub unit: String,
    /// Command line for people, one line.
    pub command: String,
    /// The unit file.
    pub path: PathBuf,
}

/// The services of the database with that id, by name.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, though it exists.
pub fn found(scope: Scope, file: i64) -> Result<Vec<ServiceUnit>> {
    let folder = scope.folder()?;
    let refused = |error| Error::io(format!("cannot read {}", folder.display()), error);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refused)?,
    };
    let mut units = Vec::new();
    for entry in entries {
        let path = entry.map_err(refused)?.path();
        if path.extension() == Some(OsStr::new("service")) {
            units.extend(of_file(path, file));
        }
    }
    units.sort_by(|one, other| (&one.name, &one.unit).cmp(&(&other.name, &other.unit)));
    Ok(units)
}

/// The service in a unit file, if it belongs to the database. A link, such as the mask of a unit, is
/// none.
pub(crate) fn of_file(path: PathBuf, file: i64) -> Option<ServiceUnit> {
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let unit = File::open(&path).ok()?;
    unit.take(MOST_READ).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    if mark(&text, FILE_KEY)? != file_word(file) {
        return None;
    }
    Some(ServiceUnit {
        name: mark(&text, NAME_KEY)?.to_owned(),
        unit: path.file_name()?.to_str()?.to_owned(),
        command: mark(&text, COMMAND_KEY).unwrap_or_default().to_owned(),
        path,
    })
}

/// Writes a unit file whole or not at all, also across a power cut.
///
/// # Errors
/// [`Error::Io`] with the path.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<()> {
    let refused = |error| Error::io(format!("cannot write {}", path.display()), error);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused(ErrorKind::InvalidInput.into()));
    };
    fs::create_dir_all(folder).map_err(refused)?;
    // systemd reads no file of such a name.
    let mut draft_name = OsStr::new(".").to_owned();
    draft_name.push(name);
    draft_name.push(".new");
    let draft = folder.join(draft_name);
    let written = fill(&draft, text).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The error is that of the write.
        let _ = fs::remove_file(&draft);
    }
    written.and_then(|()| sync(folder)).map_err(refused)
}

fn fill(draft: &Path, text: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        // Of an interrupted write.
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(draft)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Removes a unit file.
///
/// # Errors
/// [`Error::Io`] with the path.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::remove_file(path)
        .and_then(|()| sync(folder))
        .map_err(|error| Error::io(format!("cannot remove {}", path.display()), error))
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{of_file, write};

    const UNIT: &str = "[Unit]\nX-Queue-File=0000000000000007\nX-Queue-Service=web\n[Service]\n";

    #[test]
    fn a_unit_is_of_the_file_whose_id_it_carries_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("renamed.service");
        write(&path, UNIT.as_bytes()).unwrap();
        let unit = of_file(path.clone(), 7).unwrap();
        assert_eq!(
            (unit.name.as_str(), unit.unit.as_str()),
            ("web", "renamed.service")
        );
        assert_eq!(of_file(path.clone(), 8), None);
        let link = folder.path().join("link.service");
        symlink(&path, &link).unwrap();
        assert_eq!(of_file(link, 7), None);
        assert_eq!(of_file(folder.path().join("none.service"), 7), None);
        assert_eq!(of_file(folder.path().to_owned(), 7), None);
    }

    #[test]
    fn a_file_is_replaced_whole_and_no_draft_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.service");
        std::fs::create_dir(folder.path().join("new")).unwrap();
        std::fs::write(folder.path().join("new/.a.service.new"), "interrupted").unwrap();
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let entries = std::fs::read_dir(folder.path().join("new")).unwrap();
        assert_eq!(entries.count(), 1);
        assert!(write(&folder.path().join("new/a.service/b"), b"").is_err());
    }
}
