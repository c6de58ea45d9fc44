//! Reader of a log that grows and may be replaced meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::parts::{Beginning, LaterPart};
use crate::output::{Chunk, Damaged, Frame, MAX_FRAME_BYTES, Parsed, parse};
use crate::sidecar::files;

/// Reads a log, whole or as it grows, from any process.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<OpenPart>,
    /// Bytes that were read and are not a whole frame yet.
    unread: Vec<u8>,
    /// Bytes of the file before `unread`.
    offset: u64,
    /// Token at the beginning of the log.
    token: Option<u64>,
    /// Position in the output, and the position up to which the caller has it.
    position: u64,
    given: u64,
    /// True once the caller knows that the rest of the output was not read.
    given_up: bool,
}

/// File of the log that is read now.
#[derive(Debug)]
struct OpenPart {
    file: File,
    path: PathBuf,
    /// Position at which it begins.
    begins_at: u64,
}

/// Result of a step of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is no log.
    Missing,
    /// There may be more.
    More,
    /// There is no more now.
    End,
}

/// Error of a log file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        #[source]
        source: io::Error,
    },
    /// The file is not a log, or is damaged.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Position of the damage.
        #[source]
        source: Damaged,
    },
}

impl LogReader {
    /// Creates a reader of the log at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            unread: Vec::new(),
            offset: 0,
            token: None,
            position: 0,
            given: 0,
            given_up: false,
        }
    }

    /// Passes every piece that is new since the last call to `piece`, in order; on the first call,
    /// all pieces. Pieces that were dropped from the log before they were read are passed as
    /// omitted. A log written by another claim is read from its beginning. An incomplete frame is
    /// left for the next call. At most 128 KiB are held in memory.
    ///
    /// Returns true if there is a log.
    ///
    /// # Errors
    /// [`LogError`]; the pieces passed before are valid.
    pub fn read(&mut self, mut piece: impl FnMut(Chunk<'_>)) -> Result<bool, LogError> {
        loop {
            match self.step(&mut piece)? {
                Step::Missing => return Ok(false),
                Step::More => {}
                Step::End => return Ok(true),
            }
        }
    }

    /// As [`read`](Self::read), for some 64 KiB. Returns true if there may be more now.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[cfg(feature = "web")]
    pub(super) fn read_some(&mut self, mut piece: impl FnMut(Chunk<'_>)) -> Result<bool, LogError> {
        Ok(self.step(&mut piece)? == Step::More)
    }

    fn step(&mut self, piece: &mut impl FnMut(Chunk<'_>)) -> Result<Step, LogError> {
        if self.file.is_none() && !self.open()? {
            return Ok(Step::Missing);
        }
        // Nobody writes to a file once there is a later one, or once it has lost its name: to check
        // first and read then misses nothing.
        let next = self.next_part()?;
        let replaced = self.is_replaced()?;
        if self.read_file(piece)? {
            return Ok(Step::More);
        }
        match next {
            Some(next) => self.begin(next),
            None if replaced => self.file = None,
            None => return Ok(Step::End),
        }
        Ok(Step::More)
    }

    /// Fencing token of the claim that wrote the log read last; `None` before the first read.
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    /// Reader of the same log from its beginning.
    #[cfg(feature = "cli")]
    pub(crate) fn again(&self) -> Self {
        Self::new(self.path.clone())
    }

    /// Fencing token of the claim that wrote the log as it is now; `None` if there is no log, or its
    /// first frame is not written yet.
    pub(super) fn owner(&self) -> Result<Option<u64>, LogError> {
        let Some(file) = open(&self.path)? else {
            return Ok(None);
        };
        let beginning = Beginning::of(&file).map_err(|error| refused(&self.path, error))?;
        Ok(beginning.map(|beginning| beginning.token))
    }

    /// Bytes of the log's files.
    pub(super) fn size(&self) -> u64 {
        let parts = LaterPart::ALL.map(|part| part.path(&self.path));
        let paths = std::iter::once(&self.path).chain(&parts);
        let found = paths.filter_map(|path| std::fs::symlink_metadata(path).ok());
        found.map(|file| file.len()).sum()
    }

    fn open(&mut self) -> Result<bool, LogError> {
        let Some(file) = open(&self.path)? else {
            return Ok(false);
        };
        self.begin(OpenPart {
            file,
            path: self.path.clone(),
            begins_at: 0,
        });
        self.position = 0;
        Ok(true)
    }

    fn begin(&mut self, part: OpenPart) {
        self.file = Some(part);
        self.unread.clear();
        self.offset = 0;
    }

    /// The file that follows the current one.
    fn next_part(&self) -> Result<Option<OpenPart>, LogError> {
        let Some(current) = &self.file else {
            return Ok(None);
        };
        let beginning_of =
            |part: &OpenPart| Beginning::of(&part.file).map_err(|error| refused(&part.path, error));
        let mut next: Option<OpenPart> = None;
        for part in LaterPart::ALL {
            let path = part.path(&self.path);
            let Some(file) = open(&path)? else {
                // The second is made after the first, which is only ever replaced.
                break;
            };
            let mut found = OpenPart {
                file,
                path,
                begins_at: 0,
            };
            let Some(beginning) = beginning_of(&found)? else {
                continue;
            };
            found.begins_at = beginning.position;
            let is_later = found.begins_at > current.begins_at;
            let is_first = next
                .as_ref()
                .is_none_or(|next| found.begins_at < next.begins_at);
            if is_later && is_first && self.is_of_current(beginning.token)? {
                next = Some(found);
            }
        }
        Ok(next)
    }

    /// Returns true if the claim with that token wrote the current file.
    fn is_of_current(&self, token: u64) -> Result<bool, LogError> {
        let Some(current) = &self.file else {
            return Ok(false);
        };
        let beginning =
            Beginning::of(&current.file).map_err(|error| refused(&current.path, error))?;
        Ok(beginning.is_some_and(|beginning| beginning.token == token))
    }

    fn is_replaced(&self) -> Result<bool, LogError> {
        let Some(current) = &self.file else {
            return Ok(false);
        };
        let metadata = current.file.metadata();
        let metadata = metadata.map_err(|error| refused(&current.path, error))?;
        let read = self.offset + self.unread.len() as u64;
        Ok(metadata.nlink() == 0 || metadata.len() < read)
    }

    /// Reads on in the current file. Returns false at its end.
    fn read_file(&mut self, piece: &mut impl FnMut(Chunk<'_>)) -> Result<bool, LogError> {
        let Some(current) = &mut self.file else {
            return Ok(false);
        };
        let read = (&mut current.file)
            .take(MAX_FRAME_BYTES as u64)
            .read_to_end(&mut self.unread);
        let read = read.map_err(|error| refused(&current.path, error))?;
        self.take_frames(piece)?;
        Ok(read > 0)
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
            let current = self.file.as_ref().map_or(&self.path, |part| &part.path);
            return Err(LogError::Damaged {
                path: current.clone(),
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
                    self.given_up = false;
                }
            }
            Frame::Position(begin) => {
                self.omit(begin.saturating_sub(self.position), piece);
                self.position = begin;
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
            Frame::Omitted(0) => {
                if !std::mem::replace(&mut self.given_up, true) {
                    piece(Chunk::GivenUp);
                }
            }
            Frame::Omitted(bytes) => self.omit(bytes, piece),
        }
    }

    fn omit(&mut self, bytes: u64, piece: &mut impl FnMut(Chunk<'_>)) {
        let known = self.advance(bytes);
        if bytes > known {
            piece(Chunk::Omitted(bytes - known));
        }
    }

    /// Advances by `bytes`. Returns the number of them that the caller has already.
    fn advance(&mut self, bytes: u64) -> u64 {
        let known = self.given.saturating_sub(self.position).min(bytes);
        self.position = self.position.saturating_add(bytes);
        self.given = self.given.max(self.position);
        known
    }
}

/// Opens a file of a log to read it; `None` if it does not exist.
fn open(path: &Path) -> Result<Option<File>, LogError> {
    match files::read(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(refused(path, source)),
    }
}

fn refused(path: &Path, source: io::Error) -> LogError {
    LogError::Io {
        path: path.to_owned(),
        source,
    }
}
