//! The fields of an event.

use super::EventKind;
use crate::claim::WorkerId;
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::state::State;
use crate::task::TaskId;

/// One event of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Position in the log; `None` for an event that is read from a task's row.
    pub seq: Option<i64>,
    /// Time of the event. Clocks may be set back, so the order is that of the log.
    pub at: Timestamp,
    /// Kind.
    pub kind: EventKind,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// Name of the queue.
    pub queue: Option<String>,
    /// Fencing token of the claim.
    pub token: Option<i64>,
    /// Number of the attempt, from 1.
    pub attempt: Option<u32>,
    /// The worker that ran the task, or that the event is about.
    pub worker: Option<WorkerId>,
    /// State of the task before.
    pub was: Option<State>,
    /// State of the task after.
    pub state: Option<State>,
    /// Time at which the task could start, for the end of an execution.
    pub ready_at: Option<Timestamp>,
    /// Start of the execution that ended.
    pub since: Option<Timestamp>,
    /// Exit code of the command.
    pub exit_code: Option<i32>,
    /// Signal that ended the command.
    pub signal: Option<i32>,
    /// Reason why it did not succeed.
    pub reason: Option<Reason>,
    /// Processor time of the command, in microseconds.
    pub cpu_us: Option<u64>,
    /// Peak memory of the command, in KiB.
    pub rss_kb: Option<u64>,
    /// Message of a handler, of a failed start, or of a cancel.
    pub message: Option<String>,
    /// The end of the output of an unsuccessful attempt, 2 KiB at most.
    pub tail: Option<Vec<u8>>,
    /// JSON object with whatever else the kind has to tell.
    pub data: Option<String>,
}

impl Event {
    /// An event of that kind and time, without any other field.
    pub fn new(kind: EventKind, at: Timestamp) -> Self {
        Self {
            seq: None,
            at,
            kind,
            task: None,
            queue: None,
            token: None,
            attempt: None,
            worker: None,
            was: None,
            state: None,
            ready_at: None,
            since: None,
            exit_code: None,
            signal: None,
            reason: None,
            cpu_us: None,
            rss_kb: None,
            message: None,
            tail: None,
            data: None,
        }
    }

    /// True for an end of an execution that is listed among the attempts of its task.
    pub fn is_attempt(&self) -> bool {
        self.since.is_some() && self.kind.is_stored() && !self.kind.is_hand_back()
    }

    /// True for an event of a task of the queue, and for one that names the queue.
    pub fn is_of_queue(&self, queue: &str) -> bool {
        self.queue.as_deref() == Some(queue)
            || (self.task.is_none() && self.named("queue").as_deref() == Some(queue))
    }

    /// A further value that is text.
    pub fn named(&self, field: &str) -> Option<String> {
        let data: serde_json::Value = serde_json::from_str(self.data.as_deref()?).ok()?;
        Some(data.get(field)?.as_str()?.to_owned())
    }

    /// The start of the execution whose end this event is.
    pub fn start(&self) -> Option<Self> {
        let at = self.since.filter(|_| self.kind.is_stored())?;
        Some(Self {
            task: self.task,
            queue: self.queue.clone(),
            token: self.token,
            attempt: self.attempt,
            worker: self.worker,
            state: Some(State::Running),
            ready_at: self.ready_at,
            ..Self::new(EventKind::Started, at)
        })
    }
}
