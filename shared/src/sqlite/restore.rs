//! Replaces a database with another file. The file is prepared in a folder beside the database, and
//! the two are exchanged in one step. If this process is killed before or after that, a whole
//! database is left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::backup::{copy, is_whole};
use super::checkpointer::truncate;
use super::connection::{open_reader, open_writer};
use super::epoch::{self, Watermark};
use super::exchange::{DatabaseFolder, Staging};
use super::fault::located;
use super::file_identity::{Identity, beside};
use super::in_use::WholeLock;
use super::locate::COMPANIONS;
use super::locate::{Located, locate, prepare_sidecar, unusable};
use super::options::{Durability, OpenOptions};
use super::processes::{named, reading};
use super::{migrate, statement, verbs};
use crate::claim::{Claim, WorkerId};
use crate::coordination::Origin;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files;
use crate::sidecar::records::{Namespace, RecordFile};

const WORKERS: &str = statement(include_str!("../../queries/restore/workers.sql"));

/// Open backup.
#[derive(Debug)]
pub(crate) struct BackupFile {
    path: PathBuf,
    reader: Connection,
}

impl BackupFile {
    /// Opens the backup in the file at `backup`, for the database at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist; [`Error::Invalid`] if it is the database itself;
    /// [`Error::Unusable`] if it is not a database, or holds no queue.
    pub(crate) fn open(backup: &Path, path: &Path, options: &OpenOptions) -> Result<Self> {
        let Ok(found) = fs::canonicalize(backup) else {
            let what = format!("there is no backup {}", backup.display());
            return Err(Error::not_found(what));
        };
        if !found.is_file() {
            return Err(unusable(&found, "this is not a regular file; name another"));
        }
        if Identity::at(&found) == Identity::at(path) {
            return Err(Error::invalid(
                "the backup is the database itself; name another file",
            ));
        }
        let reader = open_reader(&found, options)?;
        if migrate::lines(&reader, &found)?.is_empty() {
            return Err(unusable(
                &found,
                "there is no queue in this file; name a backup",
            ));
        }
        Ok(Self {
            path: found,
            reader,
        })
    }
}

/// File that is to replace a database. No other process opens the database while this lives.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// Path of the database that it replaces, absolute.
    path: PathBuf,
    database: DatabaseFolder,
    staging: Staging,
    sidecar: Sidecar,
    options: OpenOptions,
    /// File at that path now.
    current: Current,
    is_watermark_known: bool,
    /// File that an interrupted restore had set aside, under its new, lasting name.
    pub(crate) found: Option<PathBuf>,
    /// Dropped last: leftovers of a failed attempt are gone before another process opens the
    /// database.
    _created: Created,
    _whole: WholeLock,
}

/// File and folder that were created for a new database. Dropping it removes them if no database
/// came of it.
#[derive(Debug)]
struct Created {
    /// Path of the file, empty until another replaces it.
    file: Option<DatabaseFolder>,
    /// Path of the folder beside it.
    folder: Option<PathBuf>,
}

impl Drop for Created {
    fn drop(&mut self) {
        let Some(file) = &self.file else {
            return;
        };
        if !file.remove_empty() {
            return;
        }
        if let Some(folder) = &self.folder {
            let _ = files::remove_folder(folder);
        }
    }
}

/// File that stands at the path.
#[derive(Debug)]
enum Current {
    Nothing,
    /// Database, with its epoch and highest id, and its workers with their claims.
    Sound(Watermark, Vec<(WorkerId, Vec<Claim>)>),
    /// File that cannot be read.
    Damaged,
}

