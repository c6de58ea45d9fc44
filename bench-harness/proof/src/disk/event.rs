//! Recorded events of a disk, for replay.

use super::Disk;

/// A file, independent of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(super) u32);

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A name was created. Files are numbered in this order.
    Create(String),
    /// A name was removed.
    Delete(String),
    /// The names became durable.
    SyncNames,
    /// Bytes were written at this offset.
    Write(FileId, usize, Box<[u8]>),
    /// The file was resized to this many bytes.
    Truncate(FileId, usize),
    /// The file became durable.
    Sync(FileId),
    /// A sync failed, and the volatile changes were lost.
    DropVolatile(FileId),
    /// Mark set by the recorder, which knows its meaning.
    Mark(usize),
}

impl Event {
    /// Returns true if a power cut right after the event may leave a different disk than one right
    /// before it.
    pub fn is_boundary(&self) -> bool {
        !matches!(self, Self::Mark(_))
    }
}

impl Disk {
    /// Repeats the event on a disk without faults.
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
        debug_assert_eq!(done, Ok(()), "no fault is armed");
    }
}
