//! Cuts a log of an ended attempt: to its head and tail, to a note of its length, or to nothing.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, Timespec, Timestamps, flock, futimens};

use super::budget::{Cut, occupied};
use super::parts::{self, Beginning};
use super::reader::LogReader;
use crate::output::{Chunk, MAX_HEADER_BYTES, Output, Stream};
use crate::sidecar::files::{Folder, split};

/// Bytes that a frame takes beside its output.
const FRAME_BYTES: usize = MAX_HEADER_BYTES;

/// Cuts the log at `path`. Its last change remains `modified`. Returns the bytes that it takes then;
/// `None` if it stays, because its command runs or it cannot be read.
pub(super) fn cut(path: &Path, extent: Cut, modified: Timespec) -> io::Result<Option<u64>> {
    let (folder, name) = split(path)?;
    let folder = Folder::open(folder)?;
    let first = match folder.existing_file(name) {
        Ok(first) => first,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            remove_leftovers(&folder, name);
            return Ok(Some(0));
        }
        Err(error) => return Err(error),
    };
    // The writer holds its lock until the log is finished, or its process ends.
    if flock(&first, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    let size = match extent {
        Cut::Short | Cut::Note => {
            let most = if extent == Cut::Note {
                0
            } else {
                usize::try_from(extent.bytes() / 2).unwrap_or(0)
            };
            let Some(frames) = shortened(&first, path, most)? else {
                return Ok(None);
            };
            let size = occupied(frames.len() as u64);
            replace(&folder, &first, name, &frames, modified)?.then_some(size)
        }
        Cut::Removed => remove(&folder, &first, name)?.then_some(0),
    };
    if size.is_some() {
        remove_leftovers(&folder, name);
    }
    Ok(size)
}

fn remove_leftovers(folder: &Folder, name: &OsStr) {
    parts::remove_later(folder, name);
    let _ = folder.remove(&parts::shortened(name));
}

/// Frames of the log with `most` bytes of its head and of its tail; `None` if it is damaged.
fn shortened(first: &File, path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(beginning) = Beginning::of(first)? else {
        return Ok(None);
    };
    let mut kept =
        HeadAndTail::new(most.saturating_sub(beginning.frames().len() + 2 * FRAME_BYTES));
    let mut reader = LogReader::new(path.to_owned());
    if reader.read(|chunk| kept.take(&chunk)).is_err() {
        return Ok(None);
    }
    let mut frames = beginning.frames();
    frames.extend(kept.into_output().0);
    Ok(Some(frames))
}

/// Replaces the file `name`, if it is still `locked`, by one with these frames.
fn replace(
    folder: &Folder,
    locked: &File,
    name: &OsStr,
    frames: &[u8],
    modified: Timespec,
) -> io::Result<bool> {
    let new = parts::shortened(name);
    let _ = folder.remove(&new);
    let mut file = folder.new_file(&new)?;
    let times = Timestamps {
        last_access: modified,
        last_modification: modified,
    };
    let placed = file
        .write_all(frames)
        .and_then(|()| Ok(futimens(&file, &times)?))
        .and_then(|()| place(folder, locked, &new, name));
    if !matches!(placed, Ok(true)) {
        let _ = folder.remove(&new);
    }
    placed
}

