//! Writer of a log, which keeps it within its bound.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, OFlags, fcntl_setfl, flock};

use super::parts::{self, Beginning, LaterPart};
use crate::output::{MAX_FRAME_BYTES, MAX_HEADER_BYTES, Stream, push_header};
use crate::sidecar::files::{Folder, split};

/// Writer of one log. An error never delays the command: bytes that could not be written are left
/// out, and the log records the gap as soon as it can be written again.
#[derive(Debug)]
pub(in crate::runtime) struct LogWriter {
    path: PathBuf,
    token: u64,
    /// File that is written now.
    file: File,
    /// The first file, once another is written. Its lock shows that the log is not finished.
    first: Option<File>,
    next: LaterPart,
    /// Bytes of output that a later file takes.
    quarter: u64,
    /// Bytes of output that the current file still takes.
    room: u64,
    /// Length of the current file, and its largest one: a file of very many frames ends early.
    length: u64,
    most: u64,
    /// Lengths of the first file and of the one before the current one.
    before: [u64; 2],
    /// Bytes of all output, written or not.
    position: u64,
    /// Bytes left out that the log does not record yet.
    lost: u64,
}

impl LogWriter {
    /// Creates the first file of a log of up to `size` bytes of output. Replaces an earlier log.
    pub(in crate::runtime) fn create(path: PathBuf, token: i64, size: u64) -> io::Result<Self> {
        let (folder, name) = split(&path)?;
        let file = create_first(&Folder::open(folder)?, name)?;
        let quarter = size / 4;
        let half = size - 2 * quarter;
        let beginning = Beginning {
            token: u64::try_from(token).unwrap_or(0),
            position: 0,
        };
        let mut log = Self {
            path,
            token: beginning.token,
            file,
            first: None,
            next: LaterPart::A,
            quarter,
            room: half,
            length: 0,
            most: 2 * half,
            before: [0; 2],
            position: 0,
            lost: 0,
        };
        let frames = beginning.frames();
        log.file.write_all(&frames)?;
        log.length = frames.len() as u64;
        Ok(log)
    }

    pub(in crate::runtime) fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let is_full = self.room == 0 || self.length >= self.most;
            if is_full && self.begin_next().is_err() {
                self.position += rest.len() as u64;
                self.lost += rest.len() as u64;
                return;
            }
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at(rest.len().min(room).min(MAX_FRAME_BYTES));
            self.write(stream, part);
            rest = after;
        }
    }

    /// Length of all its files.
    pub(in crate::runtime) fn length_of_all(&self) -> u64 {
        self.before.iter().sum::<u64>() + self.length
    }

    /// Records bytes that were left out at the end.
    pub(in crate::runtime) fn finish(&mut self) {
        if self.lost > 0 {
            let mut frame = Vec::new();
            push_header(&mut frame, b'x', self.lost);
            self.write_last(&frame);
            self.lost = 0;
        }
    }

    /// Records that the rest was not read. Called after [`finish`](Self::finish).
    pub(in crate::runtime) fn give_up(&mut self) {
        let mut frame = Vec::new();
        push_header(&mut frame, b'x', 0);
        self.write_last(&frame);
    }

    fn write_last(&mut self, frame: &[u8]) {
        if self.file.write_all(frame).is_ok() {
            self.length += frame.len() as u64;
        } else {
            // An incomplete frame would count as damage.
            let _ = self.file.set_len(self.length);
        }
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let mut header = Vec::with_capacity(2 * MAX_HEADER_BYTES);
        if self.lost > 0 {
            push_header(&mut header, b'x', self.lost);
        }
        push_header(&mut header, stream.tag(), bytes.len() as u64);
        let whole = header.len() + bytes.len();
        let parts = [IoSlice::new(&header), IoSlice::new(bytes)];
        self.position += bytes.len() as u64;
        if matches!(self.file.write_vectored(&parts), Ok(written) if written == whole) {
            self.length += whole as u64;
            self.room -= bytes.len() as u64;
            self.lost = 0;
        } else {
            // An incomplete frame would hide all later ones.
            let _ = self.file.set_len(self.length);
            self.lost += bytes.len() as u64;
        }
    }

    /// Continues in the next file, which replaces the one before the last. Its position covers the
    /// bytes left out before.
    fn begin_next(&mut self) -> io::Result<()> {
        let (folder, name) = split(&self.path)?;
        let folder = Folder::open(folder)?;
        let unplaced = parts::unplaced(name);
        let mut file = create(&folder, &unplaced)?;
        let frames = Beginning {
            token: self.token,
            position: self.position,
        }
        .frames();
        let placed = file
            .write_all(&frames)
            .and_then(|()| folder.replace(&unplaced, &self.next.name(name)));
        if let Err(error) = placed {
            let _ = folder.remove(&unplaced);
            return Err(error);
        }
        let before = std::mem::replace(&mut self.file, file);
        self.before[usize::from(self.first.is_some())] = self.length;
        self.first.get_or_insert(before);
        self.next = self.next.next();
        self.length = frames.len() as u64;
        self.room = self.quarter;
        self.most = 2 * self.quarter;
        self.lost = 0;
        Ok(())
    }
}

/// Creates the first file of a log and locks it. Removes an earlier log.
fn create_first(folder: &Folder, name: &OsStr) -> io::Result<File> {
    if folder.size(name).is_some() {
        parts::remove_later(folder, name);
    }
    let file = create(folder, name)?;
    // Without the lock the log may be shortened while it is written, and its rest is lost.
    let _ = flock(&file, FlockOperation::NonBlockingLockShared);
    Ok(file)
}

/// Creates a file, replacing an earlier one. It is opened to append, so that it can be
/// truncated meanwhile.
fn create(folder: &Folder, name: &OsStr) -> io::Result<File> {
    let created = folder.new_file(name).or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        folder.remove(name)?;
        folder.new_file(name)
    })?;
    fcntl_setfl(&created, OFlags::APPEND)?;
    Ok(created)
}
