//! Registered workers.

use crate::clock::Timestamp;
use crate::ids::WorkerId;
use crate::names::DEFAULT_QUEUE;
use crate::served::{ServedQueue, ServedQueues};

/// Registered worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// Queues, commands and handlers it runs.
    pub serves: Serves,
}

/// Queues, commands and handlers that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "StoredServes", into = "StoredServes")]
#[non_exhaustive]
pub struct Serves {
    /// Queues it claims from.
    pub queues: ServedQueues,
    /// True if it runs commands.
    pub commands: bool,
    /// Handlers it has.
    pub handlers: Vec<String>,
}

impl WorkerInfo {
    /// Makes a worker with one slot that runs nothing, of a process of the machine with that boot id.
    pub fn new(id: WorkerId, pid: u32, boot_id: impl Into<String>) -> Self {
        Self {
            id,
            pid,
            boot_id: boot_id.into(),
            started_at: Timestamp(0),
            slots: 1,
            serves: Serves::new(ServedQueues::default()),
        }
    }

    /// Sets the time of its start.
    #[must_use]
    pub fn started_at(mut self, started_at: Timestamp) -> Self {
        self.started_at = started_at;
        self
    }

    /// Sets the number of tasks it runs at once.
    #[must_use]
    pub fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// Sets the queues, commands and handlers it runs.
    #[must_use]
    pub fn serves(mut self, serves: Serves) -> Self {
        self.serves = serves;
        self
    }
}

impl Serves {
    /// Serves these queues, without commands or handlers.
    pub fn new(queues: impl Into<ServedQueues>) -> Self {
        Self {
            queues: queues.into(),
            commands: false,
            handlers: Vec::new(),
        }
    }

    /// Sets if the worker runs commands.
    #[must_use]
    pub fn commands(mut self, commands: bool) -> Self {
        self.commands = commands;
        self
    }

    /// Sets the handlers of the worker.
    #[must_use]
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.handlers = handlers.into_iter().map(Into::into).collect();
        self
    }

    /// True if the worker runs tasks of that queue and handler ('' for commands).
    pub fn covers(&self, queue: &str, handler: &str) -> bool {
        self.queues.covers(queue)
            && if handler.is_empty() {
                self.commands
            } else {
                self.handlers.iter().any(|own| own == handler)
            }
    }
}

/// [`Serves`] as it is stored. Earlier versions know a single queue, and write and read `queue`.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredServes {
    queue: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queues: Vec<StoredQueue>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    all_queues: bool,
    commands: bool,
    handlers: Vec<String>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct StoredQueue {
    name: String,
    #[serde(default)]
    reserved: u32,
}

impl From<StoredServes> for Serves {
    fn from(stored: StoredServes) -> Self {
        let named = stored
            .queues
            .iter()
            .map(|queue| ServedQueue::new(queue.name.as_str()).reserving(queue.reserved));
        Self {
            queues: if stored.all_queues {
                ServedQueues::all(named)
            } else if stored.queues.is_empty() {
                stored.queue.into()
            } else {
                ServedQueues::named(named)
            },
            commands: stored.commands,
            handlers: stored.handlers,
        }
    }
}

impl From<Serves> for StoredServes {
    fn from(serves: Serves) -> Self {
        let Serves {
            queues,
            commands,
            handlers,
        } = serves;
        let first = queues.names().first();
        let plain = queues.only().is_some() && first.is_some_and(|queue| queue.reserved == 0);
        let stored = |queue: &ServedQueue| StoredQueue {
            name: queue.name.to_string(),
            reserved: queue.reserved,
        };
        Self {
            queue: first.map_or(DEFAULT_QUEUE, |queue| &queue.name).to_owned(),
            queues: if plain {
                Vec::new()
            } else {
                queues.names().iter().map(stored).collect()
            },
            all_queues: queues.is_all(),
            commands,
            handlers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Serves;
    use crate::served::{ServedQueue, ServedQueues};

    fn stored(queues: ServedQueues) -> String {
        let serves = Serves {
            queues,
            commands: true,
            handlers: Vec::new(),
        };
        let json = serde_json::to_string(&serves).unwrap();
        assert_eq!(serde_json::from_str::<Serves>(&json).unwrap(), serves);
        json
    }

    #[test]
    fn a_worker_of_one_queue_is_stored_as_by_earlier_versions() {
        assert_eq!(
            stored("mail".into()),
            r#"{"queue":"mail","commands":true,"handlers":[]}"#
        );
    }

    #[test]
    fn the_queues_of_a_worker_are_stored_with_their_slots() {
        let mail = || ServedQueue::new("mail").reserving(2);
        assert_eq!(
            stored(ServedQueues::named([mail(), ServedQueue::new("build")])),
            r#"{"queue":"mail","queues":[{"name":"mail","reserved":2},{"name":"build","reserved":0}],"commands":true,"handlers":[]}"#
        );
        assert_eq!(
            stored(ServedQueues::all([])),
            r#"{"queue":"default","all_queues":true,"commands":true,"handlers":[]}"#
        );
        stored(ServedQueues::all([mail()]));
        stored(ServedQueues::named([mail()]));
    }
}
