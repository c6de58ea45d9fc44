//! A disk in memory that distinguishes the page cache from the content that survives a power cut.
//!
//! A write is volatile until a sync of its file. A name is volatile until its folder is synced, which
//! the first sync of a new log or journal does, as in `SQLite`'s own Unix VFS. A [`Guess`] decides how
//! much of the volatile part survives a cut.

mod event;
mod fault;
mod file;
mod image;

use std::collections::BTreeMap;

pub use event::{Event, FileId};
pub use fault::{Fault, Kind};
pub use image::{Guess, Image};

use fault::Faults;
use file::File;

/// Result of an operation on the disk; the error is the kind of operation that failed.
pub type Result<T> = std::result::Result<T, Kind>;

/// A disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: BTreeMap<FileId, File>,
    next: u32,
    names: BTreeMap<String, FileId>,
    durable_names: BTreeMap<String, FileId>,
    /// Names created and removed since the folder was synced, in order.
    volatile_names: Vec<(String, Option<FileId>)>,
    faults: Faults,
    /// A lying disk: it acknowledges syncs without doing them.
    pub lies: bool,
    log: Option<Vec<Event>>,
}

impl Disk {
    /// A disk that holds these files durably.
    pub fn holding(image: &Image) -> Self {
        let mut disk = Self::default();
        for (name, content) in &image.files {
            let id = disk.new_id();
            disk.files.insert(id, File::holding(content.clone()));
            disk.names.insert(name.clone(), id);
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    /// Starts recording events.
    pub fn record(&mut self) {
        self.log = Some(Vec::new());
    }

    /// Takes the recorded events; recording goes on.
    pub fn take_log(&mut self) -> Vec<Event> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Records an event from outside the disk.
    pub fn mark(&mut self, mark: usize) {
        self.note(|| Event::Mark(mark));
    }

    fn note(&mut self, event: impl FnOnce() -> Event) {
        if let Some(log) = &mut self.log {
            log.push(event());
        }
    }

    fn new_id(&mut self) -> FileId {
        self.next += 1;
        FileId(self.next)
    }

    /// Arms a fault in place of the armed one.
    pub fn fail(&mut self, fault: Fault) {
        self.faults.arm(fault);
    }

    /// Disarms the fault. Its effects remain.
    pub fn mend(&mut self) {
        self.faults.disarm();
    }

    /// Number of times the armed fault has struck.
    pub fn struck(&self) -> u64 {
        self.faults.struck
    }

    /// Returns true while a fault is armed, whether or not it has struck.
    pub fn is_armed(&self) -> bool {
        self.faults.is_armed()
    }

    /// Number of operations of the armed fault's kind so far.
    pub fn counted(&self) -> u64 {
        self.faults.seen
    }

    /// Counts an operation of this kind and fails it if the fault says so.
    pub fn check(&mut self, kind: Kind) -> Result<()> {
        self.faults.check(kind)
    }

    /// Finds the file with a name.
    pub fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    /// Finds the file with a name, or creates it.
    pub fn create(&mut self, name: &str) -> FileId {
        if let Some(found) = self.find(name) {
            return found;
        }
        let id = self.new_id();
        self.files.insert(id, File::default());
        self.names.insert(name.to_owned(), id);
        self.volatile_names.push((name.to_owned(), Some(id)));
        self.note(|| Event::Create(name.to_owned()));
        id
    }

    /// Removes a name, durably if `sync` is set.
    ///
    /// # Errors
    /// The armed fault's kind, if it strikes.
    pub fn delete(&mut self, name: &str, sync: bool) -> Result<()> {
        self.check(Kind::Delete)?;
        if self.names.remove(name).is_some() {
            self.volatile_names.push((name.to_owned(), None));
            self.note(|| Event::Delete(name.to_owned()));
        }
        if sync {
            self.sync_names();
        }
        Ok(())
    }

    /// Makes every name durable.
    pub fn sync_names(&mut self) {
        if self.lies {
            return;
        }
        self.volatile_names.clear();
        self.durable_names = self.names.clone();
        self.note(|| Event::SyncNames);
    }

    /// Size of a file in bytes.
    pub fn size(&self, file: FileId) -> usize {
        self.files.get(&file).map_or(0, |file| file.live.len())
    }

    /// Fills `buffer` from `offset` on, with zeros beyond the end. Returns the number of bytes read.
    ///
    /// # Errors
    /// The armed fault's kind, if it strikes.
    pub fn read(&mut self, file: FileId, buffer: &mut [u8], offset: usize) -> Result<usize> {
        self.check(Kind::Read)?;
        let file = self.files.get(&file);
        Ok(file.map_or(0, |file| file.read(buffer, offset)))
    }

    /// Writes into the page cache. A failed write may have written its first half.
    ///
    /// # Errors
    /// The armed fault's kind, if it strikes.
    pub fn write(&mut self, id: FileId, offset: usize, data: &[u8]) -> Result<()> {
        let failed = self
            .check(Kind::Write)
            .and_then(|()| self.check(Kind::Full))
            .err();
        let done = if failed.is_some() {
            &data[..data.len() / 2]
        } else {
            data
        };
        if let Some(file) = self.files.get_mut(&id) {
            file.write(offset, done);
            self.note(|| Event::Write(id, offset, done.into()));
        }
        failed.map_or(Ok(()), Err)
    }

    /// Resizes a file.
    ///
    /// # Errors
    /// The armed fault's kind, if it strikes.
    pub fn truncate(&mut self, id: FileId, size: usize) -> Result<()> {
        self.check(Kind::Truncate)?;
        if let Some(file) = self.files.get_mut(&id) {
            file.truncate(size);
            self.note(|| Event::Truncate(id, size));
        }
        Ok(())
    }

    /// Makes a file's content durable. A failed sync drops the volatile changes and leaves them in the
    /// page cache as if they were clean, as Linux does (Rebello et al., "Can Applications Recover from
    /// fsync Failures?", USENIX ATC 2020).
    ///
    /// # Errors
    /// The armed fault's kind, if it strikes.
    pub fn sync(&mut self, id: FileId) -> Result<()> {
        let failed = self.check(Kind::Sync).err();
        let lies = self.lies;
        let Some(file) = self.files.get_mut(&id) else {
            return Ok(());
        };
        if let Some(kind) = failed {
            file.drop_volatile();
            self.note(|| Event::DropVolatile(id));
            return Err(kind);
        }
        if !lies {
            file.sync();
            self.note(|| Event::Sync(id));
        }
        Ok(())
    }

    /// Content of the disk after a power cut at this moment.
    pub fn after_cut(&self, guess: &mut Guess) -> Image {
        let mut names = self.durable_names.clone();
        for (name, id) in &self.volatile_names {
            if guess.keeps_name() {
                match id {
                    Some(id) => names.insert(name.clone(), *id),
                    None => names.remove(name),
                };
            }
        }
        let content = |id: &FileId, guess: &mut Guess| self.files[id].after_cut(guess);
        let files = names
            .iter()
            .map(|(name, id)| (name.clone(), content(id, guess)));
        Image {
            files: files.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(image: &Image) -> &[u8] {
        image.files.get("a").map_or(b"", Vec::as_slice)
    }

    fn disk() -> (Disk, FileId) {
        let mut disk = Disk::default();
        let file = disk.create("a");
        disk.sync_names();
        disk.write(file, 0, b"old").unwrap();
        disk.sync(file).unwrap();
        (disk, file)
    }

    #[test]
    fn a_cut_may_keep_or_lose_unsynced_writes() {
        let (mut disk, file) = disk();
        disk.write(file, 0, b"new").unwrap();
        assert_eq!(content(&disk.after_cut(&mut Guess::Nothing)), b"old");
        assert_eq!(content(&disk.after_cut(&mut Guess::Everything)), b"new");
    }

    #[test]
    fn a_later_sync_does_not_restore_what_a_failed_one_lost() {
        let (mut disk, file) = disk();
        disk.write(file, 0, b"new").unwrap();
        disk.fail(Fault::once(Kind::Sync, 1));
        assert_eq!(disk.sync(file), Err(Kind::Sync));
        disk.sync(file).unwrap();
        assert_eq!(content(&disk.after_cut(&mut Guess::Everything)), b"old");
    }

    #[test]
    fn a_new_name_is_lost_until_the_folder_is_synced() {
        let mut disk = Disk::default();
        disk.create("a");
        assert!(disk.after_cut(&mut Guess::Nothing).files.is_empty());
        disk.sync_names();
        assert_eq!(disk.after_cut(&mut Guess::Nothing).files.len(), 1);
    }

    #[test]
    fn recorded_events_replay_to_the_same_disk() {
        let mut disk = Disk::default();
        disk.record();
        let file = disk.create("a");
        disk.write(file, 5, b"one").unwrap();
        disk.sync(file).unwrap();
        disk.write(file, 0, &[7; 2_000]).unwrap();
        disk.truncate(file, 900).unwrap();
        let mut again = Disk::default();
        disk.take_log().iter().for_each(|event| again.replay(event));
        for seed in 0..20 {
            let guess = || Guess::random(seed);
            assert_eq!(disk.after_cut(&mut guess()), again.after_cut(&mut guess()));
        }
    }
}
