//! Registered workers.

use crate::clock::Timestamp;
use crate::ids::WorkerId;

/// Registered worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Id.
    pub id: WorkerId,
    /// Process id.
    pub pid: u32,
    /// Boot id of its machine (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Time of its start.
    pub started_at: Timestamp,
    /// Number of tasks it runs at once.
    pub slots: u32,
    /// Queue, commands and handlers it runs.
    pub serves: Serves,
}

/// Queue, commands and handlers that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Serves {
    /// Queue it claims from.
    pub queue: String,
    /// True if it runs commands.
    pub commands: bool,
    /// Handlers it has.
    pub handlers: Vec<String>,
}

impl Serves {
    /// True if the worker runs tasks of that queue and handler ('' for commands).
    pub fn covers(&self, queue: &str, handler: &str) -> bool {
        self.queue == queue
            && if handler.is_empty() {
                self.commands
            } else {
                self.handlers.iter().any(|own| own == handler)
            }
    }
}
