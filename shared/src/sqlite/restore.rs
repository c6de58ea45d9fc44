//! Puts another file in a database's place. It is made ready in a folder beside the database, and
//! the two change places in one step; whoever is killed before or after that leaves a whole
//! database.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::backup::{copy, is_whole};
use super::checkpointer::truncate;
use super::connection::{open_reader, open_writer};
use super::epoch::{self, Past};
use super::exchange::{Beside, Staging};
use super::fault::located;
use super::in_use::Whole;
use super::locate::COMPANIONS;
use super::locate::{Located, locate, prepare_sidecar, unusable};
use super::options::{Durability, OpenOptions};
use super::place::{Identity, beside};
use super::processes::{named, reading};
use super::{migrate, statement, verbs};
use crate::claim::{Claim, WorkerId};
use crate::coordination::Origin;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files;
use crate::sidecar::records::{Namespace, RecordFile};

const WORKERS: &str = statement(include_str!("../../queries/restore/workers.sql"));

/// A backup that is open.
#[derive(Debug)]
pub(crate) struct BackupFile {
    path: PathBuf,
    reader: Connection,
}

impl BackupFile {
    /// Opens the backup in the file at `backup`, of the database at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not there; [`Error::Invalid`] if it is the database itself;
    /// [`Error::Unusable`] if it is no database, or holds no queue.
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

/// A file that is to take a database's place. Nobody else opens the database as long as this lives.
#[derive(Debug)]
pub(crate) struct Replacement {
    /// The database whose place it takes, absolute.
    path: PathBuf,
    database: Beside,
    staging: Staging,
    sidecar: Sidecar,
    options: OpenOptions,
    /// What is in that place now.
    current: Current,
    is_past_known: bool,
    /// What an interrupted restore had set aside, now under a name that lasts.
    pub(crate) found: Option<PathBuf>,
    /// Dropped last: nobody else opens the database before what was made for nothing is gone.
    _made: Made,
    _whole: Whole,
}

/// What was made so that a database can be: dropped where none came of it, it takes that away.
#[derive(Debug)]
struct Made {
    /// The file, empty until another takes its place.
    file: Option<Beside>,
    /// The folder beside it.
    folder: Option<PathBuf>,
}

impl Drop for Made {
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

/// What stands in the place.
#[derive(Debug)]
enum Current {
    Nothing,
    /// A database, how far it has come, and the workers it knows with their claims.
    Sound(Past, Vec<(WorkerId, Vec<Claim>)>),
    /// Something that cannot be read.
    Damaged,
}

impl Replacement {
    /// Begins to replace the database at `path`, or to make one where there is none.
    ///
    /// # Errors
    /// [`Error::Busy`] with the processes that have it open; as
    /// [`Database::open`](super::Database::open) for a place where no database may be.
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
        let database = Beside::open(&path)?;
        let is_there = fs::symlink_metadata(sidecar.folder()).is_ok();
        let made = Made {
            file: missing.then(|| Beside::open(&path)).transpose()?,
            folder: (!is_there).then(|| sidecar.folder().to_owned()),
        };
        prepare_sidecar(&path, &sidecar)?;
        let whole = Whole::take(&sidecar)?;
        let (staging, found) = Staging::clear(&database, &sidecar)?;
        let empty = fs::metadata(&path).is_ok_and(|found| found.len() == 0);
        let current = if missing || empty {
            Current::Nothing
        } else {
            look(&path, &options)?
        };
        Ok(Self {
            // Where somebody wrote there was a database that is gone.
            is_past_known: !sidecar.writer_lock().exists(),
            path,
            database,
            staging,
            sidecar,
            options,
            current,
            found,
            _made: made,
            _whole: whole,
        })
    }

    /// Where the new file is made.
    pub(crate) fn staged(&self) -> PathBuf {
        self.staging.new_file()
    }

    /// How the new file is to be opened.
    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Copies a backup to where the new file is made.
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

    /// The workers that either file knows, and of each whether it may have left processes here, and
    /// for which claims: of those in a backup of another database it is unknown whether they are dead.
    /// Where the old file does not tell what its workers held, their records do.
    ///
    /// # Errors
    /// When the staged file cannot be read, or what a worker recorded.
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

    /// The folder beside the database.
    pub(crate) fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// Takes into account that the new file does not tell how far the old one had come.
    pub(crate) fn forget_past(&mut self) {
        self.is_past_known = false;
    }

    /// Begins a new epoch in the staged file, in which nothing runs, and has it take the place.
    /// Returns where the file is kept that was there before.
    ///
    /// # Errors
    /// [`Error::Busy`] if some program reads the database; [`Error::Unusable`], [`Error::Io`]. The
    /// database is as it was before then.
    pub(crate) fn finish(self) -> Result<Option<PathBuf>> {
        self.begin_epoch()?;
        self.staging.sync()?;
        match &self.current {
            Current::Nothing => self.staging.take_free_place(&self.database).map(|()| None),
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
            Current::Nothing if !self.is_past_known => None,
            Current::Nothing => Some(Past::of(&connection).map_err(refused)?),
            Current::Sound(past, _) => Some(*past),
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
    /// What may be a database that was replaced is left for the next one to find.
    fn drop(&mut self) {
        if !self.staging.keeps_something() {
            let _ = files::remove_folder(&self.sidecar.staging());
        }
    }
}

/// What stands at `path`: how far it has come, if that can be read.
fn look(path: &Path, options: &OpenOptions) -> Result<Current> {
    let found = open_reader(path, options).and_then(|reader| {
        let past = Past::of(&reader).map_err(|error| located(path, error))?;
        let workers = workers(&reader).map_err(|error| located(path, error))?;
        let with_claims = |worker| Ok((worker, verbs::claims_of(&reader, worker)?));
        let workers = workers
            .into_iter()
            .map(with_claims)
            .collect::<Result<_>>()?;
        let whole = is_whole(&reader).map_err(|error| located(path, error))?;
        Ok(whole.then_some((past, workers)))
    });
    match found {
        Ok(Some((past, workers))) => Ok(Current::Sound(past, workers)),
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
/// [`Error::Busy`] while some program has it open that takes no share of the lock.
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

/// Closes a connection in a way that moves the whole log into the file and takes the log away.
/// `SQLite` does that only for the last to close it; false if that was another.
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
