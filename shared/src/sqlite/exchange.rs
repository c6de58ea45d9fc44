//! Renames that replace a database. They look names up in folders that were opened before. If
//! another user can write to a folder above, a link may appear in the path at any moment, and these
//! renames do not follow it.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::file_identity::beside;
use super::locate::COMPANIONS;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files::{self, Folder};

/// Name of a file that may be a replaced database.
const SWAP: &str = "swap.db";
/// Name of a file that is to replace a database.
const NEW: &str = "new.db";

/// Name in an opened folder.
#[derive(Debug)]
struct FolderEntry<'a> {
    folder: &'a Folder,
    /// Path for messages; its last part is the name.
    path: PathBuf,
}

impl FolderEntry<'_> {
    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    fn is_there(&self) -> bool {
        self.folder.size(self.name()).is_some()
    }

    fn rename(&self, to: &FolderEntry<'_>) -> Result<()> {
        let renamed = self.folder.rename(self.name(), to.folder, to.name());
        renamed.map_err(|error| {
            let (from, to) = (self.path.display(), to.path.display());
            Error::io(format!("cannot rename {from} to {to}"), error)
        })
    }
}

/// Folder of a database.
#[derive(Debug)]
pub(super) struct DatabaseFolder {
    /// Path of the database.
    path: PathBuf,
    folder: Folder,
}

impl DatabaseFolder {
    /// Opens the folder of the database at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, or there is a link in the path.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = files::split(path).and_then(|(folder, _)| Folder::whosever(folder));
        let folder = folder.map_err(|error| {
            Error::io(
                format!("cannot open the folder of {}", path.display()),
                error,
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder,
        })
    }

    /// Name of the database, with `suffix` after it.
    fn entry(&self, suffix: &str) -> FolderEntry<'_> {
        FolderEntry {
            folder: &self.folder,
            path: beside(&self.path, suffix),
        }
    }

    /// Removes the database if it is empty. Returns true if it is gone.
    pub(super) fn remove_empty(&self) -> bool {
        let entry = self.entry("");
        match self.folder.size(entry.name()) {
            Some(0) => self.folder.remove(entry.name()).is_ok(),
            Some(_) => false,
            None => true,
        }
    }

    /// Suffix that no file with the database's name has yet.
    fn free_suffix(&self) -> String {
        let suffix = |number: u64| format!(".before-restore-{number}");
        let taken = |suffix: &str| {
            let companions = COMPANIONS.iter().map(|one| format!("{suffix}{one}"));
            self.entry(suffix).is_there()
                || companions
                    .into_iter()
                    .any(|one| self.entry(&one).is_there())
        };
        let mut number = 1;
        while taken(&suffix(number)) {
            number += 1;
        }
        suffix(number)
    }

    /// Renames the log of a database that is gone or will go. Otherwise `SQLite` would replay it into
    /// the new one.
    fn set_log_aside(&self, kept: &str) -> Result<()> {
        for companion in COMPANIONS {
            let from = self.entry(companion);
            if from.is_there() {
                from.rename(&self.entry(&format!("{kept}{companion}")))?;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let synced = self.folder.sync();
        synced.map_err(|error| Error::io(format!("cannot sync {}", folder.display()), error))
    }
}

/// Folder for preparing a file.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    folder: Folder,
}

