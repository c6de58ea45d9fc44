//! Eventfds, with which one thread wakes another that polls.

use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Result};

/// Creates an eventfd. It is readable after a write.
pub(super) fn new_eventfd() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|error| Error::io("cannot create an eventfd", error))
}

/// Makes an eventfd unreadable until the next write.
pub(super) fn clear(eventfd: &OwnedFd) {
    let mut count = [0; 8];
    let _ = rustix::io::read(eventfd, &mut count);
}
