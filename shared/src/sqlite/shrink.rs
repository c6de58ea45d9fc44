//! Returns the free space of a database to the file system. `SQLite` writes the used pages to a
//! temporary file, and from there, in one transaction, back over the database. If this process is
//! killed, the file is either the old one or the new one, with the same contents.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{Access, access, statvfs};

use super::checkpointer::truncate;
use super::connection::open_writer;
use super::database::log_size;
use super::fault::located;
use super::in_use::WholeLock;
use super::lines::CORE;
use super::locate::{Located, locate, prepare_sidecar, unusable};
use super::migrate::{is_behind, lines};
use super::options::{Durability, OpenOptions};
use super::processes::{named, reading};
use super::statement;
use crate::error::{Error, Result};

const VACUUM: &str = statement(include_str!("../../queries/vacuum.sql"));
const RENUMBERS: &str = statement(include_str!("../../queries/shrink_renumbers.sql"));

/// Result of a [`shrink`]: bytes of the database and its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

/// Returns the free space of the database at `path` to the file system. Keeps ids, `user_version`
/// and `application_id`. Unless `force` is set, refuses a file with tables of the caller's that
/// have no INTEGER PRIMARY KEY, because their rowids may change.
///
/// # Errors
/// [`Error::Busy`] with the processes that have it open; [`Error::Invalid`] with the tables whose
/// rowids may change; [`Error::Shortage`] if there is too little space; [`Error::Unusable`]. The
/// contents are then as before.
pub fn shrink(path: &Path, options: &OpenOptions, force: bool) -> Result<Shrunk> {
    let options = OpenOptions {
        create: false,
        read_only: false,
        one_shot: true,
        durability: Durability::Full,
        ..options.clone()
    };
    let Located { path, sidecar } = locate(path, &options)?;
    let found = open_writer(&path, &options)?;
    let applied = lines(&found, &path)?;
    if applied.is_empty() {
        return Err(unusable(
            &path,
            "there is no queue in this file; name another",
        ));
    }
    is_behind(&path, &applied, &[CORE])?;
    prepare_sidecar(&path, &sidecar)?;
    drop(found);
    let _whole = WholeLock::take(&sidecar)?;
    // Another file may have replaced it until now.
    let connection = open_writer(&path, &options)?;
    let refused = |error| located(&path, error);
    if !force {
        refuse_renumbering(&renumbered(&connection).map_err(refused)?)?;
    }
    let before = size(&path);
    if !truncate(&connection).map_err(refused)? {
        return Err(in_use(&path));
    }
    let needed = content(&connection).map_err(refused)?;
    check_space(&path, needed)?;
    keep_temporary_content_on_disk(&connection).map_err(refused)?;
    connection.execute(VACUUM, []).map_err(refused)?;
    // Until then, the file keeps its old size, and the log has the new contents.
    if !truncate(&connection).map_err(refused)? {
        return Err(in_use(&path));
    }
    Ok(Shrunk {
        before,
        after: size(&path),
    })
}

fn renumbered(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(RENUMBERS)?;
    let found = query.query_map([], |row| row.get(0))?;
    found.collect()
}

fn refuse_renumbering(tables: &[String]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "rows of your own tables have no INTEGER PRIMARY KEY, so their rowids may change: {}; if \
         nothing refers to these, --force shrinks the file all the same",
        tables.join(", ")
    )))
}

fn in_use(path: &Path) -> Error {
    let readers: Vec<String> = reading(path).into_iter().map(named).collect();
    Error::Busy {
        what: format!(
            "another program reads it{}{}; end that, and shrink it again",
            if readers.is_empty() { "" } else { ": " },
            readers.join(", ")
        ),
    }
}

/// Bytes of a database and its log.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len()) + log_size(path)
}

/// Bytes in use in the file: the size after shrinking is no larger.
fn content(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = ask("page_count")?.saturating_sub(ask("freelist_count")?);
    let bytes = pages.saturating_mul(ask("page_size")?);
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// A database of any size fits on a disk sooner than in memory.
fn keep_temporary_content_on_disk(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "temp_store", 1)
}

/// Free space of a folder.
struct Space {
    folder: PathBuf,
    device: u64,
    free: u64,
}

impl Space {
    fn of(folder: &Path) -> Option<Self> {
        let free = statvfs(folder).ok()?;
        Some(Self {
            folder: folder.to_owned(),
            device: fs::metadata(folder).ok()?.dev(),
            free: free.f_bavail.saturating_mul(free.f_frsize),
        })
    }
}

