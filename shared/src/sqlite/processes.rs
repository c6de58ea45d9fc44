//! Which processes hold a lock, as the system tells it, and what they are called. Nothing is opened
//! for it but files of `/proc`: `SQLite`'s locks would be dropped with any descriptor of its files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::place::beside;

/// Where `SQLite` locks the index of the write-ahead log: the writer's byte, and those of readers
/// within a transaction (`WALINDEX_LOCK_OFFSET` in its wal.c).
const WRITER: u64 = 120;
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// A line of `/proc/locks`, of a lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    is_flock: bool,
    is_exclusive: bool,
    pid: u32,
    inode: u64,
    /// First and last byte.
    bytes: (u64, u64),
}

/// Who holds the flock(2) lock on the file at `path`, alone or with others.
pub(super) fn locking(path: &Path) -> Vec<u32> {
    pids(path, |lock| lock.is_flock)
}

/// Who holds it alone.
pub(super) fn locking_alone(path: &Path) -> Option<u32> {
    pids(path, |lock| lock.is_flock && lock.is_exclusive)
        .first()
        .copied()
}

/// Who is within a write transaction of the database at `path`.
pub(super) fn writing(path: &Path) -> Option<u32> {
    let covers = |lock: &Held| lock.bytes.0 <= WRITER && WRITER <= lock.bytes.1;
    pids(&beside(path, "-shm"), |lock| !lock.is_flock && covers(lock))
        .first()
        .copied()
}

/// Who is within a read transaction of the database at `path`.
pub(super) fn reading(path: &Path) -> Vec<u32> {
    let covers = |lock: &Held| lock.bytes.0 <= *READERS.end() && *READERS.start() <= lock.bytes.1;
    pids(&beside(path, "-shm"), |lock| !lock.is_flock && covers(lock))
}

/// How often the list is read before nobody is said to hold a lock. The system hands it out a page at a
/// time, and where other locks come and go meanwhile, it may pass over one that is held throughout.
const LOOKS: usize = 8;

fn pids(path: &Path, wanted: impl Fn(&Held) -> bool) -> Vec<u32> {
    let mut looks = (0..LOOKS).map(|_| listed(path, &wanted));
    let found = looks.find(|pids| !pids.is_empty());
    found.unwrap_or_default()
}

fn listed(path: &Path, wanted: impl Fn(&Held) -> bool) -> Vec<u32> {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Vec::new();
    };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let held = locks.lines().filter_map(held);
    let of_file = held.filter(|lock| lock.inode == metadata.ino() && wanted(lock));
    let mut pids: Vec<u32> = of_file.map(|lock| lock.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Lines read `1: FLOCK ADVISORY WRITE 4711 fe:00:262146 0 EOF`; one that waits has `->` second.
fn held(line: &str) -> Option<Held> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, kind, _, mode, pid, file, first, last] = words[..] else {
        return None;
    };
    if !matches!(kind, "FLOCK" | "POSIX") {
        return None;
    }
    let last = if last == "EOF" {
        u64::MAX
    } else {
        last.parse().ok()?
    };
    Some(Held {
        is_flock: kind == "FLOCK",
        is_exclusive: mode == "WRITE",
        pid: pid.parse().ok()?,
        inode: file.rsplit(':').next()?.parse().ok()?,
        bytes: (first.parse().ok()?, last),
    })
}

/// A process as messages call it: its number, its name and whether it is stopped. The name is
/// whatever the process calls itself, without what could upset a terminal.
pub(super) fn named(pid: u32) -> String {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return format!("process {pid}");
    };
    named_in(pid, &stat)
}

/// `stat` reads `4711 (name) S 1 …`; the name may contain anything.
fn named_in(pid: u32, stat: &str) -> String {
    let parts = stat
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(") "));
    let Some((name, rest)) = parts else {
        return format!("process {pid}");
    };
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let stopped = if rest.starts_with(['T', 't']) {
        ", stopped"
    } else {
        ""
    };
    format!("process {pid} ({name}{stopped})")
}

#[cfg(test)]
mod tests {
    use super::{Held, held, named_in};

    #[test]
    fn a_lock_that_is_held_is_told_from_one_that_is_waited_for() {
        let lock = held("2: FLOCK  ADVISORY  WRITE 11 fe:00:78 0 EOF").unwrap();
        assert_eq!(
            lock,
            Held {
                is_flock: true,
                is_exclusive: true,
                pid: 11,
                inode: 78,
                bytes: (0, u64::MAX),
            }
        );
        assert_eq!(held("3: -> FLOCK  ADVISORY  WRITE 13 fe:00:77 0 EOF"), None);
        let lock = held("1: POSIX  ADVISORY  READ 10 fe:00:77 123 123").unwrap();
        assert!(!lock.is_flock && !lock.is_exclusive);
        assert_eq!(lock.bytes, (123, 123));
        assert_eq!(held("nonsense"), None);
    }

    #[test]
    fn a_process_is_called_by_its_name_whatever_that_is() {
        assert_eq!(named_in(7, "7 (sqlite3) S 1 2"), "process 7 (sqlite3)");
        assert_eq!(
            named_in(7, "7 (a) T (\u{1b}[2J) T 1 2"),
            "process 7 (a) T ([2J, stopped)"
        );
        assert_eq!(named_in(7, ""), "process 7");
    }
}
