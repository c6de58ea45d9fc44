//! The tasks of a submission one by one, each unless its key is taken.

use std::collections::HashMap;
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::outcome::Reason;
use queue_core::queue::Enqueued;
use queue_core::sqlite::{Lanes, Learned, lane_or_create, rows};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{OptionalExtension, params};

use super::plain::{free_state, plain_row};
use crate::graph::{self, Node};
use crate::slice::Slice as _;
use crate::sqlite::statements::{ENQUEUE_KEY_HOLDER, ENQUEUE_KEY_RELEASE, LANE_LIMITED};
use crate::sqlite::transaction::Writing;
use crate::submission::{OnConflict, Settings, WorkflowTask};

/// Who holds an idempotency key.
struct Holder {
    id: TaskId,
    /// Whether the key is taken no longer.
    lapsed: bool,
}

/// Where a task of a submission starts, beyond what it says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    /// Dependencies that have not ended.
    pub(super) pending: u32,
    /// A dependency because of which it can never start.
    pub(super) never: Option<TaskId>,
    /// Whether it has dependencies, ended or not.
    pub(super) depends: bool,
    pub(super) workflow: Option<TaskId>,
    pub(super) spawner: Option<TaskId>,
}

/// Inserts tasks one after the other; tasks of one lane often follow each other.
pub(super) struct Inserter<'w, 'c> {
    pub(super) writing: &'w mut Writing<'c>,
    lanes: &'w Lanes,
    current: Option<(String, String, i64)>,
}

impl<'w, 'c> Inserter<'w, 'c> {
    pub(super) fn new(writing: &'w mut Writing<'c>, lanes: &'w Lanes) -> Self {
        Self {
            writing,
            lanes,
            current: None,
        }
    }
}

impl Inserter<'_, '_> {
    /// Of each task, where it stands already, if its key is taken or another here has the same.
    pub(super) fn known(&self, tasks: &[WorkflowTask]) -> Result<Vec<Option<Node>>> {
        let mut known = vec![None; tasks.len()];
        let mut first: HashMap<&[u8], usize> = HashMap::new();
        for (place, task) in tasks.iter().enumerate() {
            let Some(key) = task.task.key.as_deref() else {
                continue;
            };
            if let Some(first) = first.get(key) {
                known[place] = Some(known[*first].unwrap_or(Node::Place(*first)));
                continue;
            }
            first.insert(key, place);
            if let Some(holder) = self.holder(key)?
                && !holder.lapsed
            {
                known[place] = Some(Node::Stored(holder.id));
            }
        }
        Ok(known)
    }

    /// Inserts a task unless its key is taken.
    pub(super) fn insert(&mut self, task: &WorkflowTask, start: Start) -> Result<Enqueued> {
        let new = &task.task;
        let lane = self.lane(&new.queue, new.work.handler())?;
        let mut inserted = self.try_insert(lane, task, start)?;
        if !inserted && let Some(key) = new.key.as_deref() {
            let holder = self.holder(key)?.ok_or_else(|| Error::Bug {
                what: "a key is taken by no task".to_owned(),
            })?;
            if !holder.lapsed {
                return existing(task, holder.id);
            }
            let mut release = self
                .writing
                .slice
                .connection
                .prepare_cached(ENQUEUE_KEY_RELEASE)?;
            release.execute([holder.id.0])?;
            drop(release);
            inserted = self.try_insert(lane, task, start)?;
        }
        if !inserted {
            return Err(Error::Bug {
                what: "a task was not inserted".to_owned(),
            });
        }
        let id = TaskId(self.writing.slice.connection.last_insert_rowid());
        if start.pending > 0 && start.never.is_none() {
            self.writing.slice.wait(id, start.pending)?;
        }
        Ok(Enqueued { id, existed: false })
    }

