//! Output of a task: stdout and stderr in the order in which they were read, head and tail kept. If
//! writes to the two pipes both arrive between two reads, their order is unknown.
//!
//! The stored form, in `queue_outputs.frames` and in log files, is a sequence of frames: a tag
//! byte, a decimal number of 1 to 19 digits and a newline, then for `o` and `e` the bytes.
//!
//! | tag | number | followed by |
//! |---|---|---|
//! | `o` | bytes of stdout, 1 to [`MAX_FRAME_BYTES`] | those bytes |
//! | `e` | bytes of stderr, 1 to [`MAX_FRAME_BYTES`] | those bytes |
//! | `x` | how many bytes were left out here; 0 if reading was given up here | nothing |
//! | `t` | the fencing token of the claim that wrote a log file; its first frame | nothing |
//! | `p` | the position at which a later file of a log begins; its second frame | nothing |
//!
//! The bytes of the `o` and `e` frames and the numbers of the `x` frames before a point add up to
//! its *position* in all output of the task, however much has been left out since.

use std::io::Write;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Number of attempts of a task whose output is kept, counted from the last one.
pub const KEPT_OUTPUTS: u32 = 10;

/// Most bytes in one frame, so that a reader's memory is bounded for any file.
pub const MAX_FRAME_BYTES: usize = 64 << 10;

/// Most bytes of a handler's result, which is stored as its task's output. As much is kept of a
/// command's output.
pub const MAX_RESULT_BYTES: usize = 128 << 10;

/// Length of the longest tag, number and newline.
pub(crate) const MAX_HEADER_BYTES: usize = 21;

/// Frames as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output(pub Vec<u8>);

/// Stream that a command wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// Bytes that the command wrote.
    Written {
        /// Stream they were written to.
        stream: Stream,
        /// Bytes, which may be neither text nor safe for a terminal.
        bytes: std::borrow::Cow<'a, [u8]>,
    },
    /// Number of bytes that were left out here.
    Omitted(u64),
    /// Reading ended here, while a process that the command left running still held its output.
    GivenUp,
}

/// Error: the frames are damaged from some byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored output is damaged from byte {at} of its frames on")]
pub struct Damaged {
    /// Number of bytes in the frames before the damage.
    pub at: u64,
}

impl Chunk<'_> {
    /// Number of bytes that it stands for.
    pub fn length(&self) -> u64 {
        match self {
            Self::Written { bytes, .. } => bytes.len() as u64,
            Self::Omitted(bytes) => *bytes,
            Self::GivenUp => 0,
        }
    }
}

