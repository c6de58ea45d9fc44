//! A file: the content that programs read, the durable content, and the changes in between.

use super::image::Guess;

/// Smallest unit that a disk writes atomically: a cut may separate two sectors, but never splits one.
pub(super) const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// Content that programs read.
    pub(super) live: Vec<u8>,
    /// Content that survives any power cut.
    durable: Vec<u8>,
    /// Changes since the last sync, in order.
    volatile: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, data: Box<[u8]> },
    Truncate(usize),
}

impl File {
    pub(super) fn holding(content: Vec<u8>) -> Self {
        Self {
            durable: content.clone(),
            live: content,
            volatile: Vec::new(),
        }
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let there = self.live.get(offset..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        buffer[count..].fill(0);
        count
    }

    pub(super) fn write(&mut self, offset: usize, data: &[u8]) {
        put(&mut self.live, offset, data);
        let data = data.into();
        self.volatile.push(Change::Write { offset, data });
    }

    pub(super) fn truncate(&mut self, size: usize) {
        self.live.resize(size, 0);
        self.volatile.push(Change::Truncate(size));
    }

    pub(super) fn sync(&mut self) {
        for change in self.volatile.drain(..) {
            match change {
                Change::Write { offset, data } => put(&mut self.durable, offset, &data),
                Change::Truncate(size) => self.durable.resize(size, 0),
            }
        }
    }

    pub(super) fn drop_volatile(&mut self) {
        self.volatile.clear();
    }

    pub(super) fn after_cut(&self, guess: &mut Guess) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (index, change) in self.volatile.iter().enumerate() {
            let kept = guess.keeps_change(index, self.volatile.len());
            match change {
                Change::Truncate(size) if kept => content.resize(*size, 0),
                Change::Write { offset, data } if kept => put(&mut content, *offset, data),
                Change::Write { offset, data } => tear(&mut content, *offset, data, guess),
                Change::Truncate(_) => {}
            }
        }
        content
    }
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// Applies some sectors of a write.
fn tear(content: &mut Vec<u8>, offset: usize, data: &[u8], guess: &mut Guess) {
    if !guess.tears() {
        return;
    }
    let mut from = 0;
    while from < data.len() {
        let to = data
            .len()
            .min((offset + from) / SECTOR * SECTOR + SECTOR - offset);
        if guess.keeps_sector() {
            put(content, offset + from, &data[from..to]);
        }
        from = to;
    }
}
