//! Options of a worker.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::command::DEFAULT_SHELL;
use super::handlers::Handlers;
use super::protocol::Halt;
use crate::served::ServedQueues;

/// Options of a worker.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own; any combination of them occurs"
)]
pub struct WorkerOptions {
    /// Number of tasks that it runs at once.
    pub slots: NonZeroU32,
    /// Largest number of tasks that it claims at a time; as many as it has free slots unless set.
    pub batch: Option<NonZeroU32>,
    /// Queues that it claims from, each with the slots that are kept for it.
    pub queues: ServedQueues,
    /// True if it runs commands. Off unless set: a library's worker runs only the handlers that its
    /// program registered.
    pub commands: bool,
    /// True if it runs commands as root even from a file that others can change.
    pub trust_file: bool,
    /// Its handlers.
    pub handlers: Handlers,
    /// True if it ends once nothing that it serves is queued, running or scheduled.
    pub drain: bool,
    /// Its stop at the first task that fails; it goes on unless set.
    pub halt: Option<Halt>,
    /// Time between TERM and KILL of a task; also the time within which a stopping worker finishes
    /// its tasks or returns them.
    pub grace: Duration,
    /// Time for which output is read after a command's end if a background process still holds it
    /// open. Exit code and duration are the command's.
    pub output_grace: Duration,
    /// Shell of tasks that name none, by name or path.
    pub shell: String,
    /// Directory of tasks that name none; this process's directory unless set.
    pub folder: Option<PathBuf>,
    /// True if it may change this process for its commands: raise the limit on open files as far as
    /// its slots need, which commands do not inherit, and stop ignoring SIGCHLD. For programs; a
    /// library leaves both to its user.
    pub owns_process: bool,
}

impl WorkerOptions {
    /// Options of a worker for the default queue. It runs nothing unless it has
    /// [`handlers`](Self::handlers) or runs [`commands`](Self::commands).
    pub fn new(slots: NonZeroU32) -> Self {
        Self {
            slots,
            ..Self::default()
        }
    }

    /// Sets the number of tasks that it runs at once.
    #[must_use]
    pub fn slots(mut self, slots: NonZeroU32) -> Self {
        self.slots = slots;
        self
    }

    /// Sets the largest number of tasks that it claims at a time.
    #[must_use]
    pub fn batch(mut self, batch: NonZeroU32) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Sets the queues that it claims from.
    #[must_use]
    pub fn queues(mut self, queues: impl Into<ServedQueues>) -> Self {
        self.queues = queues.into();
        self
    }

    /// Sets if it runs commands.
    #[must_use]
    pub fn commands(mut self, commands: bool) -> Self {
        self.commands = commands;
        self
    }

    /// Sets if it runs commands as root even from a file that others can change.
    #[must_use]
    pub fn trust_file(mut self, trust_file: bool) -> Self {
        self.trust_file = trust_file;
        self
    }

    /// Sets its handlers.
    #[must_use]
    pub fn handlers(mut self, handlers: impl Into<Handlers>) -> Self {
        self.handlers = handlers.into();
        self
    }

    /// Sets if it ends once nothing that it serves is queued, running or scheduled.
    #[must_use]
    pub fn drain(mut self, drain: bool) -> Self {
        self.drain = drain;
        self
    }

    /// Makes it stop at the first task that fails.
    #[must_use]
    pub fn halt(mut self, halt: Halt) -> Self {
        self.halt = Some(halt);
        self
    }

    /// Sets the time between TERM and KILL of a task.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the time for which output is read after a command's end.
    #[must_use]
    pub fn output_grace(mut self, output_grace: Duration) -> Self {
        self.output_grace = output_grace;
        self
    }

    /// Sets the shell of tasks that name none, by name or path.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = shell.into();
        self
    }

    /// Sets the directory of tasks that name none.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets if it may change this process for its commands.
    #[must_use]
    pub fn owns_process(mut self, owns_process: bool) -> Self {
        self.owns_process = owns_process;
        self
    }
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            slots: NonZeroU32::MIN,
            batch: None,
            queues: ServedQueues::default(),
            commands: false,
            trust_file: false,
            handlers: Handlers::new(),
            drain: false,
            halt: None,
            grace: Duration::from_secs(10),
            output_grace: Duration::from_secs(2),
            shell: DEFAULT_SHELL.to_owned(),
            folder: None,
            owns_process: false,
        }
    }
}
