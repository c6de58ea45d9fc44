//! Log files, `<db>.d/log/ID.ATTEMPT`: the output of longer commands, of which head and tail are
//! kept.
//!
//! A file consists of frames as in [`crate::output`]. It begins with the token of the claim that
//! wrote it, which distinguishes an attempt that was returned and runs again from the one before.
//! It only grows, until the bytes after its head exceed [`TAIL_AREA_BYTES`]: then a new file with
//! the same head, one omission and the last [`TAIL_BYTES`] replaces it atomically. A reader that
//! has the old file open notices that the file has no name any more, and continues in the new one
//! at its position.

mod kept;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

#[cfg(feature = "cli")]
pub(crate) use kept::last_output;
pub use kept::last_outputs;
#[cfg(feature = "cli")]
pub(crate) use kept::unreadable;
pub use reader::{LogError, LogReader};
pub(super) use writer::LogWriter;

/// Bytes of output kept from the beginning.
pub const HEAD_BYTES: usize = 64 << 10;
/// Bytes of output kept from the end.
pub const TAIL_BYTES: usize = 64 << 10;
/// Bytes that a file may grow beyond its head before it is shortened.
pub const TAIL_AREA_BYTES: u64 = 2 << 20;
