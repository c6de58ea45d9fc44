//! Writer of a log file, which keeps the file short.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{OFlags, fcntl_setfl};

use super::super::capture::Pieces;
use super::{HEAD_BYTES, TAIL_AREA_BYTES, TAIL_BYTES};
use crate::output::{
    Chunk, Chunks, MAX_FRAME_BYTES, MAX_HEADER_BYTES, Output, Stream, push_header,
};
use crate::sidecar::files::{Folder, split};

/// Writer of one log file. An error never delays the command: bytes that could not be written are
/// left out, and the file records the gap as soon as it can be written again.
#[derive(Debug)]
pub(in crate::runtime) struct LogWriter {
    path: PathBuf,
    file: File,
    /// Bytes of complete frames in the file.
    pub(super) length: u64,
    /// Bytes of output in the head. Below, the bytes of its frames.
    head: usize,
    pub(super) head_length: u64,
    /// Bytes of output after the head, written or left out.
    tail: u64,
    /// Bytes left out that the file does not record yet.
    lost: u64,
    /// Two positions at least [`TAIL_BYTES`] apart, the later one first: the last [`TAIL_BYTES`]
    /// begin shortly after the earlier one.
    marks: [Mark; 2],
}

/// Position between two frames after the head.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Bytes of the file before the position.
    offset: u64,
    /// Bytes of output between the head and the position.
    tail: u64,
}

impl LogWriter {
    /// Creates the file, replacing an earlier one.
    pub(in crate::runtime) fn create(path: PathBuf, token: i64) -> io::Result<Self> {
        let (folder, name) = split(&path)?;
        let file = create(&Folder::open(folder)?, name)?;
        let mut log = Self {
            path,
            file,
            length: 0,
            head: 0,
            head_length: 0,
            tail: 0,
            lost: 0,
            marks: [Mark::default(); 2],
        };
        let mut frames = Vec::new();
        push_header(&mut frames, b't', u64::try_from(token).unwrap_or(0));
        log.file.write_all(&frames)?;
        log.length = frames.len() as u64;
        log.end_head();
        Ok(log)
    }

    pub(in crate::runtime) fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let (head, tail) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head));
        if !head.is_empty() {
            self.head += head.len();
            self.write(stream, head);
            self.end_head();
        }
        for part in tail.chunks(MAX_FRAME_BYTES) {
            let here = Mark {
                offset: self.length,
                tail: self.tail - self.lost,
            };
            if here.tail >= self.marks[0].tail + TAIL_BYTES as u64 {
                self.marks = [here, self.marks[0]];
            }
            self.write(stream, part);
            self.tail += part.len() as u64;
        }
        if self.length - self.head_length > TAIL_AREA_BYTES {
            self.shorten();
        }
    }

    /// Moves the end of the head to here.
    fn end_head(&mut self) {
        if self.lost > 0 {
            self.head = HEAD_BYTES;
            self.tail = self.lost;
        }
        self.head_length = self.length;
        self.marks = [self.head_mark(); 2];
    }

    fn head_mark(&self) -> Mark {
        Mark {
            offset: self.head_length,
            tail: 0,
        }
    }

    /// Shortens the file to head and tail for the last time.
    pub(in crate::runtime) fn finish(&mut self) {
        if self.lost > 0 {
            let mut frame = Vec::new();
            push_header(&mut frame, b'x', self.lost);
            if self.file.write_all(&frame).is_ok() {
                self.length += frame.len() as u64;
                self.lost = 0;
            }
        }
        if self.tail > TAIL_BYTES as u64 && self.length - self.head_length > TAIL_BYTES as u64 {
            self.shorten();
        }
    }

    /// Records that the rest was not read. Called after [`finish`](Self::finish).
    pub(in crate::runtime) fn give_up(&mut self) {
        let mut frame = Vec::new();
        push_header(&mut frame, b'x', 0);
        if self.file.write_all(&frame).is_err() {
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
        if matches!(self.file.write_vectored(&parts), Ok(written) if written == whole) {
            self.length += whole as u64;
            self.lost = 0;
        } else {
            // An incomplete frame would hide all later ones.
            let _ = self.file.set_len(self.length);
            self.lost += bytes.len() as u64;
        }
    }

    /// Replaces the file by one with head, omission and tail. If that fails, truncates it after the
    /// head.
    fn shorten(&mut self) {
        if self.replace().is_err() && self.file.set_len(self.head_length).is_ok() {
            self.length = self.head_length;
            self.lost = self.tail;
            self.marks = [self.head_mark(); 2];
        }
    }

    fn replace(&mut self) -> io::Result<()> {
        let end = self.tail - self.lost;
        let drop = end.saturating_sub(TAIL_BYTES as u64);
        let from = self.marks[usize::from(self.marks[0].tail > drop)];
        let mut frames = self.frames(0, self.head_length)?;
        push_header(&mut frames, b'x', drop);
        let here = Mark {
            offset: frames.len() as u64,
            tail: drop,
        };
        let area = self.frames(from.offset, self.length)?;
        frames.extend_from_slice(&last(&area, drop.saturating_sub(from.tail))?.0);
        let (folder, name) = split(&self.path)?;
        let folder = Folder::open(folder)?;
        let mut new = name.to_owned();
        new.push(".new");
        let mut file = create(&folder, &new)?;
        let placed = file
            .write_all(&frames)
            .and_then(|()| folder.replace(&new, name));
        if let Err(error) = placed {
            let _ = folder.remove(&new);
            return Err(error);
        }
        self.file = file;
        self.length = frames.len() as u64;
        self.marks = [here; 2];
        Ok(())
    }

    fn frames(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut frames = vec![0; length];
        self.file.read_exact_at(&mut frames, from)?;
        Ok(frames)
    }
}

/// Returns the frames of `area` without its first `drop` bytes of output. Adjacent pieces of one
/// stream are merged, so that a command that writes single bytes does not fill the file with
/// headers.
fn last(area: &[u8], drop: u64) -> io::Result<Output> {
    let damaged = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut left = drop;
    let mut pieces = Pieces::default();
    let mut kept = Output::default();
    for chunk in Chunks::of(area) {
        match chunk.map_err(damaged)? {
            Chunk::Written { stream, bytes } => {
                let skip = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                left -= skip as u64;
                pieces.push(stream, &bytes[skip..]);
            }
            Chunk::Omitted(bytes) if bytes > left => {
                kept.0.extend(std::mem::take(&mut pieces).into_output().0);
                kept.push_omitted(bytes - left);
                left = 0;
            }
            Chunk::Omitted(bytes) => left -= bytes,
            Chunk::GivenUp => {}
        }
    }
    kept.0.extend(pieces.into_output().0);
    Ok(kept)
}

/// Creates the file, replacing an earlier one. It is opened to append, so that it can be truncated
/// meanwhile.
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