impl Replacement {
    /// Begins to replace the database at `path`, or to create one if there is none.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that have it open; as
    /// [`Database::open`](super::Database::open) for a path where no database may be.
    pub(crate) fn begin(path: &Path, options: &OpenOptions) -> Result<Self> {
        let missing = path.try_exists().is_ok_and(|exists| !exists);
        let options = OpenOptions {
            create: true,
            read_only: false,
            one_shot: true,
            durability: Durability::Full,
            ..options.clone()
        };
        let Located { path, sidecar } = locate(path, &options)?;
        let database = DatabaseFolder::open(&path)?;
        let is_there = fs::symlink_metadata(sidecar.folder()).is_ok();
        let made = Created {
            file: missing.then(|| DatabaseFolder::open(&path)).transpose()?,
            folder: (!is_there).then(|| sidecar.folder().to_owned()),
        };
        prepare_sidecar(&path, &sidecar)?;
        let whole = WholeLock::take(&sidecar)?;
        let (staging, found) = Staging::clear(&database, &sidecar)?;
        let empty = fs::metadata(&path).is_ok_and(|found| found.len() == 0);
        let current = if missing || empty {
            Current::Nothing
        } else {
            look(&path, &options)?
        };
        Ok(Self {
            // A lock of writers beside no database means that a database is gone.
            is_watermark_known: !sidecar.writer_lock().exists(),
            path,
            database,
            staging,
            sidecar,
            options,
            current,
            found,
            _created: made,
            _whole: whole,
        })
    }

    /// Path of the new file.
    pub(crate) fn staged(&self) -> PathBuf {
        self.staging.new_file()
    }

    /// Options for opening the new file.
    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Copies a backup to the new file.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it is damaged.
    pub(crate) fn fill_from(&self, backup: BackupFile) -> Result<()> {
        let staged = self.create_staged()?;
        copy(backup.reader, &backup.path, &staged)
    }

    /// Creates the new file, empty.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn create_staged(&self) -> Result<PathBuf> {
        self.staging.create()
    }

    /// Workers that either file knows. For each, it says if the worker may have left processes on
    /// this machine, and for which claims: for workers in a backup of another database it is
    /// unknown if they are dead. If the old file does not have the claims of its workers, their
    /// records have.
    ///
    /// # Errors
    /// If the staged file or the records of a worker cannot be read.
    pub(crate) fn workers(&self) -> Result<Vec<(WorkerId, Origin, Vec<Claim>)>> {
        let staged = self.staged();
        let reader = open_reader(&staged, &self.options)?;
        let mut workers: BTreeMap<WorkerId, Vec<Claim>> = workers(&reader)
            .map_err(|error| located(&staged, error))?
            .into_iter()
            .map(|worker| (worker, Vec::new()))
            .collect();
        if let Current::Sound(_, known) = &self.current {
            workers.extend(known.iter().cloned());
        }
        let is_told = matches!(self.current, Current::Sound(..));
        let own = Namespace::own()?;
        let look = |(worker, mut claims): (WorkerId, Vec<Claim>)| {
            let records = RecordFile::read(&self.sidecar, worker)?;
            let was_elsewhere = records.as_ref().is_some_and(|file| file.namespace != own);
            if was_elsewhere || !self.sidecar.worker_lock(worker).exists() {
                return Ok((worker, Origin::EarlierBoot, Vec::new()));
            }
            if !is_told {
                let commands = records.into_iter().flat_map(|file| file.commands);
                let running = commands.filter(|command| command.ended_at.is_none());
                claims.extend(running.map(|command| command.claim));
            }
            Ok((worker, Origin::Here, claims))
        };
        workers.into_iter().map(look).collect()
    }

    /// Folder beside the database.
    pub(crate) fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// Records that the new file does not tell the epoch and the highest id of the old one.
    pub(crate) fn forget_watermark(&mut self) {
        self.is_watermark_known = false;
    }

    /// Begins a new epoch in the staged file, in which no task runs, and moves it to the database's
    /// path. Returns the path of the replaced file.
    ///
    /// # Errors
    /// [`Error::Busy`] if some program reads the database; [`Error::Unusable`], [`Error::Io`]. The
    /// database is then as it was before.
    pub(crate) fn finish(self) -> Result<Option<PathBuf>> {
        self.begin_epoch()?;
        self.staging.sync()?;
        match &self.current {
            Current::Nothing => self
                .staging
                .move_to_free_path(&self.database)
                .map(|()| None),
            Current::Sound(..) => {
                close(&self.path, &self.options)?;
                self.staging.exchange(&self.database, false).map(Some)
            }
            Current::Damaged => self.staging.exchange(&self.database, true).map(Some),
        }
    }

    fn begin_epoch(&self) -> Result<()> {
        let staged = self.staged();
        let refused = |error| located(&staged, error);
        let mut connection = open_writer(&staged, &self.options)?;
        let replaced = match &self.current {
            Current::Nothing if !self.is_watermark_known => None,
            Current::Nothing => Some(Watermark::of(&connection).map_err(refused)?),
            Current::Sound(watermark, _) => Some(*watermark),
            Current::Damaged => None,
        };
        let (now, random) = (self.options.clock.now().wall, self.options.random.bits());
        let tx = connection.transaction().map_err(refused)?;
        epoch::begin(&tx, replaced, now, random)?;
        tx.commit().map_err(refused)?;
        if !close_alone(connection, &staged)? {
            return Err(unusable(
                &staged,
                "its log could not be closed; repeat the command",
            ));
        }
        Ok(())
    }
}

