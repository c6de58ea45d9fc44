//! Coordination of a queue in a local file, by the folder beside it.

use std::path::Path;

use super::datagram::Signal;
use super::listener::Listener;
use super::paths::Sidecar;
use super::registration;
use super::wakeup::Waker;
use crate::claim::WorkerId;
use crate::coordination::{Coordination, Listening, Origin};
use crate::error::Result;
use crate::location::Location;
use crate::queue::WorkerInfo;
use crate::ready::ReadyTasks;

/// Coordination by the folder beside a database.
#[derive(Debug)]
pub struct Local {
    location: Location,
    sidecar: Sidecar,
    waker: Waker,
}

impl Local {
    /// Coordination of the file at `path`, absolute and without symbolic links. Creates nothing
    /// yet.
    pub fn of(path: &Path) -> Self {
        let sidecar = Sidecar::of(path);
        Self {
            location: Location::File(path.to_owned()),
            waker: Waker::new(sidecar.clone()),
            sidecar,
        }
    }
}

impl Coordination for Local {
    fn location(&self) -> &Location {
        &self.location
    }

    fn folder(&self) -> &Path {
        self.sidecar.folder()
    }

    fn is_alive(&self, worker: WorkerId) -> Result<bool> {
        registration::is_alive(&self.sidecar, worker)
    }

    fn origin_of(&self, worker: &WorkerInfo) -> Result<Origin> {
        registration::origin_of(&self.sidecar, worker)
    }

    fn prepare(&self) {
        self.waker.open();
    }

    fn wake(&self, ready: &ReadyTasks) {
        self.waker.wake(ready);
    }

    fn wake_worker(&self, worker: WorkerId) {
        self.waker.wake_worker(worker);
    }

    fn ask_to_stop(&self, worker: WorkerId) -> bool {
        self.waker.ask(worker, Signal::Stop)
    }

    fn ask_for_slots(&self, worker: WorkerId, slots: u32) -> bool {
        self.waker.ask(worker, Signal::Slots(slots))
    }

    fn tell_settled(&self) {
        self.waker.tell_settled();
    }

    fn has_folder(&self) -> bool {
        self.sidecar.workers().is_dir()
    }

    fn listen(&self, id: WorkerId) -> Result<Box<dyn Listening>> {
        Ok(Box::new(Listener::new(&self.sidecar, id)?))
    }
}