impl Staging {
    /// Empties the folder, but keeps a file that an interrupted restore may have replaced, and
    /// returns its new path.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn clear(
        database: &DatabaseFolder,
        sidecar: &Sidecar,
    ) -> Result<(Self, Option<PathBuf>)> {
        let path = sidecar.staging();
        let refused = |error| Error::io(format!("cannot empty {}", path.display()), error);
        let mut found = None;
        match Folder::open(&path) {
            Ok(folder) => {
                let earlier = Self {
                    path: path.clone(),
                    folder,
                };
                if earlier.swap().is_there() {
                    let kept = database.entry(&database.free_suffix());
                    earlier.swap().rename(&kept)?;
                    found = Some(kept.path);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
        }
        match files::remove_folder(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
            Ok(()) | Err(_) => {}
        }
        let folder = files::new_folder(&path).map_err(refused)?;
        Ok((Self { path, folder }, found))
    }

    fn entry(&self, name: &str) -> FolderEntry<'_> {
        FolderEntry {
            folder: &self.folder,
            path: self.path.join(name),
        }
    }

    /// File that may be a replaced database.
    fn swap(&self) -> FolderEntry<'_> {
        self.entry(SWAP)
    }

    /// True if a file is left that may be a replaced database.
    pub(super) fn keeps_something(&self) -> bool {
        self.swap().is_there()
    }

    /// Path for the new file.
    pub(super) fn new_file(&self) -> PathBuf {
        self.path.join(NEW)
    }

    /// Creates an empty file, private to the owner of the database, for `SQLite` to fill.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn create(&self) -> Result<PathBuf> {
        let new = self.entry(NEW);
        let made = self.folder.new_file(new.name());
        made.map_err(|error| Error::io(format!("cannot create {}", new.path.display()), error))?;
        Ok(new.path)
    }

    /// Syncs the new file to disk. No connection of this process may have it open: closing it here
    /// would drop `SQLite`'s locks.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn sync(&self) -> Result<()> {
        let new = self.entry(NEW);
        let synced = self.folder.sync_file(new.name());
        synced.map_err(|error| Error::io(format!("cannot sync {}", new.path.display()), error))
    }

    /// Moves the new file to the path of `database`, where there is none. An empty file there is
    /// from an earlier attempt, or from a program that has yet to create its tables.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn move_to_free_path(&self, database: &DatabaseFolder) -> Result<()> {
        database.set_log_aside(&database.free_suffix())?;
        self.entry(NEW).rename(&database.entry(""))?;
        database.sync()
    }

    /// Exchanges the new file and `database`. Returns the path of the old one.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn exchange(&self, database: &DatabaseFolder, is_damaged: bool) -> Result<PathBuf> {
        let suffix = database.free_suffix();
        let (swap, current) = (self.swap(), database.entry(""));
        // The name tells a later restore that this may be a replaced database.
        self.entry(NEW).rename(&swap)?;
        if is_damaged {
            database.set_log_aside(&suffix)?;
        }
        let exchanged = self
            .folder
            .exchange(swap.name(), current.folder, current.name());
        exchanged.map_err(|error: io::Error| {
            let (swap, current) = (swap.path.display(), current.path.display());
            let help = "move the database away and restore again";
            Error::io(
                format!("cannot exchange {swap} and {current}; {help}"),
                error,
            )
        })?;
        database.sync()?;
        let kept = database.entry(&suffix);
        swap.rename(&kept)?;
        database.sync()?;
        Ok(kept.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{DatabaseFolder, Staging};
    use crate::sidecar::Sidecar;

    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    /// Bug: renames went by path. A user who could write to a folder above could put a link in the
    /// path between two renames, and root then moved files wherever the link led.
    #[test]
    fn a_link_put_into_the_path_meanwhile_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (own, other) = (folder.join("own"), folder.join("other"));
        for folder in [&own, &other] {
            fs::create_dir_all(folder.join("q.db.d/restore")).unwrap();
            fs::write(folder.join("q.db"), "old").unwrap();
            fs::write(folder.join("q.db.d/restore/new.db"), "planted").unwrap();
        }
        let path = own.join("q.db");
        let database = DatabaseFolder::open(&path).unwrap();
        let (staging, found) = Staging::clear(&database, &Sidecar::of(&path)).unwrap();
        assert_eq!(found, None);
        fs::write(staging.create().unwrap(), "new").unwrap();
        fs::rename(&own, folder.join("moved")).unwrap();
        symlink(&other, &own).unwrap();
        let kept = staging.exchange(&database, true).unwrap();
        let kept = folder.join("moved").join(kept.file_name().unwrap());
        assert_eq!(content(&folder.join("moved/q.db")), "new");
        assert_eq!(content(&kept), "old");
        assert_eq!(content(&other.join("q.db")), "old");
        assert_eq!(content(&other.join("q.db.d/restore/new.db")), "planted");
        assert!(DatabaseFolder::open(&path).is_err(), "it is a link now");
    }

    #[test]
    fn leftovers_of_an_interrupted_exchange_are_kept_under_a_lasting_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("q.db");
        let (database, sidecar) = (DatabaseFolder::open(&path).unwrap(), Sidecar::of(&path));
        fs::create_dir_all(sidecar.staging()).unwrap();
        fs::write(sidecar.staging().join("swap.db"), "old").unwrap();
        let (staging, found) = Staging::clear(&database, &sidecar).unwrap();
        assert_eq!(content(&found.unwrap()), "old");
        assert!(!staging.keeps_something());
        fs::write(staging.create().unwrap(), "new").unwrap();
        staging.move_to_free_path(&database).unwrap();
        assert_eq!(content(&path), "new");
    }
}
