//! A worker as others know it.

use crate::clock::Timestamp;
use crate::ids::WorkerId;

/// A worker as registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Its name.
    pub id: WorkerId,
    /// Its process.
    pub pid: u32,
    /// The boot of its machine (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// How many tasks it runs at once.
    pub slots: u32,
    /// What it can run.
    pub serves: Serves,
}

/// What a worker can run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Serves {
    /// The queue it claims from.
    pub queue: String,
    /// Whether it runs commands.
    pub commands: bool,
    /// The handlers it has.
    pub handlers: Vec<String>,
}

impl Serves {
    /// Whether a task of that queue and handler ('' is a command) is among it.
    pub fn covers(&self, queue: &str, handler: &str) -> bool {
        self.queue == queue
            && if handler.is_empty() {
                self.commands
            } else {
                self.handlers.iter().any(|own| own == handler)
            }
    }
}
