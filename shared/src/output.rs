//! What a task wrote: stdout and stderr in the order they arrived, head and tail kept.
//!
//! The stored form, in `queue_outputs.frames` and in log files, is a sequence of frames: a tag
//! byte (`o` stdout, `e` stderr, `x` omitted), a decimal number, a newline, and, for `o` and `e`,
//! that many bytes. An `x` frame says how many bytes were left out at its place.

/// Frames as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output(pub Vec<u8>);
