//! Sources of epoll events.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::epoll;

use crate::output::Stream;

/// Source of an epoll event, encoded as the number that the event carries.
#[derive(Clone, Copy)]
pub(super) enum EventSource {
    Child(usize),
    Pipe(usize, Stream),
    Handlers,
    Inputs,
    Logs,
    Watched(u64),
}

/// Tokens of [`Executor::watch`](super::Executor::watch) are below this.
const WATCHED: u64 = 1 << 63;

impl EventSource {
    /// Adds `fd` to the epoll, for events when it is readable.
    pub(super) fn watch(self, watcher: &OwnedFd, fd: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let data = epoll::EventData::new_u64(self.code());
        epoll::add(watcher, fd, data, epoll::EventFlags::IN)
    }

    const fn code(self) -> u64 {
        match self {
            Self::Child(slot) => (slot as u64) << 2,
            Self::Pipe(slot, Stream::Stdout) => (slot as u64) << 2 | 1,
            Self::Pipe(slot, Stream::Stderr) => (slot as u64) << 2 | 2,
            Self::Handlers => 3,
            Self::Inputs => 1 << 2 | 3,
            Self::Logs => 2 << 2 | 3,
            Self::Watched(token) => token | WATCHED,
        }
    }

    pub(super) fn of(code: u64) -> Self {
        if code & WATCHED != 0 {
            return Self::Watched(code & !WATCHED);
        }
        let slot = usize::try_from(code >> 2).unwrap_or(usize::MAX);
        match code & 3 {
            0 => Self::Child(slot),
            1 => Self::Pipe(slot, Stream::Stdout),
            2 => Self::Pipe(slot, Stream::Stderr),
            _ if slot == 0 => Self::Handlers,
            _ if slot == 1 => Self::Inputs,
            _ => Self::Logs,
        }
    }
}
