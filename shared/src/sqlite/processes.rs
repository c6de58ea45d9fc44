//! Processes that hold a lock, as the system lists them, and their names. Opens only files of
//! `/proc`: closing any descriptor of `SQLite`'s files would drop its locks.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::file_identity::beside;

/// Bytes that `SQLite` locks in the index of the write-ahead log: the writer's, and those of
/// readers within a transaction (`WALINDEX_LOCK_OFFSET` in its wal.c).
const WRITER: u64 = 120;
const READERS: std::ops::RangeInclusive<u64> = 123..=127;

/// Line of `/proc/locks` for a lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeldLock {
    is_flock: bool,
    is_exclusive: bool,
    pid: u32,
    inode: u64,
    /// First and last byte.
    bytes: (u64, u64),
}

/// Processes that hold the flock(2) lock on the file at `path`, alone or with others.
pub(super) fn locking(path: &Path) -> Vec<u32> {
    pids(path, |lock| lock.is_flock)
}

/// Process that holds it alone.
pub(super) fn locking_alone(path: &Path) -> Option<u32> {
    pids(path, |lock| lock.is_flock && lock.is_exclusive)
        .first()
        .copied()
}

/// Process within a write transaction of the database at `path`.
pub(super) fn writing(path: &Path) -> Option<u32> {
    let covers = |lock: &HeldLock| lock.bytes.0 <= WRITER && WRITER <= lock.bytes.1;
    pids(&beside(path, "-shm"), |lock| !lock.is_flock && covers(lock))
        .first()
        .copied()
}

/// Processes within a read transaction of the database at `path`.
pub(super) fn reading(path: &Path) -> Vec<u32> {
    let covers =
        |lock: &HeldLock| lock.bytes.0 <= *READERS.end() && *READERS.start() <= lock.bytes.1;
    pids(&beside(path, "-shm"), |lock| !lock.is_flock && covers(lock))
}

/// Number of readings of the list before a lock counts as free. The system returns the list a page
/// at a time. If other locks come and go meanwhile, it may skip one that is held throughout.
const LOOKS: usize = 8;

fn pids(path: &Path, wanted: impl Fn(&HeldLock) -> bool) -> Vec<u32> {
    let mut looks = (0..LOOKS).map(|_| listed(path, &wanted));
    let found = looks.find(|pids| !pids.is_empty());
    found.unwrap_or_default()
}

fn listed(path: &Path, wanted: impl Fn(&HeldLock) -> bool) -> Vec<u32> {
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

/// Parses lines such as `1: FLOCK ADVISORY WRITE 4711 fe:00:262146 0 EOF`; a waiting one has `->`
/// in second position.
fn held(line: &str) -> Option<HeldLock> {
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
    Some(HeldLock {
        is_flock: kind == "FLOCK",
        is_exclusive: mode == "WRITE",
        pid: pid.parse().ok()?,
        inode: file.rsplit(':').next()?.parse().ok()?,
        bytes: (first.parse().ok()?, last),
    })
}

/// Process as messages name it: its number, its name, and if it is stopped. The process chooses its
/// name; characters that could upset a terminal are removed.
pub(super) fn named(pid: u32) -> String {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return format!("process {pid}");
    };
    named_in(pid, &stat)
}

/// Parses `stat`, such as `4711 (name) S 1 …`; the name may contain anything.
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
    use super::{HeldLock, held, named_in};

    #[test]
    fn a_held_lock_is_told_from_a_waiting_one() {
        let lock = held("2: FLOCK  ADVISORY  WRITE 11 fe:00:78 0 EOF").unwrap();
        assert_eq!(
            lock,
            HeldLock {
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
    fn a_process_is_shown_by_any_name_it_has() {
        assert_eq!(named_in(7, "7 (sqlite3) S 1 2"), "process 7 (sqlite3)");
        assert_eq!(
            named_in(7, "7 (a) T (\u{1b}[2J) T 1 2"),
            "process 7 (a) T ([2J, stopped)"
        );
        assert_eq!(named_in(7, ""), "process 7");
    }
}