/// Gives `name` to the new file, if it is the name of `locked`. A command that runs again under the
/// same attempt may have begun another log meanwhile, which keeps its name.
fn place(folder: &Folder, locked: &File, new: &OsStr, name: &OsStr) -> io::Result<bool> {
    match folder.exchange(new, folder, name) {
        Ok(()) if folder.holds(new, locked) => Ok(true),
        Ok(()) => {
            folder.exchange(new, folder, name)?;
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // The file system cannot exchange names.
        Err(_) if folder.holds(name, locked) => {
            folder.rename(new, folder, name)?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// Removes the file `name`, if it is still `locked`.
fn remove(folder: &Folder, locked: &File, name: &OsStr) -> io::Result<bool> {
    let aside = parts::shortened(name);
    folder.rename(name, folder, &aside)?;
    if folder.holds(&aside, locked) {
        return Ok(true);
    }
    folder.rename(&aside, folder, name)?;
    Ok(false)
}

/// First and last bytes of an output, which is taken in piece by piece.
#[derive(Debug)]
struct HeadAndTail {
    /// Bytes of frames on each side.
    most: usize,
    head: Pieces,
    head_ended: bool,
    omitted: u64,
    tail: Pieces,
    given_up: bool,
}

/// Pieces of output with the bytes of their frames; adjacent ones of one stream are merged.
#[derive(Debug, Default)]
struct Pieces {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

#[derive(Debug)]
enum Piece {
    Written(Stream, Vec<u8>),
    Omitted(u64),
}

impl HeadAndTail {
    fn new(most: usize) -> Self {
        Self {
            most,
            head: Pieces::default(),
            head_ended: false,
            omitted: 0,
            tail: Pieces::default(),
            given_up: false,
        }
    }

    fn take(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => self.written(*stream, bytes),
            Chunk::Omitted(bytes) => {
                self.head_ended = true;
                self.tail.omitted(*bytes);
                self.omitted += self.tail.trim(self.most);
            }
            Chunk::GivenUp => self.given_up = true,
        }
    }

    fn written(&mut self, stream: Stream, bytes: &[u8]) {
        let room = if self.head_ended {
            0
        } else {
            self.most.saturating_sub(self.head.bytes + FRAME_BYTES)
        };
        let (head, tail) = bytes.split_at(bytes.len().min(room));
        self.head.written(stream, head);
        if !tail.is_empty() {
            self.head_ended = true;
            self.tail.written(stream, tail);
            self.omitted += self.tail.trim(self.most);
        }
    }

    fn into_output(self) -> Output {
        let mut output = Output::default();
        self.head.push_to(&mut output);
        output.push_omitted(self.omitted);
        self.tail.push_to(&mut output);
        if self.given_up {
            output.push_given_up();
        }
        output
    }
}

impl Pieces {
    fn written(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        if let Some(Piece::Written(last, before)) = self.pieces.back_mut()
            && *last == stream
        {
            before.extend_from_slice(bytes);
        } else {
            self.bytes += FRAME_BYTES;
            self.pieces
                .push_back(Piece::Written(stream, bytes.to_vec()));
        }
    }

    fn omitted(&mut self, bytes: u64) {
        self.bytes += FRAME_BYTES;
        self.pieces.push_back(Piece::Omitted(bytes));
    }

    /// Drops bytes from the front until `most` are left. Returns the number of bytes of output that
    /// were dropped.
    fn trim(&mut self, most: usize) -> u64 {
        let mut dropped = 0;
        while self.bytes > most {
            let excess = self.bytes - most;
            match self.pieces.front_mut() {
                Some(Piece::Written(_, bytes)) if bytes.len() > excess => {
                    bytes.drain(..excess);
                    self.bytes -= excess;
                    dropped += excess as u64;
                }
                Some(Piece::Written(_, bytes)) => {
                    self.bytes -= bytes.len() + FRAME_BYTES;
                    dropped += bytes.len() as u64;
                    self.pieces.pop_front();
                }
                Some(Piece::Omitted(bytes)) => {
                    self.bytes -= FRAME_BYTES;
                    dropped += *bytes;
                    self.pieces.pop_front();
                }
                None => break,
            }
        }
        dropped
    }

    fn push_to(&self, output: &mut Output) {
        for piece in &self.pieces {
            match piece {
                Piece::Written(stream, bytes) => output.push(*stream, bytes),
                Piece::Omitted(bytes) => output.push_omitted(*bytes),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::HeadAndTail;
    use crate::output::{Chunk, Output, Stream};

    fn chunk() -> impl Strategy<Value = Chunk<'static>> {
        let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
        let size = prop_oneof![3 => 1..30_usize, 1 => 500..3000_usize];
        prop_oneof![
            8 => (stream, size, any::<u8>()).prop_map(|(stream, size, byte)| Chunk::Written {
                stream,
                bytes: vec![byte; size].into(),
            }),
            1 => (1..100_u64).prop_map(Chunk::Omitted),
        ]
    }

    /// Every byte with its stream; an omitted one is `None`.
    fn bytes_of(chunks: &[Chunk<'_>]) -> Vec<Option<(Stream, u8)>> {
        let mut all = Vec::new();
        for chunk in chunks {
            match chunk {
                Chunk::Written { stream, bytes } => {
                    all.extend(bytes.iter().map(|byte| Some((*stream, *byte))));
                }
                Chunk::Omitted(bytes) => all.extend((0..*bytes).map(|_| None)),
                Chunk::GivenUp => {}
            }
        }
        all
    }

    proptest! {
        #[test]
        fn head_and_tail_stay_in_place_and_the_rest_is_counted(
            chunks in proptest::collection::vec(chunk(), 0..60), most in 0..2000_usize,
        ) {
            let mut kept = HeadAndTail::new(most);
            for chunk in &chunks {
                kept.take(chunk);
            }
            let output = kept.into_output();
            prop_assert!(output.0.len() <= 2 * most + 42);
            let read: Vec<_> = output.chunks().collect::<Result<_, _>>().unwrap();
            let (before, after) = (bytes_of(&chunks), bytes_of(&read));
            prop_assert_eq!(before.len(), after.len());
            for (old, new) in before.iter().zip(&after) {
                prop_assert!(new.is_none() || new == old);
            }
            let whole = before.len() + 21 * (chunks.len() + 2) <= most;
            prop_assert!(!whole || before == after);
        }
    }

    #[test]
    fn a_note_has_the_length_and_the_end_of_reading() {
        let mut kept = HeadAndTail::new(0);
        let bytes = vec![b'a'; 100].into();
        kept.take(&Chunk::Written {
            stream: Stream::Stdout,
            bytes,
        });
        kept.take(&Chunk::Omitted(7));
        kept.take(&Chunk::GivenUp);
        let mut expected = Output::default();
        expected.push_omitted(107);
        expected.push_given_up();
        assert_eq!(kept.into_output(), expected);
    }
}
