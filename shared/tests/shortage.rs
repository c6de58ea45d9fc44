//! What the system lacks for a while: calls are refused in a way that says so, and succeed again.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use queue_core::Error;
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Where the process under a limit finds the database.
const LIMITED: &str = "QUEUE_TEST_LIMITED";
/// Longer than any wait here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(path: &Path) -> Database {
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.busy_timeout = Duration::from_millis(100);
    Database::open(path, options, &[CORE]).unwrap()
}

/// Runs the test of that name in a process of its own, under what `limit` says in a shell.
fn in_a_process(limit: &str, test: &str, path: &Path) {
    let done = Command::new("sh")
        .args([
            "-c",
            &format!("{limit}; exec \"$0\" --exact {test} --nocapture"),
        ])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{done:?}"
    );
}

/// The database, in the process that [`in_a_process`] runs.
fn limited() -> Option<PathBuf> {
    std::env::var_os(LIMITED).map(PathBuf::from)
}

/// Takes every descriptor that is left.
fn hoard() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn read_only(path: &Path) -> queue_core::Result<Database> {
    let options = OpenOptions::new(Durability::Fast).unwrap();
    Database::open(path, options.read_only(true), &[CORE])
}

fn count(database: &Database) -> queue_core::Result<i64> {
    database.read(|connection| {
        Ok(connection.query_row("SELECT count(*) FROM queue_queues", [], |row| row.get(0))?)
    })
}

/// A worker that had no descriptor left when it first looked at the file was ended by it, and so were
/// its heartbeats, which opened their connection at the first of them. Now they have one beforehand,
/// and what has to be opened later is tried again.
#[test]
fn a_process_without_descriptors_goes_on_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    in_a_process("ulimit -n 48", "without_descriptors", &path);
}

/// The other half of the test above.
#[test]
fn without_descriptors() {
    let Some(path) = limited() else { return };
    let database = open(&path);
    let write = || database.write(|tx| Ok(tx.execute_batch("CREATE TABLE IF NOT EXISTS t (n)")?));
    write().unwrap();
    database.open_heartbeats().unwrap();
    let hoarded = hoard();
    write().unwrap();
    database.heartbeat(PATIENCE, |_| Ok(())).unwrap();
    let refused = [
        count(&database).map(|_| ()),
        database.change_counter().map(|_| ()),
    ];
    for refused in refused {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, Error::Shortage { .. }), "{refused:?}");
        assert!(refused.may_pass());
    }
    drop(hoarded);
    assert_eq!(count(&database).unwrap(), 1);
    database.change_counter().unwrap();
}

/// A quota or a limit on the size of files ended the worker as a broken disk does.
#[test]
fn a_refused_write_is_told_apart_from_a_broken_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    in_a_process("trap '' XFSZ; ulimit -f 2048", "under_a_limit", &path);
}

/// The other half of the test above: 1 MiB are room for the file and not for these rows.
#[test]
fn under_a_limit() {
    let Some(path) = limited() else { return };
    let database = open(&path);
    database
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE t (n)")?))
        .unwrap();
    let put = |bytes: i64| {
        move |tx: &rusqlite::Connection| {
            tx.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes])?;
            Ok(())
        }
    };
    // Larger than the cache: it is written before the commit.
    let refused = database.write(put(20_000_000)).unwrap_err();
    assert!(matches!(refused, Error::Shortage { .. }), "{refused:?}");
    assert!(refused.to_string().contains("limits on the size of files"));
    assert!(database.write(put(2_000_000)).unwrap_err().may_pass());
    let refused = database.heartbeat(PATIENCE, put(20_000_000)).unwrap_err();
    assert!(matches!(refused, Error::Shortage { .. }), "{refused:?}");
    database.write(put(10)).unwrap();
    database.heartbeat(PATIENCE, put(10)).unwrap();
}

/// What could not be opened beside the file for want of descriptors made the file unusable, and a
/// lock that could not be opened for it was done without: a restore did not know of that reader.
#[test]
fn an_opening_that_lacks_descriptors_is_a_shortage_whatever_it_lacks_them_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    in_a_process("ulimit -n 64", "opening_without_descriptors", &path);
}

/// The other half of the test above.
#[test]
fn opening_without_descriptors() {
    let Some(path) = limited() else { return };
    let writer = |path: &Path| {
        let options = OpenOptions::new(Durability::Fast).unwrap();
        Database::open(path, options, &[CORE])
    };
    drop(writer(&path).unwrap());
    for open in [&writer as &dyn Fn(&Path) -> _, &read_only] {
        let mut hoarded = hoard();
        let mut refused = 0;
        while let Err(error) = open(&path) {
            assert!(matches!(error, Error::Shortage { .. }), "{error:?}");
            refused += 1;
            hoarded.pop().unwrap();
        }
        assert!(refused > 1, "{refused}");
    }
    // A file that is yet to be made.
    let mut hoarded = hoard();
    let another = path.with_file_name("another.db");
    while let Err(error) = writer(&another) {
        assert!(matches!(error, Error::Shortage { .. }), "{error:?}");
        hoarded.pop().unwrap();
    }
}

/// The pool of readers panicked where the system had no thread for it.
#[test]
fn a_read_without_a_thread_is_a_shortage_and_succeeds_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    in_a_process("true", "without_a_thread", &path);
}

/// The other half of the test above.
#[test]
fn without_a_thread() {
    let Some(path) = limited() else { return };
    let database = open(&path);
    let limit = getrlimit(Resource::As);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kilobytes = size.unwrap().trim().trim_end_matches(" kB");
    let used = kilobytes.parse::<u64>().unwrap() << 10;
    // Enough for all but the stack of a thread.
    let current = Some(used + (1 << 20));
    setrlimit(Resource::As, Rlimit { current, ..limit }).unwrap();
    let refused = count(&database);
    setrlimit(Resource::As, limit).unwrap();
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Shortage { .. }), "{refused:?}");
    assert!(refused.to_string().contains("no thread"), "{refused}");
    assert_eq!(count(&database).unwrap(), 1);
}
