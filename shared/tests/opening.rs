//! Opening database files: what is created, and what is refused with which sentence.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use queue_core::sqlite::{
    CORE, Database, Durability, Migration, OpenOptions, SchemaLine, WORKFLOW, promote,
};
use queue_core::{Error, Result};
use rusqlite::Connection;

fn open(path: &Path) -> Result<Database> {
    Database::open(path, OpenOptions::new(Durability::Fast)?, &[CORE])
}

fn open_existing(path: &Path) -> Result<Database> {
    let mut options = OpenOptions::new(Durability::Fast)?;
    options.create = false;
    Database::open(path, options, &[CORE])
}

fn open_read_only(path: &Path) -> Result<Database> {
    let mut options = OpenOptions::new(Durability::Fast)?;
    options.read_only = true;
    Database::open(path, options, &[CORE])
}

/// The sentence of a refusal that names the file.
fn refusal(opened: Result<Database>) -> String {
    match opened {
        Err(Error::Unusable { what, .. }) => what,
        Err(other) => panic!("not the file is to blame: {other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_file_and_its_folder_are_private_and_the_pragmas_are_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let database = open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(database.sidecar().folder()), 0o700);
    let applied = database.lines().unwrap();
    assert_eq!(applied.len(), 1);
    assert_eq!(
        (applied[0].name.as_str(), applied[0].version),
        ("core", CORE.newest())
    );
    let findings = database.diagnose(true).unwrap();
    let value = |what: &str| {
        findings
            .iter()
            .find(|finding| finding.what == what)
            .map(|finding| finding.value.as_str())
    };
    assert_eq!(value("journal_mode"), Some("wal"));
    assert_eq!(value("synchronous"), Some("1"));
    assert_eq!(value("wal_autocheckpoint"), Some("0"));
    assert_eq!(value("trusted_schema"), Some("0"));
    assert_eq!(value("integrity_check"), Some("ok"));
    assert!(findings.iter().all(|finding| finding.problem.is_none()));
}

#[test]
fn the_caller_keeps_its_user_version_and_application_id_and_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.db");
    let own = Connection::open(&path).unwrap();
    own.execute_batch(
        "PRAGMA user_version = 42; PRAGMA application_id = 77; CREATE TABLE orders (id INTEGER);",
    )
    .unwrap();
    drop(own);
    let database = open(&path).unwrap();
    let kept: (i64, i64, i64) = database
        .read(|connection| {
            Ok((
                connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
                connection.query_row("PRAGMA application_id", [], |row| row.get(0))?,
                connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0))?,
            ))
        })
        .unwrap();
    assert_eq!(kept, (42, 77, 0));
}

#[test]
fn two_ways_to_one_file_share_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let link = folder.path().join("link.db");
    let one = open(&path).unwrap();
    symlink(&path, &link).unwrap();
    let two = open(&link).unwrap();
    assert_eq!(one.sidecar(), two.sidecar());
    assert_eq!(one.path(), two.path());
}

#[test]
fn what_cannot_be_a_database_is_refused_with_its_own_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(refusal(open(folder.path())).contains("directory"));
    assert!(refusal(open(&at("missing/q.db"))).contains("create it first"));
    fs::write(
        at("text"),
        "not a database, and long enough to be looked at",
    )
    .unwrap();
    assert!(refusal(open(&at("text"))).contains("not an SQLite database"));
    assert_eq!(
        fs::read(at("text")).unwrap(),
        b"not a database, and long enough to be looked at"
    );
    assert!(refusal(open(&at("text/q.db"))).contains("not a folder"));
    symlink(at("nowhere"), at("dangling")).unwrap();
    assert!(refusal(open(&at("dangling"))).contains("symbolic link"));
    drop(open(&at("named.db")).unwrap());
    fs::hard_link(at("named.db"), at("again.db")).unwrap();
    assert!(refusal(open(&at("again.db"))).contains("hard links"));
    assert!(matches!(
        open(Path::new("/dev/null")),
        Err(Error::Unusable { .. })
    ));
}

