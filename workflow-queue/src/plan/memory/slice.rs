//! The [`Slice`] of rows in memory. It keeps writes until the next load or the end of the transaction,
//! as over a network, and counts loads.

use std::collections::BTreeSet;

use queue_core::claim::Claim;
use queue_core::clock::{BootTime, Now, Timestamp};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::options::TaskOptions;
use queue_core::outcome::Reason;
use queue_core::output::Output;
use queue_core::queue::Edit;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use super::{Memory, WORKER, Write};
use crate::slice::{
    Conclusion, Conditions, Execution, FreeSlots, Inserted, Late, NewCopy, NewRow, Opening,
    QueueId, Slice, Start, TaskChange, TaskRow, Waiting,
};

impl Slice for &mut Memory {
    fn now(&self) -> Now {
        Now {
            wall: Timestamp(1_700_000_000_000),
            boot: BootTime(1_000_000),
        }
    }

    fn executions(&mut self, claims: &[Claim]) -> Result<Vec<Option<Execution>>> {
        self.load("executions");
        let execution = |claim: &Claim| {
            let row = self.tasks.get(&claim.task).filter(|row| !row.is_lost)?;
            // A task that was never claimed has no such token.
            let is_claimed = row.state == State::Running || row.state.is_terminal();
            (is_claimed && row.cause.is_none()).then(|| Execution {
                state: row.state,
                attempt: 1,
                attempt_base: 0,
                crashes: 0,
                cancel_requested: false,
                options: TaskOptions::default(),
                started_at: None,
                deadline_at: None,
                limit_key: row.limit_key.clone(),
                is_expired: false,
                is_gated: false,
                event: None,
                queue: 1,
                ready_at: Timestamp(0),
            })
        };
        Ok(claims.iter().map(execution).collect())
    }

