//! Log files, `<db>.d/log/ID.ATTEMPT`: the output of longer commands, whole up to a bound. Of more
//! output the first half of the bound and, at the end, a quarter to a half of it are kept.
//!
//! A log consists of at most three files of frames as in [`crate::output`]. The first one has the
//! name of the log and takes half of the bound. Then two files with the endings `.a` and `.b` take
//! a quarter each in turn: each new one atomically replaces the one before the last. Every file
//! begins with the token of the claim that wrote it, which distinguishes an attempt that was
//! returned and runs again from the one before. A later file continues with the position of its
//! first byte in all output. So a reader knows the order of the files and the number of bytes
//! between them, however the writer ended. A file only grows.
//!
//! The writer holds a shared lock on the first file until the log is finished, or its process ends.
//! A log that nobody has locked may be shortened: one file with head, omission and tail replaces
//! the first one atomically, then the others are removed. A reader notices that its file has no
//! name any more, and continues in the new one at its position.

mod budget;
mod cut;
mod keeper;
mod kept;
mod parts;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use keeper::Keeper;
#[cfg(feature = "cli")]
pub(crate) use keeper::{removed_until, total};
pub(crate) use kept::KeptOutput;
pub(super) use kept::found_outputs;
pub use kept::last_outputs;
#[cfg(feature = "cli")]
pub(crate) use kept::unreadable;
#[cfg(feature = "cli")]
pub(crate) use kept::{attempt_log, last_output};
pub(super) use parts::remove;
pub use reader::{LogError, LogReader};
pub(super) use writer::LogWriter;
