//! Waiting until tasks have ended.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::coordination::{Coordination, Listening};
use crate::error::{Error, Result};
use crate::ids::WorkerId;

/// Longest pause between two looks at a task, in case a notification was lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Pauses between looks at tasks that have not ended. It learns of every settle, by any process. A drop
/// waits for nothing.
///
/// Look at the tasks first, then pause, then look again.
#[derive(Debug)]
pub struct Waiter {
    coordination: Arc<dyn Coordination>,
    id: WorkerId,
    /// Created by the first pause.
    listener: Option<Box<dyn Listening>>,
}

impl Waiter {
    /// Creates a waiter under an id that no other process uses.
    pub(super) fn new(coordination: &Arc<dyn Coordination>, id: WorkerId) -> Self {
        Self {
            coordination: Arc::clone(coordination),
            id,
            listener: None,
        }
    }

    /// Returns when a task may have ended: at the latest after `at_most`, and after half a second.
    /// The first pause begins to listen and returns at once.
    ///
    /// # Errors
    /// [`Error::Unusable`] if this user may not write to the folder beside the file.
    pub fn pause(&mut self, at_most: Duration) -> Result<()> {
        self.pause_beside(at_most, None)
    }

    /// As [`pause`](Self::pause). Also returns when `other` is readable.
    pub(crate) fn pause_beside(
        &mut self,
        at_most: Duration,
        other: Option<BorrowedFd<'_>>,
    ) -> Result<()> {
        // Nobody has written since the file came here unless there is a folder, and to wait makes
        // none.
        if self.listener.is_none() && self.coordination.has_folder() {
            self.listener = Some(listen(&self.coordination, self.id)?);
            return Ok(());
        }
        let heard = self.listener.as_ref().map(|listener| listener.descriptor());
        let mut readable: Vec<PollFd<'_>> = heard
            .into_iter()
            .chain(other)
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
            .collect();
        let timeout = Timespec::try_from(at_most.min(LOOK_EVERY)).ok();
        match poll(&mut readable, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("cannot wait for a task", error)),
        }
        if let Some(listener) = &self.listener {
            listener.wait(Duration::ZERO)?;
        }
        Ok(())
    }
}

/// Begins to listen for ends of tasks, which needs a socket in the folder beside the file.
///
/// # Errors
/// [`Error::Unusable`] if this user may not write there.
pub fn listen(coordination: &Arc<dyn Coordination>, id: WorkerId) -> Result<Box<dyn Listening>> {
    coordination.listen(id).map_err(|error| Error::Unusable {
        path: coordination.location().path().to_owned(),
        what: "to wait for tasks takes write permission on the folder beside it".to_owned(),
        remedy: None,
        source: Some(Box::new(error)),
    })
}
