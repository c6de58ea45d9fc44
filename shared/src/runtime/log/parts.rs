//! Files of one log: their names, the beginning of each, and their removal.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::output::{Frame, MAX_HEADER_BYTES, Parsed, parse, push_header};
use crate::sidecar::files::{self, Folder};

/// Later files of a log, which take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaterPart {
    A,
    B,
}

impl LaterPart {
    pub(super) const ALL: [Self; 2] = [Self::A, Self::B];

    const fn ending(self) -> &'static str {
        match self {
            Self::A => ".a",
            Self::B => ".b",
        }
    }

    /// The part that is written after this one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Name of this part of the log `name`.
    pub(super) fn name(self, log: &OsStr) -> OsString {
        with(log, self.ending())
    }

    /// Path of this part of the log at `path`.
    pub(super) fn path(self, log: &Path) -> PathBuf {
        with(log.as_os_str(), self.ending()).into()
    }
}

/// Name of a part that is written before it takes its place.
pub(super) fn unplaced(log: &OsStr) -> OsString {
    with(log, ".new")
}

/// Name of a shortened log before it takes its place, and of the old one after that.
pub(super) fn shortened(log: &OsStr) -> OsString {
    with(log, ".cut")
}

fn with(log: &OsStr, ending: &str) -> OsString {
    let mut name = log.to_owned();
    name.push(ending);
    name
}

/// Log that a file belongs to, by the file's name.
pub(super) fn log_of(file: &str) -> Option<&str> {
    let mut dots = file.match_indices('.').map(|(at, _)| at);
    let (first, second) = (dots.next()?, dots.next());
    let log = &file[..second.unwrap_or(file.len())];
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (task, attempt) = (&log[..first], &log[first + 1..]);
    let ending = &file[log.len()..];
    let is_known = matches!(ending, "" | ".a" | ".b" | ".new" | ".cut");
    (is_number(task) && is_number(attempt) && is_known).then_some(log)
}

/// Beginning of a file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) token: u64,
    /// Position of its first byte; 0 in the first file.
    pub(super) position: u64,
}

impl Beginning {
    /// Frames of the beginning.
    pub(super) fn frames(self) -> Vec<u8> {
        let mut frames = Vec::with_capacity(2 * MAX_HEADER_BYTES);
        push_header(&mut frames, b't', self.token);
        if self.position > 0 {
            push_header(&mut frames, b'p', self.position);
        }
        frames
    }

    /// Reads the beginning of a file, wherever its cursor is. `None` if it does not begin with a
    /// token.
    pub(super) fn of(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; 2 * MAX_HEADER_BYTES];
        let mut filled = 0;
        while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            match file.read_at(room, filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::parse(&bytes[..filled]))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let Parsed::Frame(Frame::Token(token), length) = parse(bytes) else {
            return None;
        };
        let position = match parse(&bytes[length..]) {
            Parsed::Frame(Frame::Position(position), _) => position,
            Parsed::Frame(..) | Parsed::Partial | Parsed::Damaged => 0,
        };
        Some(Self { token, position })
    }
}

/// Removes all files of the log at `path`, the first one last: without it there is no log.
pub(in crate::runtime) fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = files::split(path)?;
    let folder = Folder::open(folder)?;
    remove_later(&folder, name);
    folder.remove(name)
}

/// Removes all files of a log but the first.
pub(super) fn remove_later(folder: &Folder, log: &OsStr) {
    for part in LaterPart::ALL {
        // A part that stays is of another claim, or holds nothing new; prune removes it.
        let _ = folder.remove(&part.name(log));
    }
    let _ = folder.remove(&unplaced(log));
}

#[cfg(test)]
mod tests {
    use super::{Beginning, LaterPart, log_of};

    #[test]
    fn a_beginning_reads_back_unchanged() {
        for beginning in [
            Beginning {
                token: 1,
                position: 0,
            },
            Beginning {
                token: i64::MAX.cast_unsigned(),
                position: u64::MAX / 2,
            },
        ] {
            let mut frames = beginning.frames();
            assert_eq!(Beginning::parse(&frames), Some(beginning));
            frames.extend_from_slice(b"o1\na");
            assert_eq!(Beginning::parse(&frames), Some(beginning));
        }
        assert_eq!(Beginning::parse(b"o1\na"), None);
        assert_eq!(Beginning::parse(b"t1"), None);
    }

    #[test]
    fn every_file_of_a_log_is_known_by_its_name() {
        for name in ["7.1", "7.1.a", "7.1.b", "7.1.new", "7.1.cut"] {
            assert_eq!(log_of(name), Some("7.1"), "{name}");
        }
        for name in [
            "7",
            "7.",
            ".1",
            "7.1.c",
            "7.1.a.b",
            "a.1",
            "7.b",
            "",
            "notes.txt",
        ] {
            assert_eq!(log_of(name), None, "{name}");
        }
        assert_eq!(LaterPart::A.next().next(), LaterPart::A);
    }
}
