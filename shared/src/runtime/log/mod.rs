//! Log files, `<db>.d/log/ID.ATTEMPT`: everything a longer command writes, head and tail kept.
//!
//! A file is frames as in [`crate::output`], beginning with the token of the claim that wrote it,
//! so that an attempt that was handed back and runs again is told from the one before. It only
//! grows, until what follows its head exceeds [`TAIL_AREA_BYTES`]: then a new file with the same
//! head, one omission and the last [`TAIL_BYTES`] takes its place in one step. A reader that has
//! the old file open sees that it has no name any more, and finds its place in the new one by
//! position.

mod kept;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

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
/// Bytes a file may grow beyond its head before it is shortened.
pub const TAIL_AREA_BYTES: u64 = 2 << 20;
