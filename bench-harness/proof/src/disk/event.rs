//! What happened on a disk, so that it can happen again.

use super::Disk;

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(super) u32);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name was made. Files are numbered in this order.
    Create(String),
    /// A name was removed.
    Delete(String),
    /// The names are durable.
    SyncNames,
    /// Bytes were written from this offset on.
    Write(FileId, usize, Box<[u8]>),
    /// The file is so many bytes long.
    Truncate(FileId, usize),
    /// The file is durable.
    Sync(FileId),
    /// A sync failed, and what was volatile is lost.
    DropVolatile(FileId),
    /// Something that whoever records knows the meaning of.
    Mark(usize),
}

impl Event {
    /// Whether a power cut right after it may find another disk than one right before.
    pub fn is_boundary(&self) -> bool {
        !matches!(self, Self::Mark(_))
    }
}

impl Disk {
    /// Has it happen again, on a disk without faults.
    pub fn replay(&mut self, event: &Event) {
        let done = match event {
            Event::Create(name) => {
                self.create(name);
                Ok(())
            }
            Event::Delete(name) => self.delete(name, false),
            Event::SyncNames => {
                self.sync_names();
                Ok(())
            }
            Event::Write(file, offset, data) => self.write(*file, *offset, data),
            Event::Truncate(file, size) => self.truncate(*file, *size),
            Event::Sync(file) => self.sync(*file),
            Event::DropVolatile(file) => {
                if let Some(file) = self.files.get_mut(file) {
                    file.drop_volatile();
                }
                Ok(())
            }
            Event::Mark(_) => Ok(()),
        };
        debug_assert_eq!(done, Ok(()), "nothing is armed");
    }
}
