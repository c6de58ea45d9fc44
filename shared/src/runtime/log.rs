//! Log files, `<db>.d/log/ID.ATTEMPT`: everything a longer command writes, head and tail kept.
//!
//! A file is frames as in [`crate::output`], beginning with the token of the claim that wrote it,
//! so that an attempt that was handed back and runs again is told from the one before. It only
//! grows, until what follows its head exceeds [`TAIL_AREA_BYTES`]: then a new file with the same
//! head, one omission and the last [`TAIL_BYTES`] takes its place in one step. A reader that has
//! the old file open sees that it has no name any more, and finds its place in the new one by
//! position.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::output::{
    Chunk, Chunks, Damaged, Frame, MAX_FRAME_BYTES, MAX_HEADER_BYTES, Output, Parsed, Stream,
    parse, push_header,
};

use super::capture::Pieces;

/// Bytes of output kept from the beginning.
pub const HEAD_BYTES: usize = 64 << 10;
/// Bytes of output kept from the end.
pub const TAIL_BYTES: usize = 64 << 10;
/// Bytes a file may grow beyond its head before it is shortened.
pub const TAIL_AREA_BYTES: u64 = 512 << 10;

/// Writes one log file. Whatever goes wrong, the command is not held up: what could not be
/// written is left out, and the file says so as soon as it can be written again.
#[derive(Debug)]
pub(super) struct LogWriter {
    path: PathBuf,
    file: File,
    /// Bytes of whole frames in the file.
    length: u64,
    /// Bytes of output in the head, and of frames once it is full.
    head: usize,
    head_length: u64,
    /// Bytes of output after the head, left out or not.
    tail: u64,
    /// Bytes left out that the file does not tell of yet.
    lost: u64,
}

impl LogWriter {
    /// Creates the file, in the place of an earlier one.
    pub(super) fn create(path: PathBuf, token: i64) -> io::Result<Self> {
        let file = create_private(&path)?;
        let mut log = Self {
            path,
            file,
            length: 0,
            head: 0,
            head_length: 0,
            tail: 0,
            lost: 0,
        };
        let mut frames = Vec::new();
        push_header(&mut frames, b't', u64::try_from(token).unwrap_or(0));
        log.file.write_all(&frames)?;
        log.length = frames.len() as u64;
        log.head_length = log.length;
        Ok(log)
    }

    pub(super) fn append(&mut self, stream: Stream, bytes: &[u8]) {
        let (head, tail) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head));
        if !head.is_empty() {
            self.head += head.len();
            self.write(stream, head);
            self.head_length = self.length;
        }
        for part in tail.chunks(MAX_FRAME_BYTES) {
            self.tail += part.len() as u64;
            self.write(stream, part);
        }
        if self.length - self.head_length > TAIL_AREA_BYTES {
            self.shorten();
        }
    }

    /// Shortens the file to head and tail for the last time.
    pub(super) fn finish(&mut self) {
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
            // Half a frame would hide every later one.
            let _ = self.file.set_len(self.length);
            self.lost += bytes.len() as u64;
        }
    }

    /// Puts a file with head, omission and tail in this one's place; where that fails, cuts
    /// everything after the head.
    fn shorten(&mut self) {
        if let Ok((file, length)) = self.shortened() {
            self.file = file;
            self.length = length;
        } else if self.file.set_len(self.head_length).is_ok() {
            self.length = self.head_length;
            self.lost = self.tail;
        }
    }

    fn shortened(&self) -> io::Result<(File, u64)> {
        let mut frames = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut frames, 0)?;
        let area = frames.split_off(usize::try_from(self.head_length).unwrap_or(usize::MAX));
        let drop = (self.tail.saturating_sub(self.lost)).saturating_sub(TAIL_BYTES as u64);
        push_header(&mut frames, b'x', drop);
        frames.extend_from_slice(&last(&area, drop)?.0);
        let mut path = self.path.clone().into_os_string();
        path.push(".new");
        let path = PathBuf::from(path);
        let mut file = create_private(&path)?;
        let placed = file
            .write_all(&frames)
            .and_then(|()| std::fs::rename(&path, &self.path));
        if let Err(error) = placed {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok((file, frames.len() as u64))
    }
}

/// The frames of `area` without its first `drop` bytes of output; neighbours of one stream are
/// merged, so that a command that writes single bytes does not fill the file with headers.
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
        }
    }
    kept.0.extend(pieces.into_output().0);
    Ok(kept)
}

