//! Lines that are skipped because of the end of others. No worker ends them, so no event tells of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, unbounded};

use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::state::State;
use crate::task::TaskId;

/// Thread that looks for them whenever a line has ended.
#[derive(Debug)]
pub(super) struct Skips {
    thread: Option<(Sender<TaskId>, JoinHandle<()>)>,
}

impl Skips {
    /// Starts the thread. `count` takes the number of further lines of the queue that were skipped.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn new<Q: Queue>(
        queue: &Arc<Q>,
        lines: &str,
        count: impl Fn(u64) + Send + 'static,
    ) -> Result<Self> {
        let (sender, ended) = unbounded();
        let (queue, lines) = (Arc::clone(queue), lines.to_owned());
        let follow = move || {
            let mut counted = HashSet::new();
            for task in ended {
                // If a read fails, the verdict on all lines still counts them.
                let found = skipped_by(&*queue, &lines, task, &mut counted).unwrap_or_default();
                if found > 0 {
                    count(found);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("queue-skips".to_owned())
            .spawn(follow)
            .map_err(|error| Error::io("cannot start a thread that counts lines", error))?;
        Ok(Self {
            thread: Some((sender, thread)),
        })
    }

    /// Looks for lines that were skipped because of the end of this one.
    pub(super) fn ended(&self, task: TaskId) {
        if let Some((sender, _)) = &self.thread {
            let _ = sender.send(task);
        }
    }

    /// Waits until all are counted.
    pub(super) fn finish(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// Number of lines that were skipped because of the end of a task, and are not counted yet. A line
/// that was skipped before the task started has another reason.
fn skipped_by<Q: Queue>(
    queue: &Q,
    lines: &str,
    ended: TaskId,
    counted: &mut HashSet<TaskId>,
) -> Result<u64> {
    let mut found = 0;
    let mut started_at = None;
    let mut open = vec![ended];
    while let Some(next) = open.pop() {
        for edge in queue.dependents(next)? {
            if started_at.is_none() {
                started_at = queue.get(ended)?.and_then(|task| task.started_at);
            }
            let dependent = queue.get(edge.dependent)?.filter(|task| {
                task.state == State::Skipped
                    && task.queue == lines
                    && task.finished_at >= started_at
            });
            if let Some(task) = dependent.filter(|task| counted.insert(task.id)) {
                found += 1;
                open.push(task.id);
            }
        }
    }
    Ok(found)
}