/// Checks that the contents fit twice: in the temporary folder, and in the log beside the database,
/// each frame of which has some more bytes. Passes if the space is unknown: if it runs out,
/// `SQLite` leaves the file as it was.
fn check_space(path: &Path, content: u64) -> Result<()> {
    let beside = path.parent().and_then(Space::of);
    let temporary = temporary_folder(|name| std::env::var_os(name))
        .as_deref()
        .and_then(Space::of);
    match (beside, temporary) {
        (Some(beside), Some(temporary)) => {
            missing(&beside, &temporary, content).map_or(Ok(()), |what| {
                Err(Error::Shortage {
                    path: path.to_owned(),
                    what,
                    source: None,
                })
            })
        }
        (None | Some(_), None) | (None, Some(_)) => Ok(()),
    }
}

/// Sentence about the missing space.
fn missing(beside: &Space, temporary: &Space, content: u64) -> Option<String> {
    let log = content
        .saturating_add(content / 100)
        .saturating_add(1 << 20);
    let is_one = beside.device == temporary.device;
    let beside_needs = if is_one {
        log.saturating_add(content)
    } else {
        log
    };
    let short = |space: &Space, needed: u64, help: &str| {
        (space.free < needed).then(|| {
            format!(
                "shrinking it takes {needed} bytes in {}, where {} are free; free some{help}",
                space.folder.display(),
                space.free
            )
        })
    };
    short(beside, beside_needs, "").or_else(|| {
        let help = ", or name another folder in SQLITE_TMPDIR";
        short(temporary, content, help).filter(|_| !is_one)
    })
}

/// Folder in which `SQLite` puts temporary files: the first of these that can be written to.
fn temporary_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = ["SQLITE_TMPDIR", "TMPDIR"].into_iter().filter_map(variable);
    let usual = ["/var/tmp", "/usr/tmp", "/tmp", "."].map(OsString::from);
    let mut folders = named.chain(usual).map(PathBuf::from);
    folders.find(|folder| {
        folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(folder: &str, device: u64, free: u64) -> Space {
        Space {
            folder: folder.into(),
            device,
            free,
        }
    }

    #[test]
    fn contents_have_to_fit_twice_on_one_disk_or_once_on_each_of_two() {
        const MIB: u64 = 1 << 20;
        let log = 100 * MIB + MIB + MIB;
        let needs = |beside, temporary| missing(&beside, &temporary, 100 * MIB);
        assert_eq!(
            needs(
                space("/a", 1, log + 100 * MIB),
                space("/t", 1, log + 100 * MIB)
            ),
            None
        );
        let short = needs(space("/a", 1, 199 * MIB), space("/t", 1, 199 * MIB)).unwrap();
        assert!(
            short.contains("in /a") && short.contains("are free"),
            "{short}"
        );
        assert_eq!(needs(space("/a", 1, log), space("/t", 2, 100 * MIB)), None);
        let short = needs(space("/a", 1, log), space("/t", 2, 99 * MIB)).unwrap();
        assert!(
            short.contains("in /t") && short.contains("SQLITE_TMPDIR"),
            "{short}"
        );
        assert!(needs(space("/a", 1, 99 * MIB), space("/t", 2, 100 * MIB)).is_some());
    }

    #[test]
    fn temporary_files_go_where_sqlite_puts_them() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().as_os_str().to_owned();
        let found = temporary_folder(|name| (name == "TMPDIR").then(|| named.clone()));
        assert_eq!(found.as_deref(), Some(folder.path()));
        let missing = OsString::from("/nowhere/at/all");
        let found = temporary_folder(|_| Some(missing.clone()));
        assert_ne!(found, Some(PathBuf::from(missing)));
    }

    #[test]
    fn only_tables_whose_rows_may_be_renumbered_are_named() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE kept (id INTEGER PRIMARY KEY, name);
                 CREATE TABLE keyed (name TEXT PRIMARY KEY) WITHOUT ROWID;
                 CREATE TABLE bare (name);
                 CREATE TABLE text_key (name TEXT PRIMARY KEY);
                 CREATE TABLE two_keys (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
                 CREATE TABLE descending (id INTEGER PRIMARY KEY DESC);
                 CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT);
                 CREATE TABLE queue_own (name);
                 CREATE VIEW seen AS SELECT * FROM bare;",
            )
            .unwrap();
        assert_eq!(
            renumbered(&connection).unwrap(),
            ["bare", "descending", "text_key", "two_keys"]
        );
        let refused = refuse_renumbering(&["bare".to_owned()]).unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
    }
}
