//! Each operation, on the engine and on the model.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::super::{Engine, settlement};
use super::{Ask, Ending, Entry, HANDLERS, Pair, QUEUES, Spec, worker_id};
use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::clock::Timestamp;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Reason, RunningRow, Settled, decide, decide_crash};
use queue_core::queue::{Change, Enqueued, PruneRequest, Queue, Reaped};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::{Ageing, ServedQueue, ServedQueues};

impl<E: Engine> Pair<E> {
    pub(super) fn enqueue(&mut self, specs: &[Spec], transaction: Option<bool>) {
        let new: Vec<_> = specs
            .iter()
            .map(|spec| new_task(spec, self.now()))
            .collect();
        let answer = match transaction {
            None => self.queue().enqueue(new.clone()).unwrap(),
            Some(commit) => E::transaction(&self.bench.path(), commit, |tx| {
                let (answer, wake) = self.queue().enqueue_in(tx, &new).unwrap();
                drop(wake);
                answer
            }),
        };
        let before = self.tasks.clone();
        let expected: Vec<_> = new.into_iter().map(|task| self.add(task)).collect();
        assert_eq!(answer, expected);
        if transaction == Some(false) {
            self.tasks = before;
        }
    }

    pub(super) fn add(&mut self, new: NewTask) -> Enqueued {
        let taken = |(_, entry): &(&i64, &Entry)| new.key.is_some() && entry.new.key == new.key;
        if let Some((id, _)) = self.tasks.iter().find(taken) {
            return Enqueued {
                id: TaskId(*id),
                existed: true,
            };
        }
        let id = self.tasks.last_key_value().map_or(0, |(id, _)| *id) + 1;
        let entry = Entry {
            created_at: self.now(),
            state: new.first_state(self.now()),
            priority: new.priority,
            attempt: 0,
            attempt_base: 0,
            crashes: 0,
            lost: false,
            token: 0,
            worker: None,
            run_at: new.run_at,
            finished_at: None,
            cancel_requested: false,
            reason: None,
            outputs: BTreeMap::new(),
            output: None,
            new,
        };
        self.tasks.insert(id, entry);
        Enqueued {
            id: TaskId(id),
            existed: false,
        }
    }

    pub(super) fn claim(&mut self, ask: &Ask) {
        let request = request(ask);
        let answer = self.queue().claim(&request).unwrap();
        let now = self.now();
        let claimed: Vec<_> = answer.tasks.iter().map(|one| one.claim.task.0).collect();
        assert_eq!(claimed, self.expected(&request), "{request:?}");
        for task in &answer.tasks {
            let entry = self.tasks.get_mut(&task.claim.task.0).unwrap();
            entry.state = State::Running;
            entry.attempt += 1;
            entry.crashes += 1;
            entry.lost = false;
            entry.token += 1;
            entry.worker = Some(request.worker);
            assert_eq!(
                (task.claim.token, task.attempt),
                (entry.token, entry.attempt)
            );
            self.claims.push(task.claim);
        }
        let waiting = self
            .tasks
            .values()
            .filter(|entry| entry.state_at(now) == State::Scheduled);
        if claimed.len() < request.limit {
            assert_eq!(
                answer.next_due,
                waiting.filter_map(|entry| entry.run_at).min()
            );
        }
    }

    /// Tasks that a claim takes, by the simplest rules: a queue's own slots first, then by turns.
    fn expected(&self, request: &ClaimRequest) -> Vec<i64> {
        let mut names: Vec<&str> = QUEUES
            .into_iter()
            .filter(|name| request.queues.covers(name))
            .collect();
        names.sort_unstable();
        let mut ready: Vec<Vec<i64>> = names.iter().map(|name| self.ready(request, name)).collect();
        let mut kept: Vec<usize> = names
            .iter()
            .map(|name| {
                let mut owners = request.queues.names().iter();
                let own = owners.find(|own| *own.name == **name && names.len() > 1);
                own.map_or(0, |own| usize::try_from(own.reserved).unwrap())
            })
            .collect();
        let sum: usize = kept.iter().sum();
        let mut shared = request.free.saturating_sub(sum);
        let is_after = |name: &&str| request.after.as_deref().is_some_and(|last| **name <= *last);
        let mut next = names.iter().filter(|name| is_after(name)).count();
        let mut taken = Vec::new();
        while taken.len() < request.limit {
            let turn = |at: &usize| !ready[(next + at) % names.len()].is_empty();
            let in_turn = || {
                (0..names.len())
                    .filter(turn)
                    .map(|at| (next + at) % names.len())
            };
            let own = in_turn().find(|at| kept[*at] > 0);
            let Some(at) = own.or_else(|| in_turn().next().filter(|_| shared > 0)) else {
                break;
            };
            taken.push(ready[at].remove(0));
            if own.is_some() {
                kept[at] -= 1;
            } else {
                shared -= 1;
            }
            if own.is_none() || sum > request.free {
                next = (at + 1) % names.len();
            }
        }
        taken
    }

