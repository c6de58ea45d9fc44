//! Eventfds, by which one thread wakes another that polls.

use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Result};

/// An eventfd, readable once it has been rung.
pub(super) fn new_bell() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|error| Error::io("cannot create an eventfd", error))
}

/// Silences a bell.
pub(super) fn silence(bell: &OwnedFd) {
    let mut count = [0; 8];
    let _ = rustix::io::read(bell, &mut count);
}
