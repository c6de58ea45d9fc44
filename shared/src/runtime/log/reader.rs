//! Reader of a log file that grows and may be replaced meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::output::{Chunk, Damaged, Frame, MAX_FRAME_BYTES, Parsed, parse};
use crate::sidecar::files;

/// Reads a log file, whole or as it grows, from any process.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
    /// Bytes that were read and are not a whole frame yet.
    unread: Vec<u8>,
    /// Bytes of the file before `unread`.
    offset: u64,
    /// Token at the beginning of the file.
    token: Option<u64>,
    /// Position in the output, and the position up to which the caller has it.
    position: u64,
    given: u64,
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
        }
    }

    /// Passes every piece that is new since the last call to `piece`, in order; on the first call,
    /// all pieces. Pieces that were dropped from the file before they were read are passed as
    /// omitted. A file written by another claim is read from its beginning. An incomplete frame is
    /// left for the next call. At most 128 KiB are held in memory.
    ///
    /// Returns true if there is a file.
    ///
    /// # Errors
    /// [`LogError`]; the pieces passed before are valid.
    pub fn read(&mut self, mut piece: impl FnMut(Chunk<'_>)) -> Result<bool, LogError> {
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(false);
            }
            // Nobody writes to a file that has lost its name: to check first and read then misses
            // nothing.
            let replaced = self.is_replaced()?;
            self.read_file(&mut piece)?;
            if !replaced {
                return Ok(true);
            }
            self.file = None;
        }
    }

    /// Fencing token of the claim that wrote the file read last; `None` before the first read.
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    fn open(&mut self) -> Result<bool, LogError> {
        match files::read(&self.path) {
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
            // The last frame of a file that is not replaced any more, so it is read once.
            Frame::Omitted(0) => piece(Chunk::GivenUp),
            Frame::Omitted(bytes) => {
                let known = self.advance(bytes);
                if bytes > known {
                    piece(Chunk::Omitted(bytes - known));
                }
            }
        }
    }

    /// Advances by `bytes`. Returns the number of them that the caller has already.
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
