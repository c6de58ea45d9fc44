//! The operations on waiting tasks, and copies of ended ones, on the engine and on the model.

use std::time::Duration;

use super::super::Engine;
use super::{Changed, Pair};
use queue_core::error::Error;
use queue_core::queue::{Change, Edit, Queue, TaskCopy};
use queue_core::state::State;
use queue_core::task::TaskId;

impl<E: Engine> Pair<E> {
    pub(super) fn rerun(&mut self, ids: &[TaskId], held: bool) {
        let answer = self.queue().rerun(ids, held).unwrap();
        let now = self.now();
        let mut expected = Vec::new();
        for (id, copy) in ids.iter().zip(&answer) {
            let Some(entry) = self.tasks.get(&id.0) else {
                expected.push(TaskCopy::NotFound);
                continue;
            };
            if !entry.state.is_terminal() {
                let due = *copy == TaskCopy::Refused(State::Scheduled)
                    && entry.state_at(now) == State::Queued;
                let state = if due {
                    State::Scheduled
                } else {
                    entry.state_at(now)
                };
                expected.push(TaskCopy::Refused(state));
                continue;
            }
            let mut new = entry.new.clone().priority(entry.priority).held(held);
            new.run_at = None;
            new.key = None;
            expected.push(TaskCopy::Copied(self.add(new).id));
        }
        assert_eq!(answer, expected);
    }

    pub(super) fn hold(&mut self, ids: &[TaskId]) {
        let answer = self.queue().hold(ids).unwrap();
        let expected = self.change(ids, |entry| {
            if entry.state == State::Blocked {
                return Change::Already(State::Blocked);
            }
            if !entry.state.is_waiting() {
                return Change::Refused(entry.state);
            }
            entry.state = State::Blocked;
            Change::Done(State::Blocked)
        });
        assert_eq!(answer, expected);
    }

    pub(super) fn release(&mut self, ids: &[TaskId]) {
        let answer = self.queue().release(ids).unwrap();
        let now = self.now();
        let expected = self.change(ids, |entry| {
            if !entry.state.is_waiting() {
                return Change::Refused(entry.state);
            }
            if entry.state != State::Blocked {
                return Change::Already(entry.state_at(now));
            }
            entry.state = match entry.run_at {
                Some(at) if at > now => State::Scheduled,
                Some(_) | None => State::Queued,
            };
            Change::Done(entry.state)
        });
        assert_eq!(self.promoted(answer, ids), expected);
    }

    pub(super) fn start(&mut self, ids: &[TaskId]) {
        let answer = self.queue().start(ids).unwrap();
        let now = self.now();
        let expected = self.change(ids, |entry| {
            if !entry.state.is_waiting() {
                return Change::Refused(entry.state);
            }
            if entry.run_at.is_none_or(|at| at <= now) {
                return Change::Already(entry.state_at(now));
            }
            entry.run_at = None;
            if entry.state != State::Blocked {
                entry.state = State::Queued;
            }
            Change::Done(entry.state)
        });
        assert_eq!(self.promoted(answer, ids), expected);
    }

    pub(super) fn edit(&mut self, ids: &[TaskId], changed: &Changed) {
        let now = self.now();
        let mut edit = Edit::new();
        edit.priority = changed.priority.map(i32::from);
        edit.max_attempts = changed.max_attempts.map(u32::from);
        let after = |delay: u16| now.after(Duration::from_millis(delay.into()));
        edit.run_at = changed.delay_ms.map(|delay| delay.map(after));
        if changed.command {
            edit = edit.shell_command("edited");
        }
        let answer = self.queue().edit(ids, &edit);
        let is_wrong = |id: &TaskId| {
            self.tasks.get(&id.0).is_some_and(|entry| {
                let most = entry.new.options.max_attempts;
                let most = edit.max_attempts.unwrap_or(most);
                let is_spent = entry.attempt - entry.attempt_base >= most;
                let is_handler = !entry.new.work.handler().is_empty();
                entry.state.is_waiting() && (is_spent || (changed.command && is_handler))
            })
        };
        if ids.iter().any(is_wrong) {
            assert!(matches!(answer, Err(Error::Invalid { .. })), "{answer:?}");
            return;
        }
        let expected = self.change(ids, |entry| {
            if !entry.state.is_waiting() {
                return Change::Refused(entry.state);
            }
            entry.priority = edit.priority.unwrap_or(entry.priority);
            let options = &mut entry.new.options;
            options.max_attempts = edit.max_attempts.unwrap_or(options.max_attempts);
            if let Some(work) = &edit.work {
                entry.new.work = work.clone();
            }
            if let Some(run_at) = edit.run_at {
                entry.run_at = run_at;
                if entry.state != State::Blocked {
                    entry.state = if run_at.is_some_and(|at| at > now) {
                        State::Scheduled
                    } else {
                        State::Queued
                    };
                }
            }
            Change::Done(entry.state_at(now))
        });
        assert_eq!(self.promoted(answer.unwrap(), ids), expected);
    }
}