    fn try_insert(&mut self, lane: i64, task: &WorkflowTask, start: Start) -> Result<bool> {
        let (new, settings) = (&task.task, &task.settings);
        let now = self.writing.now().wall;
        let limited = settings.limit_key.is_some();
        let plain = *settings == Settings::default() && start.workflow.is_none();
        let state = if start.never.is_some() {
            State::Skipped
        } else if start.pending > 0 || (limited && new.run_at.is_none_or(|at| at <= now)) {
            State::Blocked
        } else {
            free_state(new, now)
        };
        let payload = new.work.to_payload();
        let hot = &mut self.writing.slice.hot;
        let inserted = if plain && !start.depends {
            hot.enqueue
                .execute(plain_row(lane, state, new, now, &payload)?)?
        } else {
            let from = new.run_at.map_or(now, |at| at.max(now));
            let never = start.never.is_some();
            hot.enqueue_node.execute(params![
                lane,
                state.code(),
                new.priority,
                new.work.kind(),
                now.0,
                new.run_at.map(|at| at.0),
                &new.name,
                &payload[..],
                new.options.to_row()?,
                new.key.as_deref(),
                !never && start.pending > 0,
                settings.expires_at(from).map(|at| at.0),
                settings.deadline_at(from).map(|at| at.0),
                start.workflow.map(|id| id.0),
                start.spawner.map(|id| id.0),
                start.never.map(|id| id.0),
                never.then_some(Reason::Dependency.code()),
                never.then_some(now.0),
                settings.key_scope.code(),
                settings.key_scope.until(now).map(|at| at.0),
                settings.limit_key.as_deref(),
                start.depends,
                settings.start_within.map(millis),
                settings.finish_within.map(millis),
            ])?
        };
        if inserted == 1 {
            self.account(state, settings, start);
        }
        Ok(inserted == 1)
    }

    /// What an inserted task leaves to do.
    fn account(&mut self, state: State, settings: &Settings, start: Start) {
        let effects = &mut self.writing.effects;
        effects.ready += usize::from(state == State::Queued);
        effects.scheduled |= state == State::Scheduled
            || settings.start_within.is_some()
            || settings.finish_within.is_some();
        if let (State::Blocked, 0, Some(key)) = (state, start.pending, &settings.limit_key) {
            self.writing.freed.insert(key.clone());
        }
    }

    fn holder(&self, key: &[u8]) -> Result<Option<Holder>> {
        let now = self.writing.now().wall;
        let mut query = self
            .writing
            .slice
            .connection
            .prepare_cached(ENQUEUE_KEY_HOLDER)?;
        let found = query
            .query_row([key], |row| {
                Ok((
                    TaskId(row.get(0)?),
                    row.get::<_, i64>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, Option<i64>>(3)?.map(Timestamp),
                ))
            })
            .optional()?;
        let Some((id, state, scope, until)) = found else {
            return Ok(None);
        };
        let lapsed = match scope {
            None => false,
            Some(1) => rows::state(state)?.is_terminal(),
            Some(_) => until.is_some_and(|until| until <= now),
        };
        Ok(Some(Holder { id, lapsed }))
    }

    /// The number of a task's lane.
    fn lane(&mut self, queue: &str, handler: &str) -> Result<i64> {
        if let Some((same_queue, same_handler, id)) = &self.current
            && same_queue == queue
            && same_handler == handler
        {
            return Ok(*id);
        }
        let id = match self.lanes.get(queue, handler) {
            Some(id) => id,
            None => self.unknown_lane(queue, handler)?,
        };
        self.current = Some((queue.to_owned(), handler.to_owned(), id));
        Ok(id)
    }

    fn unknown_lane(&mut self, queue: &str, handler: &str) -> Result<i64> {
        let connection = self.writing.slice.connection;
        let lane = lane_or_create(connection, queue, handler)?;
        connection
            .prepare_cached(LANE_LIMITED)?
            .execute([lane.id])?;
        self.writing.effects.learned.push(Learned {
            queue: queue.to_owned(),
            handler: handler.to_owned(),
            id: lane.id,
        });
        Ok(lane.id)
    }
}

/// A duration as stored; none is longer than a hundred years.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The answer to a task whose key is taken.
pub(super) fn existing(task: &WorkflowTask, id: TaskId) -> Result<Enqueued> {
    match task.settings.on_conflict {
        OnConflict::Existing => Ok(Enqueued { id, existed: true }),
        OnConflict::Refuse => {
            let label = graph::label(std::slice::from_ref(task), 0);
            Err(Error::invalid(format!(
                "the key of {label} is taken by task {id}"
            )))
        }
    }
}