#[test]
fn what_is_refused_stays_as_it_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text"), "no database, though it is long enough").unwrap();
    Connection::open(at("orders.db"))
        .unwrap()
        .execute_batch("CREATE TABLE orders (id INTEGER)")
        .unwrap();
    Connection::open(at("part.db"))
        .unwrap()
        .execute_batch("CREATE TABLE queue_tasks (id INTEGER)")
        .unwrap();
    fs::write(at("taken.db.d"), "a file where the folder has to be").unwrap();
    let before = names(folder.path());
    assert!(refusal(open(&at("text"))).contains("not an SQLite database"));
    assert!(refusal(open_existing(&at("orders.db"))).contains("no queue in this file"));
    assert!(refusal(open_read_only(&at("orders.db"))).contains("no queue in this file"));
    assert!(refusal(open(&at("part.db"))).contains("only a part"));
    assert!(refusal(open(&at("taken.db"))).contains("not a folder"));
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_missing_file_is_created_only_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    assert!(refusal(open_existing(&path)).contains("first task"));
    assert!(refusal(open_read_only(&path)).contains("first task"));
    assert!(names(folder.path()).is_empty());
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE orders (id INTEGER)")
        .unwrap();
    assert!(refusal(open_existing(&path)).contains("no queue in this file"));
    assert!(refusal(open_read_only(&path)).contains("no queue in this file"));
}

#[test]
fn reading_only_changes_nothing_and_sees_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let writer = open(&path).unwrap();
    writer
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE seen (id INTEGER)")?))
        .unwrap();
    fs::remove_dir_all(writer.sidecar().folder()).unwrap();
    let before = names(folder.path());
    let reader = open_read_only(&path).unwrap();
    reader
        .read(|connection| Ok(connection.query_row("SELECT count(*) FROM seen", [], |_| Ok(()))?))
        .unwrap();
    let refused = reader.write(|_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("reading only"), "{refused}");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_damaged_file_is_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    drop(open(&path).unwrap());
    // Everything into the file, and the log gone, so that the damage is not healed from it.
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "journal_mode", "delete").unwrap();
    drop(other);
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[100..4096] {
        *byte = 0xa5;
    }
    fs::write(&path, bytes).unwrap();
    assert!(refusal(open(&path)).contains("damaged"));
}

#[test]
fn a_file_that_another_process_reads_is_not_opened_without_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE kept (id); INSERT INTO kept VALUES (7); BEGIN")
        .unwrap();
    let kept = || other.query_row("SELECT id FROM kept", [], |row| row.get::<_, i64>(0));
    assert_eq!(kept().unwrap(), 7);
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.busy_timeout = Duration::from_millis(1);
    let opened = Database::open(&path, options, &[CORE]);
    assert!(matches!(opened, Err(Error::Busy { .. })), "{opened:?}");
    other.execute_batch("COMMIT").unwrap();
    let findings = open(&path).unwrap().diagnose(false).unwrap();
    let mode = findings.iter().find(|one| one.what == "journal_mode");
    assert_eq!(mode.map(|one| one.value.as_str()), Some("wal"));
}

#[test]
fn a_newer_schema_a_part_of_one_and_a_stranger_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    drop(open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other
        .execute("INSERT INTO queue_schema VALUES ('workflow', 3, 0)", [])
        .unwrap();
    let lines = open(&path).unwrap().lines().unwrap();
    assert_eq!(
        lines.len(),
        2,
        "a line this program does not know is left alone"
    );
    other
        .execute(
            "UPDATE queue_schema SET version = 99 WHERE line = 'core'",
            [],
        )
        .unwrap();
    assert!(refusal(open(&path)).contains("newer version"));
    assert!(refusal(open_read_only(&path)).contains("newer version"));
    other.execute_batch("DROP TABLE queue_schema").unwrap();
    assert!(refusal(open(&path)).contains("only a part"));
}

#[test]
fn a_line_advances_from_every_older_version_and_keeps_the_rows() {
    const STEPS: [Migration; 2] = [
        Migration {
            version: 1,
            sql: "CREATE TABLE own (id INTEGER); INSERT INTO own VALUES (1);",
        },
        Migration {
            version: 2,
            sql: "ALTER TABLE own ADD COLUMN more INTEGER NOT NULL DEFAULT 5;",
        },
    ];
    const OLD: SchemaLine = SchemaLine {
        name: "own",
        migrations: STEPS.split_at(1).0,
        promotes: false,
        begin: None,
    };
    const NEW: SchemaLine = SchemaLine {
        name: "own",
        migrations: &STEPS,
        promotes: false,
        begin: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let options = || OpenOptions::new(Durability::Fast).unwrap();
    drop(Database::open(&path, options(), &[CORE, OLD]).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE queue_schema SET migrated_at = 0", [])
        .unwrap();
    let mut read_only = options();
    read_only.read_only = true;
    assert!(
        refusal(Database::open(&path, read_only, &[CORE, NEW])).contains("older"),
        "reading does not upgrade"
    );
    let database = Database::open(&path, options(), &[CORE, NEW]).unwrap();
    let row: (i64, i64) = database
        .read(|connection| {
            Ok(connection.query_row("SELECT id, more FROM own", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?)
        })
        .unwrap();
    assert_eq!(row, (1, 5));
    let migrated: Vec<bool> = database
        .read(|connection| {
            let mut query =
                connection.prepare("SELECT migrated_at > 0 FROM queue_schema ORDER BY line")?;
            let found = query.query_map([], |row| row.get(0))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap();
    assert_eq!(migrated, [false, true]);
    let lines = database.lines().unwrap().into_iter();
    let lines: Vec<_> = lines.map(|line| (line.name, line.version)).collect();
    assert_eq!(
        lines,
        [("core".to_owned(), CORE.newest()), ("own".to_owned(), 2)]
    );
}

#[test]
fn many_open_a_new_file_at_once_and_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open(&path).unwrap());
        }
    });
    assert_eq!(open(&path).unwrap().lines().unwrap().len(), 1);
}