    /// Tasks of a queue that the worker can run now, in claim order.
    fn ready(&self, request: &ClaimRequest, name: &str) -> Vec<i64> {
        let paused = QUEUES.into_iter().zip(self.paused);
        if paused
            .into_iter()
            .any(|(queue, paused)| queue == name && paused)
        {
            return Vec::new();
        }
        let open = |entry: &Entry| {
            let handler = entry.new.work.handler();
            let can_run = if handler.is_empty() {
                request.commands
            } else {
                request.handlers.iter().any(|own| own == handler)
            };
            can_run && entry.new.queue == name && entry.state_at(self.now()) == State::Queued
        };
        let tasks = self.tasks.iter().filter(|(_, entry)| open(entry));
        let ageing = QUEUES.into_iter().zip(self.ageing);
        let ageing = ageing
            .filter(|(queue, _)| *queue == name)
            .find_map(|(_, ageing)| ageing);
        if let Some(ageing) = ageing {
            return aged(tasks, ageing);
        }
        let mut ready: Vec<_> = tasks
            .map(|(id, entry)| (Reverse(entry.priority), *id))
            .collect();
        ready.sort_unstable();
        ready.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn settle(&mut self, picks: &[(u16, Ending)], transaction: Option<bool>) {
        if self.claims.is_empty() {
            return;
        }
        let settlements: Vec<_> = picks
            .iter()
            .map(|(pick, ending)| {
                let claim = self.claims[usize::from(*pick) % self.claims.len()];
                let (outcome, output) = outcome(*ending, self.now());
                settlement(claim, outcome, output.as_deref())
            })
            .collect();
        let answer = match transaction {
            None => self.queue().settle(settlements.clone()).unwrap(),
            Some(commit) => E::transaction(&self.bench.path(), commit, |tx| {
                let (answer, wake) = self.queue().settle_in(tx, &settlements).unwrap();
                drop(wake);
                answer
            }),
        };
        let before = self.tasks.clone();
        for (one, answer) in settlements.into_iter().zip(answer) {
            let output = one.output.map(|output| output.0);
            let expected = self.settle_one(one.claim, one.outcome, output);
            let came_due = answer == Settled::Recorded(State::Scheduled)
                && expected == Settled::Recorded(State::Queued);
            assert!(
                answer == expected || came_due,
                "{answer:?}, not {expected:?}"
            );
        }
        if transaction == Some(false) {
            self.tasks = before;
        }
    }

    fn settle_one(&mut self, claim: Claim, outcome: Outcome, output: Option<Vec<u8>>) -> Settled {
        let now = self.now();
        let Some(entry) = self
            .tasks
            .get_mut(&claim.task.0)
            .filter(|entry| entry.is_of(claim))
        else {
            return Settled::ClaimLost;
        };
        if entry.state != State::Running {
            return Settled::Recorded(entry.state_at(now));
        }
        let verdict = decide(outcome, running(entry), now, 0);
        entry.keep(entry.attempt, output);
        entry.state = verdict.state;
        entry.run_at = verdict.run_at.or(entry.run_at);
        entry.attempt = verdict.attempt;
        entry.crashes = verdict.crashes;
        entry.reason = verdict.reason;
        entry.finished_at = entry.state.is_terminal().then_some(now);
        Settled::Recorded(entry.state)
    }

    pub(super) fn reap(&mut self, worker: WorkerId) {
        let answer = self.queue().reap(worker).unwrap();
        let now = self.now();
        let mut expected = Vec::new();
        for (id, entry) in &mut self.tasks {
            if entry.state == State::Running && entry.worker == Some(worker) {
                let verdict = decide_crash(running(entry));
                let claim = Claim {
                    task: TaskId(*id),
                    token: entry.token,
                    worker,
                };
                expected.push(Reaped {
                    claim,
                    state: verdict.state,
                });
                entry.state = verdict.state;
                entry.attempt = verdict.attempt;
                entry.reason = verdict.reason;
                entry.worker = None;
                entry.lost = true;
                entry.finished_at = entry.state.is_terminal().then_some(now);
            }
        }
        assert_eq!(answer, expected);
    }

    pub(super) fn cancel(&mut self, ids: &[TaskId]) {
        let answer = self.queue().cancel(ids).unwrap();
        let now = self.now();
        let expected = self.change(ids, |entry| {
            if entry.state.is_waiting() {
                entry.state = State::Cancelled;
                entry.reason = Some(Reason::Cancel);
                entry.finished_at = Some(now);
                return Change::Done(State::Cancelled);
            }
            match (entry.state, entry.worker) {
                (State::Running, Some(worker)) if entry.cancel_requested => {
                    Change::AlreadyRequested(worker)
                }
                (State::Running, Some(worker)) => {
                    entry.cancel_requested = true;
                    Change::Requested(worker)
                }
                (State::Cancelled, _) => Change::Already(State::Cancelled),
                (state, _) => Change::Refused(state),
            }
        });
        assert_eq!(answer, expected);
    }

    pub(super) fn retry(&mut self, ids: &[TaskId]) {
        let answer = self.queue().retry(ids).unwrap();
        let now = self.now();
        let expected = self.change(ids, |entry| {
            if !matches!(entry.state, State::Failed | State::Cancelled) {
                return Change::Refused(entry.state_at(now));
            }
            // The number of a lost attempt is not given out again.
            let attempt = entry.attempt + u32::from(entry.lost);
            *entry = Entry {
                state: State::Queued,
                attempt,
                attempt_base: attempt,
                crashes: 0,
                lost: false,
                run_at: None,
                finished_at: None,
                cancel_requested: false,
                reason: None,
                ..entry.clone()
            };
            Change::Done(State::Queued)
        });
        assert_eq!(self.promoted(answer, ids), expected);
    }

    pub(super) fn reprioritize(&mut self, ids: &[TaskId], priority: i32) {
        let answer = self.queue().reprioritize(ids, priority).unwrap();
        let now = self.now();
        let expected = self.change(ids, |entry| {
            if !entry.state.is_waiting() {
                return Change::Refused(entry.state);
            }
            entry.priority = priority;
            Change::Done(entry.state_at(now))
        });
        assert_eq!(self.promoted(answer, ids), expected);
    }

    /// An answer in which due tasks count as queued.
    pub(super) fn promoted(&self, answer: Vec<Change>, ids: &[TaskId]) -> Vec<Change> {
        let due = |id: &TaskId| {
            let entry = self.tasks.get(&id.0);
            entry.is_some_and(|entry| entry.state_at(self.now()) == State::Queued)
        };
        let promote = |(change, id): (Change, &TaskId)| match change {
            Change::Done(State::Scheduled) if due(id) => Change::Done(State::Queued),
            Change::Already(State::Scheduled) if due(id) => Change::Already(State::Queued),
            Change::Refused(State::Scheduled) if due(id) => Change::Refused(State::Queued),
            Change::Done(_)
            | Change::Already(_)
            | Change::Requested(_)
            | Change::AlreadyRequested(_)
            | Change::Refused(_)
            | Change::NotFound
            | _ => change,
        };
        answer.into_iter().zip(ids).map(promote).collect()
    }

    pub(super) fn change(
        &mut self,
        ids: &[TaskId],
        change: impl Fn(&mut Entry) -> Change,
    ) -> Vec<Change> {
        ids.iter()
            .map(|id| self.tasks.get_mut(&id.0).map_or(Change::NotFound, &change))
            .collect()
    }

    pub(super) fn prune(&mut self, age_ms: u16, failed_only: bool, keep: u8) {
        let request = PruneRequest::new(Timestamp(self.now().0 - i64::from(age_ms)))
            .states(if failed_only {
                vec![State::Failed]
            } else {
                Vec::new()
            })
            .keep(u64::from(keep));
        let dry = request.clone().dry_run(true);
        let counted = self.queue().prune(&dry).unwrap();
        let pruned = self.queue().prune(&request).unwrap();
        let wanted = |entry: &Entry| {
            entry.state.is_terminal() && (!failed_only || entry.state == State::Failed)
        };
        let last = self.tasks.keys().next_back().copied();
        let gone: Vec<_> = self
            .tasks
            .iter()
            .rev()
            .filter(|(_, entry)| wanted(entry))
            .skip(usize::from(keep))
            .filter(|(id, entry)| {
                Some(**id) != last && entry.finished_at < Some(request.finished_before)
            })
            .map(|(id, _)| *id)
            .collect();
        assert_eq!((counted, pruned), (gone.len() as u64, gone.len() as u64));
        for id in gone {
            self.tasks.remove(&id);
        }
    }
}

/// Tasks in the order of a queue with ageing: again and again the first of those that are the oldest of
/// their priority and handler.
fn aged<'e>(tasks: impl Iterator<Item = (&'e i64, &'e Entry)>, ageing: Ageing) -> Vec<i64> {
    let mut left: Vec<_> = tasks.collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let mut levels = HashSet::new();
        let is_oldest = |(_, (_, entry)): &(usize, &(&i64, &Entry))| {
            levels.insert((entry.priority, entry.new.work.handler().to_owned()))
        };
        let rank = |(_, (id, entry)): &(usize, &(&i64, &Entry))| {
            let since = entry
                .created_at
                .max(entry.run_at.unwrap_or(entry.created_at));
            let step = i64::try_from(ageing.step().as_millis()).unwrap();
            (i64::from(entry.priority) * step - since.0, Reverse(**id))
        };
        let oldest = left.iter().enumerate().filter(is_oldest);
        let (at, _) = oldest.max_by_key(rank).unwrap();
        order.push(*left.remove(at).0);
    }
    order
}