impl Drop for Replacement {
    /// Leaves a file that may be a replaced database for the next restore to find.
    fn drop(&mut self) {
        if !self.staging.keeps_something() {
            let _ = files::remove_folder(&self.sidecar.staging());
        }
    }
}

/// State of the file at `path`, with its epoch and highest id if they can be read.
fn look(path: &Path, options: &OpenOptions) -> Result<Current> {
    let found = open_reader(path, options).and_then(|reader| {
        let watermark = Watermark::of(&reader).map_err(|error| located(path, error))?;
        let workers = workers(&reader).map_err(|error| located(path, error))?;
        let with_claims = |worker| Ok((worker, verbs::claims_of(&reader, worker)?));
        let workers = workers
            .into_iter()
            .map(with_claims)
            .collect::<Result<_>>()?;
        let whole = is_whole(&reader).map_err(|error| located(path, error))?;
        Ok(whole.then_some((watermark, workers)))
    });
    match found {
        Ok(Some((watermark, workers))) => Ok(Current::Sound(watermark, workers)),
        Err(error @ Error::Busy { .. }) => Err(error),
        Ok(None) | Err(_) => Ok(Current::Damaged),
    }
}

fn workers(reader: &Connection) -> rusqlite::Result<Vec<WorkerId>> {
    let mut query = reader.prepare(WORKERS)?;
    let found = query.query_map([], |row| row.get(0).map(WorkerId))?;
    found.collect()
}

/// Makes the database complete without its log.
///
/// # Errors
/// [`Error::Busy`] while a program has it open that takes no share of the lock.
fn close(path: &Path, options: &OpenOptions) -> Result<()> {
    if close_alone(open_writer(path, options)?, path)? {
        return Ok(());
    }
    let readers: Vec<String> = reading(path).into_iter().map(named).collect();
    Err(Error::Busy {
        what: format!(
            "another program has it open{}{}; stop that",
            if readers.is_empty() { "" } else { ": " },
            readers.join(", ")
        ),
    })
}

/// Closes a connection so that the whole log moves into the file and is deleted. `SQLite` does that
/// only for the last connection; false if there was another.
fn close_alone(connection: Connection, path: &Path) -> Result<bool> {
    let refused = |error| located(path, error);
    if !truncate(&connection).map_err(refused)? {
        return Ok(false);
    }
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        .map_err(refused)?;
    connection.close().map_err(|(_, error)| refused(error))?;
    Ok(COMPANIONS
        .iter()
        .all(|suffix| !beside(path, suffix).exists()))
}