#[test]
fn the_first_to_open_empties_the_log_and_a_one_shot_program_leaves_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let log = folder.path().join("q.db-wal");
    let writer = open(&path).unwrap();
    writer
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE once (bytes BLOB)")?))
        .unwrap();
    drop(writer);
    let length = || fs::metadata(&log).unwrap().len();
    assert!(length() > 0);
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.one_shot = true;
    drop(Database::open(&path, options.clone(), &[CORE]).unwrap());
    assert!(length() > 0, "left to others");
    let first = open(&path).unwrap();
    assert_eq!(length(), 0);
    first
        .write(|tx| Ok(tx.execute_batch("CREATE TABLE filled (bytes BLOB)")?))
        .unwrap();
    let _second = open(&path).unwrap();
    assert!(length() > 0, "only the first does");
}

#[test]
fn a_network_file_system_is_refused_unless_forced() {
    const NFS: i64 = 0x6969;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.file_system = |_| Some(NFS);
    let what = refusal(Database::open(&path, options.clone(), &[CORE]));
    assert!(what.contains("network file system (NFS)"), "{what}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    options.force_network_fs = true;
    let database = Database::open(&path, options, &[CORE]).unwrap();
    let findings = database.diagnose(false).unwrap();
    let told = |finding: &queue_core::queue::Finding| {
        finding.value == "network (NFS)" && finding.problem.is_some()
    };
    assert!(findings.iter().any(told), "{findings:?}");
}

#[test]
fn a_line_that_promotes_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let database = Database::open(&folder.path().join("q.db"), options, &[CORE]).unwrap();
    let at = database.now().wall;
    let take = || database.write(move |connection| promote(connection, &WORKFLOW, at));
    assert!(take().unwrap());
    assert!(!take().unwrap(), "somebody was first");
}

/// A worker went on with what it had opened while a newer program upgraded the file beneath it. An
/// upgrade now holds the file alone, and says who has it open.
#[test]
fn a_file_is_upgraded_while_nobody_else_has_it_open() {
    const STEPS: [Migration; 2] = [
        Migration {
            version: 1,
            sql: "CREATE TABLE own (id INTEGER)",
        },
        Migration {
            version: 2,
            sql: "ALTER TABLE own ADD COLUMN more INTEGER",
        },
    ];
    const fn own(steps: &'static [Migration]) -> SchemaLine {
        SchemaLine {
            name: "own",
            migrations: steps,
            promotes: false,
            begin: None,
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let (older, newer) = ([CORE, own(STEPS.split_at(1).0)], [CORE, own(&STEPS)]);
    let open = |lines: &[SchemaLine], wait| {
        let mut options = OpenOptions::new(Durability::Fast).unwrap();
        options.busy_timeout = Duration::from_millis(wait);
        Database::open(&path, options, lines)
    };
    let before = open(&older, 0).unwrap();
    let refused = open(&newer, 20).unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    for said in [
        "older than this program's",
        "it is used by",
        "stop its workers",
    ] {
        assert!(refused.to_string().contains(said), "{refused}");
    }
    before.write(|_| Ok(())).unwrap();
    std::thread::scope(|scope| {
        // Far longer than the test: the wait ends when the file is closed.
        let upgrading = [(); 2].map(|()| scope.spawn(|| open(&newer, 600_000)));
        drop(before);
        for upgraded in upgrading {
            upgraded.join().unwrap().unwrap().write(|_| Ok(())).unwrap();
        }
    });
    let refused = open(&older, 20).unwrap_err().to_string();
    assert!(refused.contains("newer version"), "{refused}");
}
