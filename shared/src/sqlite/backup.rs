//! `backup`: copies a database in use to one file that needs nothing beside it.
//!
//! The copy shows one moment, because a read transaction lasts as long as the copying. With a
//! write-ahead log, writers wait for no reader, but the log cannot start over meanwhile, so it
//! grows by what they write. Without the transaction, the copy would begin anew at every commit of
//! another process and never end.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rustix::fs::{FlockOperation, OFlags, flock};

use super::connection::open_reader;
use super::database::Database;
use super::fault::located;
use super::file_identity::{Identity, beside, sync_folder};
use super::locate::COMPANIONS;
use super::locate::unusable;
use super::statement;
use crate::error::{Error, Result};
use crate::remedy::Remedy;
use crate::sidecar::files;

const QUICK_CHECK: &str = statement(include_str!("../../queries/quick_check.sql"));

/// Pages copied at a time: 16 MiB of the usual 4 KiB.
const PAGES: i32 = 4096;

impl Database {
    /// Copies the database, as it is now, to a new file at `target`, private to the owner. Others
    /// may write meanwhile. Until the copy is on disk and checked, its name is `target` with
    /// `.partial` after it. Returns its size in bytes.
    ///
    /// Does not copy logs in the folder beside the database: the backup has the output that is
    /// stored in the database.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a target that exists, unless `replace` is true, and for one that must
    /// not be written to; [`Error::Busy`] if another backup writes to it; [`Error::Unusable`] if
    /// the database is damaged, in which case there is no backup; [`Error::Io`].
    pub fn backup(&self, target: &Path, replace: bool) -> Result<u64> {
        let target = check_target(self.path(), target, replace)?;
        let partial = Partial::create(&target)?;
        let source = open_reader(self.path(), self.options())?;
        copy(source, self.path(), &partial.path)?;
        partial.publish(&target, replace)
    }
}

/// Copies the database as a connection sees it to the empty file at `to`, which no one else uses,
/// and checks the copy. Does not sync it.
pub(super) fn copy(mut source: Connection, path: &Path, to: &Path) -> Result<()> {
    let snapshot = source
        .transaction_with_behavior(TransactionBehavior::Deferred)
        .map_err(|error| located(path, error))?;
    let refused = |error: rusqlite::Error| located(to, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags).map_err(refused)?;
    for (pragma, value) in [
        ("locking_mode", "exclusive"),
        ("journal_mode", "off"),
        ("synchronous", "off"),
    ] {
        let set = copy.pragma_update(None, pragma, value);
        set.map_err(refused)?;
    }
    // Begins the transaction here, so that no step has one of its own.
    snapshot
        .query_row("PRAGMA schema_version", [], |_| Ok(()))
        .map_err(|error| located(path, error))?;
    let backup = Backup::new(&snapshot, &mut copy).map_err(refused)?;
    loop {
        match backup.step(PAGES).map_err(refused)? {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => {
                return Err(Error::Busy {
                    what: "another program locks it".to_owned(),
                });
            }
            StepResult::More | _ => {}
        }
    }
    drop(backup);
    // The copy claims to have a log, and has none.
    let mode: String = copy
        .pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))
        .map_err(refused)?;
    if !mode.eq_ignore_ascii_case("delete") {
        return Err(unusable(
            to,
            "its journal mode cannot be set; repeat the command",
        ));
    }
    if is_whole(&copy).map_err(refused)? {
        return Ok(());
    }
    Err(Error::Unusable {
        path: path.to_owned(),
        what: "the database is damaged, and so would be a copy of it".to_owned(),
        remedy: Some(Remedy::Salvage),
        source: None,
    })
}

/// True if `SQLite`'s quick check finds nothing.
pub(super) fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    let complaint: String = connection.query_row(QUICK_CHECK, [], |row| row.get(0))?;
    Ok(complaint == "ok")
}

/// Absolute path of a file that may be created or replaced.
fn check_target(source: &Path, target: &Path, replace: bool) -> Result<PathBuf> {
    let invalid = |what: &str| Err(Error::invalid(format!("{}: {what}", target.display())));
    let Some(name) = target.file_name() else {
        return invalid("this does not name a file");
    };
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let Ok(folder) = fs::canonicalize(parent) else {
        return invalid("its folder cannot be used; create it first");
    };
    let path = folder.join(name);
    if COMPANIONS
        .iter()
        .any(|suffix| beside(source, suffix) == path)
    {
        return invalid("this is a part of the database; name another file");
    }
    if Identity::at(source) == Identity::at(&path) {
        return invalid("this is the database itself; name another file");
    }
    for suffix in COMPANIONS {
        if fs::metadata(beside(&path, suffix)).is_ok_and(|found| found.len() > 0) {
            return invalid(
                "there is the log of a database beside it; name another file, or move that away",
            );
        }
    }
    let Ok(found) = fs::symlink_metadata(&path) else {
        return Ok(path);
    };
    if found.is_symlink() {
        return invalid("this is a symbolic link; name the file itself");
    }
    if !found.is_file() {
        return invalid("this is not a regular file; name another");
    }
    if !replace {
        return invalid("it exists already; name another file, or replace it with --force");
    }
    Ok(path)
}

/// Unfinished backup. Dropping it deletes it.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    /// Open and locked until the end, so that no other backup to the same target begins.
    file: File,
    published: bool,
}

impl Partial {
    fn create(target: &Path) -> Result<Self> {
        let path = beside(target, ".partial");
        let refused = |error| Error::io(format!("cannot create {}", path.display()), error);
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(refused)?;
        files::check_own(&file).map_err(refused)?;
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        // The previous backup may have finished and renamed the file in between.
        let is_ours = file.metadata().ok().map(|found| Identity::of(&found)) == Identity::at(&path);
        if !locked || !is_ours {
            return Err(Error::Busy {
                what: format!("another backup writes to {}", target.display()),
            });
        }
        for suffix in COMPANIONS {
            let _ = fs::remove_file(beside(&path, suffix));
        }
        let partial = Self {
            path: path.clone(),
            file,
            published: false,
        };
        partial.file.set_len(0).map_err(refused)?;
        Ok(partial)
    }

    /// Gives the file its name, on disk.
    fn publish(mut self, target: &Path, replace: bool) -> Result<u64> {
        let refused = |error| Error::io(format!("cannot write {}", target.display()), error);
        self.file.sync_all().map_err(refused)?;
        let bytes = self.file.metadata().map_err(refused)?.size();
        if !replace && fs::symlink_metadata(target).is_ok() {
            return Err(refused(ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.path, target).map_err(refused)?;
        self.published = true;
        sync_folder(target)?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}