    fn waiting_for(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<Waiting>>> {
        self.load("waiting_for");
        let distinct: BTreeSet<_> = tasks.iter().collect();
        assert_eq!(distinct.len(), tasks.len(), "each is asked for once");
        let waiting = |task| {
            let dependents = self.edges.get(task).into_iter().flatten();
            let waiting = dependents.filter_map(|(dependent, condition)| {
                Some(Waiting {
                    task: *dependent,
                    condition: *condition,
                    pending: *self.waiting.get(dependent)?,
                })
            });
            waiting.collect()
        };
        Ok(tasks.iter().map(waiting).collect())
    }

    fn rows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskRow>>> {
        self.load("rows");
        let row = |task| {
            let row = self.tasks.get(task)?;
            Some(TaskRow {
                state: row.state,
                limit_key: row.limit_key.clone(),
                worker: Some(WORKER),
                cancel_requested: row.cancel_requested,
                is_held: self.held.contains(task),
                unmet: self.waiting.contains_key(task),
                run_at: row.run_at,
            })
        };
        Ok(tasks.iter().map(row).collect())
    }

    fn states(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>> {
        self.load("states");
        assert!(tasks.is_sorted(), "ids ascend");
        let state = |task| Some(self.tasks.get(task)?.state);
        Ok(tasks.iter().map(state).collect())
    }

    fn dependencies(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<(TaskId, Condition)>>> {
        self.load("dependencies");
        let of_one = |task| {
            let edges = self.edges.iter();
            let found = edges.filter_map(|(on, dependents)| Some((*on, *dependents.get(task)?)));
            found.collect()
        };
        Ok(tasks.iter().map(of_one).collect())
    }

    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        self.load("dependents");
        let dependents = self.edges.get(&task).into_iter().flatten();
        Ok(dependents.map(|(dependent, _)| *dependent).collect())
    }

    fn skipped_dependents(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<TaskId>>> {
        self.load("skipped_dependents");
        let skipped = |task| {
            let dependents = self.edges.get(task).into_iter().flatten();
            let skipped = dependents.filter(|(one, _)| self.tasks[one].state == State::Skipped);
            skipped.map(|(dependent, _)| *dependent).collect()
        };
        Ok(tasks.iter().map(skipped).collect())
    }

    fn workflows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskId>>> {
        self.load("workflows");
        let workflow = |task| self.tasks.contains_key(task).then_some(TaskId(1));
        Ok(tasks.iter().map(workflow).collect())
    }

    fn starts(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<Start>>> {
        self.load("starts");
        let start = |task| {
            let row = self.tasks.get(task)?;
            Some(Start {
                run_at: row.run_at,
                limit_key: row.limit_key.clone(),
            })
        };
        Ok(tasks.iter().map(start).collect())
    }

    fn free_slots(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<FreeSlots>>> {
        self.load("free_slots");
        let free = |key: &Vec<u8>| {
            self.waiting_under(key, State::Blocked).next()?;
            let running = self.waiting_under(key, State::Running).count() as u64;
            let offered = self.waiting_under(key, State::Queued).count() as u64;
            let free = self.limits[key].saturating_sub(running);
            (free > 0).then(|| FreeSlots {
                free,
                queues: vec![(1, offered)],
            })
        };
        Ok(keys.iter().map(free).collect())
    }

    fn parked(&mut self, openings: &[Opening<'_>]) -> Result<Vec<Vec<TaskId>>> {
        self.load("parked");
        let next = |opening: &Opening<'_>| {
            let parked = self.waiting_under(opening.key, State::Blocked);
            parked.take(opening.tasks).collect()
        };
        Ok(openings.iter().map(next).collect())
    }

    fn late(&mut self) -> Result<Vec<Late>> {
        self.load("late");
        let late = |task: &TaskId| Late {
            task: *task,
            deadline_at: None,
            limit_key: None,
        };
        Ok(self.late.iter().map(late).collect())
    }

    fn key_holders(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<TaskId>>> {
        self.load("key_holders");
        Ok(keys.iter().map(|key| self.holder(key)).collect())
    }

    fn queue_ids(&mut self, handler_queues: &[(&str, &str)]) -> Result<Vec<QueueId>> {
        self.load("queue_ids");
        let known = |id| QueueId {
            id,
            is_learned: false,
        };
        Ok((1..).take(handler_queues.len()).map(known).collect())
    }

    fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<Vec<Inserted>> {
        self.load("insert");
        let mut inserted = Vec::new();
        for new in rows {
            let key = new.task.task.key.clone();
            if let Some(holder) = key.as_deref().and_then(|key| self.holder(key)) {
                inserted.push(Inserted::Taken(holder));
                continue;
            }
            let last = self.tasks.keys().next_back().map_or(0, |last| last.0);
            let row = self.row(last + 1);
            row.state = new.state;
            row.limit_key.clone_from(&new.task.settings.limit_key);
            row.cause = new.never;
            row.key = key;
            if new.pending > 0 && new.never.is_none() {
                self.waiting.insert(TaskId(last + 1), new.pending);
                if new.task.task.held {
                    self.held.insert(TaskId(last + 1));
                }
            }
            inserted.push(Inserted::New(TaskId(last + 1)));
        }
        Ok(inserted)
    }

    fn copy(&mut self, copy: &NewCopy) -> Result<TaskId> {
        self.execute();
        let last = self.tasks.keys().next_back().map_or(0, |last| last.0);
        let limit_key = self.tasks[&copy.task].limit_key.clone();
        let row = self.row(last + 1);
        (row.state, row.limit_key) = (copy.state, limit_key);
        let id = TaskId(last + 1);
        if copy.pending > 0 {
            self.waiting.insert(id, copy.pending);
        }
        if copy.held {
            self.held.insert(id);
        }
        Ok(id)
    }

    fn store_edges(&mut self, edges: Vec<Edge>) -> Result<()> {
        for edge in edges {
            let write = Write::Edge(edge.dependent, edge.on, edge.condition);
            self.keep("store_edges", write);
        }
        Ok(())
    }

    fn cancel(&mut self, task: TaskId) -> Result<()> {
        self.keep("cancel", Write::State(task, State::Cancelled));
        self.end_hold(task)
    }

    fn request_cancel(&mut self, task: TaskId) -> Result<()> {
        self.keep("request_cancel", Write::Asked(task));
        Ok(())
    }

    fn store_reason(&mut self, _: TaskId, _: &str) -> Result<()> {
        Ok(())
    }

    fn fail(&mut self, task: TaskId, _: Reason) -> Result<()> {
        self.keep("fail", Write::State(task, State::Failed));
        self.end_hold(task)
    }

    fn conclude(&mut self, conclusion: &Conclusion<'_>) -> Result<()> {
        let task = conclusion.claim.task;
        self.log(task, Some(State::Running), Some(conclusion.verdict.state));
        self.keep("conclude", Write::State(task, conclusion.verdict.state));
        if conclusion.is_lost {
            self.keep("conclude", Write::Lost(task));
        }
        Ok(())
    }

    fn record(&mut self, change: &TaskChange<'_>) -> Result<()> {
        self.log(change.task, change.was, change.state);
        Ok(())
    }

    fn note(&mut self, _: EventKind, _: &serde_json::Value) -> Result<()> {
        Ok(())
    }

    fn store_output(&mut self, _: Claim, _: u32, _: Option<&Output>) -> Result<()> {
        Ok(())
    }

    fn hold(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.keep("hold", Write::Held(task, true));
        self.block(task, pending)
    }

    fn end_hold(&mut self, task: TaskId) -> Result<()> {
        self.keep("end_hold", Write::Held(task, false));
        Ok(())
    }

    fn set_time(&mut self, task: TaskId, run_at: Option<Timestamp>, state: State) -> Result<()> {
        self.keep("set_time", Write::Time(task, run_at));
        self.keep("set_time", Write::State(task, state));
        Ok(())
    }

    fn edit(&mut self, _: TaskId, _: &Edit) -> Result<()> {
        Ok(())
    }

    fn wait(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.keep("wait", Write::Pending(task, Some(pending)));
        Ok(())
    }

    fn set_pending(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.keep("set_pending", Write::Pending(task, Some(pending)));
        Ok(())
    }

    fn wait_no_more(&mut self, task: TaskId) -> Result<()> {
        self.keep("wait_no_more", Write::Pending(task, None));
        Ok(())
    }

    fn release(&mut self, task: TaskId, state: State) -> Result<()> {
        self.keep("release", Write::State(task, state));
        self.wait_no_more(task)
    }

    fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()> {
        self.keep("skip", Write::State(task, State::Skipped));
        self.keep("skip", Write::Cause(task, cause));
        self.end_hold(task)?;
        self.wait_no_more(task)
    }

    fn add_dependencies(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()> {
        for (on, condition) in all.iter().filter(|(on, _)| !had.contains_key(on)) {
            self.keep("add_dependencies", Write::Edge(dependent, *on, *condition));
        }
        Ok(())
    }

    fn block(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.keep("block", Write::State(task, State::Blocked));
        self.wait(task, pending)
    }

    fn reopen(&mut self, task: TaskId, state: State, pending: u32) -> Result<()> {
        self.keep("reopen", Write::State(task, state));
        if pending > 0 {
            self.wait(task, pending)?;
        }
        Ok(())
    }

    fn admit(&mut self, task: TaskId) -> Result<()> {
        self.keep("admit", Write::State(task, State::Queued));
        Ok(())
    }
}