impl Output {
    /// Appends a piece.
    pub fn push_chunk(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } => self.push(*stream, bytes),
            Chunk::Omitted(bytes) => self.push_omitted(*bytes),
            Chunk::GivenUp => self.push_given_up(),
        }
    }

    /// Appends bytes written to `stream`.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) {
        for part in bytes.chunks(MAX_FRAME_BYTES) {
            push_header(&mut self.0, stream.tag(), part.len() as u64);
            self.0.extend_from_slice(part);
        }
    }

    /// Records that `bytes` bytes were left out here.
    pub fn push_omitted(&mut self, bytes: u64) {
        if bytes > 0 {
            push_header(&mut self.0, b'x', bytes);
        }
    }

    /// Records that reading ended here.
    pub fn push_given_up(&mut self) {
        push_header(&mut self.0, b'x', 0);
    }

    /// Copy with only the first and the last `kept` bytes.
    pub(crate) fn shortened(&self, kept: usize) -> Self {
        let pieces: Vec<Chunk<'_>> = self.chunks().map_while(Result::ok).collect();
        let all: u64 = pieces.iter().map(Chunk::length).sum();
        let head = kept as u64;
        let tail = all.saturating_sub(head).max(head);
        let (mut short, mut at, mut omitted) = (Self::default(), 0, 0);
        for chunk in pieces {
            let begin = at;
            at += chunk.length();
            match chunk {
                Chunk::Written { stream, bytes } => {
                    let cut = |point: u64| {
                        let into = point.clamp(begin, at) - begin;
                        usize::try_from(into).unwrap_or(bytes.len())
                    };
                    let parts = [&bytes[..cut(head)], &bytes[cut(tail)..]];
                    let between = (cut(tail) - cut(head)) as u64;
                    for (part, after) in parts.into_iter().zip([between, 0]) {
                        if !part.is_empty() {
                            short.push_omitted(std::mem::take(&mut omitted));
                            short.push(stream, part);
                        }
                        omitted += after;
                    }
                }
                Chunk::Omitted(bytes) => omitted += bytes,
                Chunk::GivenUp => {
                    short.push_omitted(std::mem::take(&mut omitted));
                    short.push_given_up();
                }
            }
        }
        short.push_omitted(omitted);
        short
    }

    /// Makes the output of a task that wrote these bytes to its standard output.
    pub fn of_stdout(bytes: &[u8]) -> Self {
        let mut output = Self::default();
        output.push(Stream::Stdout, bytes);
        output
    }

    /// Bytes of standard output. For a handler that is its result.
    ///
    /// # Errors
    /// [`Error::Invalid`] if some of the output was left out or is damaged.
    pub fn stdout(&self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        for chunk in self.chunks() {
            match chunk {
                Ok(Chunk::Written {
                    stream: Stream::Stdout,
                    bytes,
                }) => all.extend_from_slice(&bytes),
                Ok(Chunk::Written { .. }) => {}
                Ok(Chunk::Omitted(bytes)) => {
                    return Err(Error::invalid(format!(
                        "{bytes} bytes of the output were left out; have the task write less, or to \
                         a file"
                    )));
                }
                Ok(Chunk::GivenUp) => {
                    return Err(Error::invalid(
                        "the output ends early: a process that the command left running held it open",
                    ));
                }
                Err(damage) => return Err(Error::invalid(damage.to_string())),
            }
        }
        Ok(all)
    }

    /// Value that the task wrote to its standard output as JSON, such as the result of a typed
    /// handler. No output reads as `null`.
    ///
    /// # Errors
    /// As [`stdout`](Self::stdout), and [`Error::Invalid`] if that is not the JSON of such a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let bytes = self.stdout()?;
        let bytes = if bytes.is_empty() {
            b"null"
        } else {
            bytes.as_slice()
        };
        serde_json::from_slice(bytes).map_err(|error| {
            Error::invalid(format!(
                "the output is not the JSON that is asked for: {error}"
            ))
        })
    }

    /// True if the command wrote nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pieces in the order they arrived. Damage ends the sequence with an error.
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::of(&self.0)
    }
}

impl Stream {
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Stdout => b'o',
            Self::Stderr => b'e',
        }
    }
}

/// Iterator over the pieces of an [`Output`].
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    frames: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    pub(crate) fn of(frames: &'a [u8]) -> Self {
        Self { frames, at: 0 }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.frames.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                return None;
            }
            let Parsed::Frame(frame, length) = parse(rest) else {
                let at = self.at as u64;
                self.at = self.frames.len();
                return Some(Err(Damaged { at }));
            };
            self.at += length;
            match frame {
                Frame::Written(stream, bytes) => {
                    return Some(Ok(Chunk::Written {
                        stream,
                        bytes: bytes.into(),
                    }));
                }
                Frame::Omitted(0) => return Some(Ok(Chunk::GivenUp)),
                Frame::Omitted(bytes) => return Some(Ok(Chunk::Omitted(bytes))),
                Frame::Token(_) | Frame::Position(_) => {}
            }
        }
    }
}

/// Tag and contents of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Written(Stream, &'a [u8]),
    Omitted(u64),
    Token(u64),
    Position(u64),
}

/// Result of parsing one frame from the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// A whole frame, and its length in bytes.
    Frame(Frame<'a>, usize),
    /// Beginning of a frame.
    Partial,
    /// Bytes that begin no frame.
    Damaged,
}

pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((&tag, rest)) = bytes.split_first() else {
        return Parsed::Partial;
    };
    if !matches!(tag, b'o' | b'e' | b'x' | b't' | b'p') {
        return Parsed::Damaged;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&rest[..digits])
        .ok()
        .filter(|digits| digits.len() + 2 <= MAX_HEADER_BYTES)
        .map(str::parse::<u64>);
    match (rest.get(digits), number) {
        (None, Some(_)) => Parsed::Partial,
        (Some(b'\n'), Some(Ok(number))) => body(tag, number, rest, digits + 1),
        (_, _) => Parsed::Damaged,
    }
}