fn request(ask: &Ask) -> ClaimRequest {
    let named = QUEUES.into_iter().zip(ask.kept).enumerate();
    let named = named.filter(|(bit, _)| ask.queues >> bit & 1 != 0);
    let named: Vec<_> = named
        .map(|(_, (name, kept))| ServedQueue::new(name).reserving(u32::from(kept)))
        .collect();
    let mut request = ClaimRequest::new(worker_id(ask.worker), usize::from(ask.limit))
        .queues(if named.is_empty() {
            ServedQueues::all([])
        } else {
            ServedQueues::named(named)
        })
        .commands(ask.serves & 1 != 0)
        .handlers(
            (1..HANDLERS.len())
                .filter(|handler| ask.serves >> handler & 1 != 0)
                .map(|handler| HANDLERS[handler]),
        );
    let last = QUEUES.get(usize::from(ask.after));
    request.after = last.map(|&name| name.into());
    request
}

fn running(entry: &Entry) -> RunningRow<'_> {
    RunningRow {
        attempt: entry.attempt,
        attempt_base: entry.attempt_base,
        crashes: entry.crashes,
        cancel_requested: entry.cancel_requested,
        options: &entry.new.options,
    }
}

fn new_task(spec: &Spec, now: Timestamp) -> NewTask {
    let handler = HANDLERS[usize::from(spec.handler) % HANDLERS.len()];
    let mut task = if handler.is_empty() {
        NewTask::shell("command", "true")
    } else {
        NewTask::handler(handler, "payload")
    };
    let delay = spec.delay_ms.map(|ms| Duration::from_millis(ms.into()));
    task.run_at = delay.map(|delay| now.after(delay));
    task.key = spec.key.map(|key| vec![key]);
    task.held(spec.held)
        .priority(spec.priority.into())
        .queue(QUEUES[usize::from(spec.queue) % QUEUES.len()])
        .options(
            TaskOptions::new()
                .max_attempts(u32::from(spec.max_attempts % 3) + 1)
                .max_crashes(u32::from(spec.max_crashes % 3) + 1)
                .fatal_codes([2]),
        )
}

fn outcome(ending: Ending, now: Timestamp) -> (Outcome, Option<String>) {
    match ending {
        Ending::Success => (Outcome::Succeeded, None),
        Ending::Exit => (Outcome::Exited { code: 1 }, None),
        Ending::Fatal => (Outcome::Exited { code: 2 }, None),
        Ending::Returned => (Outcome::Returned, None),
        Ending::Snoozed(millis) => {
            let until = now.after(Duration::from_millis(millis.into()));
            (Outcome::Snoozed { until }, None)
        }
        Ending::WithOutput(seed) => (Outcome::Succeeded, Some(format!("o1\n{seed}"))),
    }
}
