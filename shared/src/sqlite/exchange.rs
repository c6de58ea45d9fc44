//! The names that change when another file takes a database's place. They are looked up in folders
//! that were opened before: where somebody else can write to what lies above, a link may be put in the
//! path at any moment, and nobody follows it.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::locate::COMPANIONS;
use super::place::beside;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files::{self, Folder};

/// The name of a file that may be a database that was replaced.
const SWAP: &str = "swap.db";
/// The name of a file that is to take a database's place.
const NEW: &str = "new.db";

/// A name in an opened folder.
#[derive(Debug)]
struct Entry<'a> {
    folder: &'a Folder,
    /// For messages; its last part is the name.
    path: PathBuf,
}

impl Entry<'_> {
    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    fn is_there(&self) -> bool {
        self.folder.size(self.name()).is_some()
    }

    fn rename(&self, to: &Entry<'_>) -> Result<()> {
        let renamed = self.folder.rename(self.name(), to.folder, to.name());
        renamed.map_err(|error| {
            let (from, to) = (self.path.display(), to.path.display());
            Error::io(format!("cannot rename {from} to {to}"), error)
        })
    }
}

/// The folder that a database lies in.
#[derive(Debug)]
pub(super) struct Beside {
    /// The database.
    path: PathBuf,
    folder: Folder,
}

impl Beside {
    /// Opens the folder of the database at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, or there is a link in the path.
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

    /// The database, with `suffix` after its name.
    fn entry(&self, suffix: &str) -> Entry<'_> {
        Entry {
            folder: &self.folder,
            path: beside(&self.path, suffix),
        }
    }

    /// Removes the database if it is empty. Whether it is gone.
    pub(super) fn remove_empty(&self) -> bool {
        let entry = self.entry("");
        match self.folder.size(entry.name()) {
            Some(0) => self.folder.remove(entry.name()).is_ok(),
            Some(_) => false,
            None => true,
        }
    }

    /// A suffix with which nothing has the database's name yet.
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

    /// Gives the log of a database that is gone, or is to go, another name: it would be played into
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

/// The folder in which a file is made ready.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    folder: Folder,
}

impl Staging {
    /// Makes the folder anew, but keeps what an interrupted restore may have replaced: where that is now.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub(super) fn clear(database: &Beside, sidecar: &Sidecar) -> Result<(Self, Option<PathBuf>)> {
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

    fn entry(&self, name: &str) -> Entry<'_> {
        Entry {
            folder: &self.folder,
            path: self.path.join(name),
        }
    }

    /// What may be a database that was replaced.
    fn swap(&self) -> Entry<'_> {
        self.entry(SWAP)
    }

    /// Whether something is left that may be a database that was replaced.
    pub(super) fn keeps_something(&self) -> bool {
        self.swap().is_there()
    }

    /// Where the new file is made.
    pub(super) fn new_file(&self) -> PathBuf {
        self.path.join(NEW)
    }

    /// Creates an empty file, private to the owner of the database, for `SQLite` to fill.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub(super) fn create(&self) -> Result<PathBuf> {
        let new = self.entry(NEW);
        let made = self.folder.new_file(new.name());
        made.map_err(|error| Error::io(format!("cannot create {}", new.path.display()), error))?;
        Ok(new.path)
    }

    /// Puts the new file on disk, which no connection of this process has open: to close it here would
    /// drop `SQLite`'s locks.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub(super) fn sync(&self) -> Result<()> {
        let new = self.entry(NEW);
        let synced = self.folder.sync_file(new.name());
        synced.map_err(|error| Error::io(format!("cannot sync {}", new.path.display()), error))
    }

    /// Has the new file take the place of `database`, which is free. An empty file there was made by
    /// this, or by a program that has yet to create its tables.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub(super) fn take_free_place(&self, database: &Beside) -> Result<()> {
        database.set_log_aside(&database.free_suffix())?;
        self.entry(NEW).rename(&database.entry(""))?;
        database.sync()
    }

    /// Has the new file and `database` change places. Returns where the old one is kept.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub(super) fn exchange(&self, database: &Beside, is_damaged: bool) -> Result<PathBuf> {
        let suffix = database.free_suffix();
        let (swap, place) = (self.swap(), database.entry(""));
        // By this name a later restore knows that it may be what was replaced.
        self.entry(NEW).rename(&swap)?;
        if is_damaged {
            database.set_log_aside(&suffix)?;
        }
        let exchanged = self
            .folder
            .exchange(swap.name(), place.folder, place.name());
        exchanged.map_err(|error: io::Error| {
            let (swap, place) = (swap.path.display(), place.path.display());
            let help = "move the database away and restore again";
            Error::io(format!("cannot exchange {swap} and {place}; {help}"), error)
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

    use super::{Beside, Staging};
    use crate::sidecar::Sidecar;

    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    /// Renames went by path: who could write to a folder above could put a link in its place between two
    /// of them, and root moved files wherever that led.
    #[test]
    fn a_link_that_is_put_in_the_path_meanwhile_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (own, other) = (place.join("own"), place.join("other"));
        for folder in [&own, &other] {
            fs::create_dir_all(folder.join("q.db.d/restore")).unwrap();
            fs::write(folder.join("q.db"), "old").unwrap();
            fs::write(folder.join("q.db.d/restore/new.db"), "planted").unwrap();
        }
        let path = own.join("q.db");
        let database = Beside::open(&path).unwrap();
        let (staging, found) = Staging::clear(&database, &Sidecar::of(&path)).unwrap();
        assert_eq!(found, None);
        fs::write(staging.create().unwrap(), "new").unwrap();
        fs::rename(&own, place.join("moved")).unwrap();
        symlink(&other, &own).unwrap();
        let kept = staging.exchange(&database, true).unwrap();
        let kept = place.join("moved").join(kept.file_name().unwrap());
        assert_eq!(content(&place.join("moved/q.db")), "new");
        assert_eq!(content(&kept), "old");
        assert_eq!(content(&other.join("q.db")), "old");
        assert_eq!(content(&other.join("q.db.d/restore/new.db")), "planted");
        assert!(Beside::open(&path).is_err(), "it is a link now");
    }

    #[test]
    fn what_an_interrupted_exchange_left_is_kept_under_a_name_that_lasts() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().canonicalize().unwrap().join("q.db");
        let (database, sidecar) = (Beside::open(&path).unwrap(), Sidecar::of(&path));
        fs::create_dir_all(sidecar.staging()).unwrap();
        fs::write(sidecar.staging().join("swap.db"), "old").unwrap();
        let (staging, found) = Staging::clear(&database, &sidecar).unwrap();
        assert_eq!(content(&found.unwrap()), "old");
        assert!(!staging.keeps_something());
        fs::write(staging.create().unwrap(), "new").unwrap();
        staging.take_free_place(&database).unwrap();
        assert_eq!(content(&path), "new");
    }
}
