//! Readings of the machine: space, memory, the length of the log, the time of a sync.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, openat, statvfs};

/// Bytes written before the sync.
const PROBE: [u8; 4096] = [0; 4096];

/// Free and total bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    /// Bytes that may still be used.
    pub free: u64,
    /// All bytes.
    pub total: u64,
}

/// Space of the file system of a path; `None` if it cannot be read.
pub(super) fn disk(path: &Path) -> Option<Space> {
    let space = statvfs(path).ok()?;
    Some(Space {
        free: space.f_bavail.saturating_mul(space.f_frsize),
        total: space.f_blocks.saturating_mul(space.f_frsize),
    })
}

/// Memory of the machine; `None` if it cannot be read.
pub(super) fn memory() -> Option<Space> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(meminfo: &str) -> Option<Space> {
    let bytes = |name: &str| -> Option<u64> {
        let mut lines = meminfo.lines();
        let value = lines.find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some(Space {
        free: bytes("MemAvailable:")?,
        total: bytes("MemTotal:")?,
    })
}

/// Bytes of the file; 0 if it cannot be read.
pub(super) fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Bytes of the write-ahead log beside the file; 0 if there is none.
pub(super) fn log_bytes(path: &Path) -> u64 {
    let mut log = OsString::from(path);
    log.push("-wal");
    std::fs::metadata(PathBuf::from(log)).map_or(0, |metadata| metadata.len())
}

/// Time to write 4 KiB to a new file without a name in that folder and to sync it. `None` if this user
/// may not, or if the file system has no such files.
#[expect(
    clippy::disallowed_methods,
    reason = "it takes less than the millisecond that a clock shows"
)]
pub(super) fn sync(folder: &Path) -> Option<Duration> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR).ok()?);
    let start = Instant::now();
    file.write_all(&PROBE).ok()?;
    file.sync_data().ok()?;
    Some(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::{Space, disk, log_bytes, memory, parse, sync};

    #[test]
    fn a_folder_is_measured_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let space = disk(folder.path()).unwrap();
        assert!(space.free <= space.total && space.total > 0, "{space:?}");
        // A file system without nameless files has no time either.
        let _ = sync(folder.path());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(sync(&folder.path().join("missing")), None);
        let path = folder.path().join("q.db");
        assert_eq!(log_bytes(&path), 0);
        std::fs::write(folder.path().join("q.db-wal"), [0; 77]).unwrap();
        assert_eq!(log_bytes(&path), 77);
    }

    #[test]
    fn memory_is_read_from_the_lines_of_the_kernel() {
        let lines = "MemTotal:       24689764 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n";
        let expected = Space {
            free: 1 << 20,
            total: 24_689_764 << 10,
        };
        assert_eq!(parse(lines), Some(expected));
        assert_eq!(parse("MemTotal: 5 kB\n"), None);
        let now = memory().unwrap();
        assert!(now.free <= now.total);
    }
}