fn body(tag: u8, number: u64, rest: &[u8], start: usize) -> Parsed<'_> {
    let stream = match tag {
        b'x' => return Parsed::Frame(Frame::Omitted(number), start + 1),
        b't' => return Parsed::Frame(Frame::Token(number), start + 1),
        b'p' => return Parsed::Frame(Frame::Position(number), start + 1),
        b'o' => Stream::Stdout,
        _ => Stream::Stderr,
    };
    match usize::try_from(number) {
        Ok(length @ 1..=MAX_FRAME_BYTES) => match rest.get(start..start + length) {
            Some(bytes) => Parsed::Frame(Frame::Written(stream, bytes), start + length + 1),
            None => Parsed::Partial,
        },
        Ok(_) | Err(_) => Parsed::Damaged,
    }
}

pub(crate) fn push_header(frames: &mut Vec<u8>, tag: u8, number: u64) {
    frames.push(tag);
    // Writing to a vector cannot fail.
    let _ = writeln!(frames, "{number}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Chunk, MAX_FRAME_BYTES, Output, Stream};

    fn stream() -> impl Strategy<Value = Stream> {
        prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)]
    }

    fn chunk() -> impl Strategy<Value = Chunk<'static>> {
        prop_oneof![
            (stream(), proptest::collection::vec(any::<u8>(), 1..200)).prop_map(
                |(stream, bytes)| Chunk::Written {
                    stream,
                    bytes: bytes.into()
                }
            ),
            (1..=999_999_999_999_999_999_u64).prop_map(Chunk::Omitted),
            Just(Chunk::GivenUp),
        ]
    }

    fn output_of(chunks: &[Chunk<'_>]) -> Output {
        let mut output = Output::default();
        for chunk in chunks {
            output.push_chunk(chunk);
        }
        output
    }

    proptest! {
        #[test]
        fn pushed_chunks_read_back_unchanged(chunks in proptest::collection::vec(chunk(), 0..20)) {
            let output = output_of(&chunks);
            let read: Vec<_> = output.chunks().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read, chunks);
        }

        #[test]
        fn damaged_frames_end_in_an_error_and_never_panic(
            chunks in proptest::collection::vec(chunk(), 0..5),
            at in 0..400_usize, byte: u8, cut in 0..400_usize,
        ) {
            let mut output = output_of(&chunks);
            if let Some(found) = output.0.get_mut(at) {
                *found = byte;
            }
            output.0.truncate(cut);
            let errors = output.chunks().filter(Result::is_err).count();
            prop_assert!(errors <= 1);
            prop_assert!(output.chunks().count() <= output.0.len());
        }
    }

    #[test]
    fn a_value_reads_back_from_the_standard_output_alone() {
        let mut output = Output::of_stdout(b"[1,");
        output.push(Stream::Stderr, b"a note\n");
        output.push(Stream::Stdout, b"2]\n");
        assert_eq!(output.json::<(u8, u8)>().unwrap(), (1, 2));
        assert_eq!(Output::default().json::<Option<u8>>().unwrap(), None);
        let error = output.json::<String>().unwrap_err().to_string();
        assert!(error.contains("not the JSON that is asked for"), "{error}");
        output.push_omitted(7);
        let error = output.json::<(u8, u8)>().unwrap_err().to_string();
        assert!(
            error.starts_with("7 bytes of the output were left out"),
            "{error}"
        );
    }

    #[test]
    fn long_output_is_split_into_frames_that_a_reader_accepts() {
        let mut output = Output::default();
        output.push(Stream::Stderr, &vec![7; MAX_FRAME_BYTES * 2 + 1]);
        let lengths: Vec<_> = output
            .chunks()
            .map(|chunk| match chunk.unwrap() {
                Chunk::Written { bytes, .. } => bytes.len(),
                Chunk::Omitted(_) | Chunk::GivenUp => 0,
            })
            .collect();
        assert_eq!(lengths, [MAX_FRAME_BYTES, MAX_FRAME_BYTES, 1]);
    }

    #[test]
    fn frames_of_unknown_kind_or_impossible_length_are_damage() {
        for frames in [
            "q1\na",
            "o0\n",
            "o65537\n",
            "o-1\n",
            "x\n",
            "x99999999999999999999\n",
            "oa",
        ] {
            let output = Output(frames.as_bytes().to_vec());
            assert!(output.chunks().next().unwrap().is_err(), "{frames:?}");
        }
    }
}