fn create_private(path: &Path) -> io::Result<File> {
    let create = || {
        OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
    };
    create().or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        create()
    })
}

/// Reads a log file, whole or as it grows, from any process.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
    /// What was read of the file and is not a whole frame yet.
    unread: Vec<u8>,
    /// Bytes of the file before `unread`.
    offset: u64,
    /// The token the file begins with.
    token: Option<u64>,
    /// The position in the file, and how far the caller has come.
    position: u64,
    given: u64,
}

/// What can go wrong with a log file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no log, or not any more.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: Damaged,
    },
}

impl LogReader {
    /// A reader of the log at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            unread: Vec::new(),
            offset: 0,
            token: None,
            position: 0,
            given: 0,
        }
    }

    /// Hands every piece that is new since the last call to `piece`, in order; on the first call,
    /// everything. Pieces that were left out before they could be read are told of as omitted. A
    /// file written by another claim is read from its beginning. A frame that is not whole yet is
    /// left for the next call. At most 128 KiB are held in memory.
    ///
    /// Returns whether there is a file.
    ///
    /// # Errors
    /// [`LogError`]; what was handed on before is good.
    pub fn read(&mut self, mut piece: impl FnMut(Chunk<'_>)) -> Result<bool, LogError> {
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(false);
            }
            // Whoever takes the name away writes to the file no more: looking first and reading
            // then misses nothing.
            let replaced = self.is_replaced()?;
            self.read_file(&mut piece)?;
            if !replaced {
                return Ok(true);
            }
            self.file = None;
        }
    }

    /// The fencing token of the claim that wrote what was read last; `None` before anything was.
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    fn open(&mut self) -> Result<bool, LogError> {
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(&self.path);
        match opened {
            Ok(file) => self.file = Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(self.io(source)),
        }
        self.unread.clear();
        self.offset = 0;
        self.position = 0;
        Ok(true)
    }

    fn is_replaced(&self) -> Result<bool, LogError> {
        let metadata = self.file.as_ref().map(File::metadata).transpose();
        let metadata = metadata.map_err(|error| self.io(error))?;
        let read = self.offset + self.unread.len() as u64;
        Ok(metadata.is_some_and(|file| file.nlink() == 0 || file.len() < read))
    }

    fn read_file(&mut self, piece: &mut impl FnMut(Chunk<'_>)) -> Result<(), LogError> {
        loop {
            let Some(file) = &mut self.file else {
                return Ok(());
            };
            let read = file
                .take(MAX_FRAME_BYTES as u64)
                .read_to_end(&mut self.unread);
            let read = read.map_err(|error| self.io(error))?;
            self.take_frames(piece)?;
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn take_frames(&mut self, piece: &mut impl FnMut(Chunk<'_>)) -> Result<(), LogError> {
        let unread = std::mem::take(&mut self.unread);
        let mut at = 0;
        let damaged = loop {
            match parse(&unread[at..]) {
                Parsed::Frame(frame, length) => {
                    at += length;
                    self.take_frame(frame, piece);
                }
                Parsed::Partial => break false,
                Parsed::Damaged => break true,
            }
        };
        self.offset += at as u64;
        self.unread = unread;
        self.unread.drain(..at);
        if damaged {
            return Err(LogError::Damaged {
                path: self.path.clone(),
                source: Damaged { at: self.offset },
            });
        }
        Ok(())
    }

    fn take_frame(&mut self, frame: Frame<'_>, piece: &mut impl FnMut(Chunk<'_>)) {
        match frame {
            Frame::Token(token) => {
                if self.token.replace(token) != Some(token) {
                    self.given = 0;
                }
            }
            Frame::Written(stream, bytes) => {
                let known = self.advance(bytes.len() as u64);
                let bytes = usize::try_from(known).map_or(&[][..], |known| &bytes[known..]);
                if !bytes.is_empty() {
                    piece(Chunk::Written {
                        stream,
                        bytes: bytes.into(),
                    });
                }
            }
            Frame::Omitted(bytes) => {
                let known = self.advance(bytes);
                if bytes > known {
                    piece(Chunk::Omitted(bytes - known));
                }
            }
        }
    }

    /// Moves on by `bytes`; returns how many of them the caller has already.
    fn advance(&mut self, bytes: u64) -> u64 {
        let known = self.given.saturating_sub(self.position).min(bytes);
        self.position = self.position.saturating_add(bytes);
        self.given = self.given.max(self.position);
        known
    }

    fn io(&self, source: io::Error) -> LogError {
        LogError::Io {
            path: self.path.clone(),
            source,
        }
    }
}
