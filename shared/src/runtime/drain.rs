//! Tasks that remain when a draining worker has nothing to do. It waits for those that proceed by
//! themselves, and reports those that need a person. Each task is judged by a pure function; the
//! code around it reads as few tasks as possible.

use std::collections::HashMap;

use crate::claim::WorkerId;
use crate::clock::Timestamp;
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::{ListQuery, Queue, Serves, Waits, WorkerInfo};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Tasks read at a time.
const PAGE: usize = 64;
/// Largest number of pages read of one state. That many held tasks are enough to decide.
const MOST_PAGES: usize = 64;
/// Largest number of times that everything is read because others write meanwhile.
const MOST_READS: usize = 3;
/// Largest number of blocked tasks read. Each takes several statements.
const MOST_BLOCKED: usize = 100;

/// Remaining tasks of a worker's queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// No task is left that this worker would run.
    Nothing,
    /// A task runs, or can be claimed, or can be claimed later without help.
    Proceeds,
    /// Only scheduled tasks are left; this one comes first.
    Due(NextDue),
    /// All remaining tasks need a person.
    Held(Vec<Obstacle>),
}

/// Task that comes due next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextDue {
    /// Id of the task.
    pub task: TaskId,
    /// Name of the task.
    pub name: String,
    /// Time at which it can start.
    pub at: Timestamp,
}

/// Obstacle that only a person can remove.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// The obstacle.
    pub what: Hold,
    /// Queue of the tasks.
    pub queue: String,
    /// Number of tasks that were found to be held; there may be more.
    pub tasks: u64,
    /// One of the tasks.
    pub task: TaskId,
}

/// Reason why tasks are held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hold {
    /// They are held until they are released.
    OnHold,
    /// Their queue is paused.
    Paused,
    /// A limit of their queue or key allows none to run.
    Limit(Vec<u8>),
    /// No live worker has this handler; '' means commands.
    Unserved(String),
    /// They depend on a task that no live worker can run.
    Dependency(TaskId),
    /// A dead worker holds them, whose processes cannot be seen from here.
    Hidden(WorkerId),
    /// A program that is not a registered worker holds them, so nothing shows if it is alive.
    Unregistered(WorkerId),
}

/// Prospects of the tasks of one queue and handler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Prospects {
    /// True if the draining worker serves it.
    is_own: bool,
    /// True if a live worker serves it.
    is_served: bool,
    is_paused: bool,
    /// Limit that allows none of its tasks to run.
    closed: Option<Vec<u8>>,
}

/// Outlook of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outlook {
    Proceeds,
    Due(Timestamp),
    Held(Hold),
    /// Other workers run it, or it waits for tasks that are judged themselves.
    NotOurs,
}

impl Prospects {
    fn add(&mut self, waits: &[Waits]) {
        for one in waits {
            match one {
                Waits::Paused { .. } => self.is_paused = true,
                Waits::Rate {
                    name,
                    more_at: None,
                } => self.closed = Some(name.clone()),
                Waits::Limit { name, bound, .. } if *bound == Some(0) => {
                    self.closed = Some(name.clone());
                }
                Waits::Held { .. }
                | Waits::Time { .. }
                | Waits::Behind { .. }
                | Waits::Unserved
                | Waits::Dependency { .. }
                | Waits::Dependencies { .. }
                | Waits::Limit { .. }
                | Waits::Rate { .. } => {}
            }
        }
    }

    /// Outlook of a task in that state that waits only for its queue and its time.
    fn outlook(&self, state: State, run_at: Option<Timestamp>, handler: &str) -> Outlook {
        if state == State::Running {
            return if self.is_own {
                Outlook::Proceeds
            } else {
                Outlook::NotOurs
            };
        }
        if !self.is_own && self.is_served {
            return Outlook::NotOurs;
        }
        if !self.is_own {
            return Outlook::Held(Hold::Unserved(handler.to_owned()));
        }
        if self.is_paused {
            return Outlook::Held(Hold::Paused);
        }
        if let Some(limit) = &self.closed {
            return Outlook::Held(Hold::Limit(limit.clone()));
        }
        match (state, run_at) {
            (State::Scheduled, Some(at)) => Outlook::Due(at),
            _ => Outlook::Proceeds,
        }
    }
}

/// Findings so far.
#[derive(Debug, Default)]
struct Findings {
    proceeds: bool,
    due: Option<NextDue>,
    obstacles: Vec<Obstacle>,
}

impl Findings {
    /// Adds the outlook of the task with that id, name and queue.
    fn add(&mut self, (task, name, queue): (TaskId, &str, &str), outlook: Outlook) {
        match outlook {
            Outlook::Proceeds => self.proceeds = true,
            Outlook::Due(at) if self.due.as_ref().is_none_or(|due| at < due.at) => {
                self.due = Some(NextDue {
                    task,
                    name: name.to_owned(),
                    at,
                });
            }
            Outlook::Due(_) | Outlook::NotOurs => {}
            Outlook::Held(what) => {
                let mut known = self.obstacles.iter_mut();
                if let Some(known) = known.find(|one| one.what == what && one.queue == queue) {
                    known.tasks += 1;
                    known.task = known.task.min(task);
                } else {
                    self.obstacles.push(Obstacle {
                        what,
                        queue: queue.to_owned(),
                        tasks: 1,
                        task,
                    });
                }
            }
        }
    }

    fn remaining(self) -> Remaining {
        if self.proceeds {
            return Remaining::Proceeds;
        }
        match self.due {
            Some(due) => Remaining::Due(due),
            None if self.obstacles.is_empty() => Remaining::Nothing,
            None => Remaining::Held(self.obstacles),
        }
    }
}

/// Reads the remaining tasks of the queues that a worker serves.
///
/// # Errors
/// As the reading methods of [`Queue`].
pub(super) fn look<Q: Queue>(queue: &Q, serves: &Serves) -> Result<Remaining> {
    unchanged(|| queue.change_counter(), || read(queue, serves))
}

/// Reads with `read` until nobody has written meanwhile, but no more than [`MOST_READS`] times. The
/// states are read one after the other, so a task that goes from one to another in between may be
/// missed. A file that keeps changing counts as one with a task that proceeds: the worker checks again.
fn unchanged(
    mut counter: impl FnMut() -> Result<i64>,
    mut read: impl FnMut() -> Result<Remaining>,
) -> Result<Remaining> {
    let mut before = counter()?;
    for _ in 0..MOST_READS {
        let remaining = read()?;
        if remaining == Remaining::Proceeds {
            return Ok(remaining);
        }
        let after = counter()?;
        if after == before {
            return Ok(remaining);
        }
        before = after;
    }
    Ok(Remaining::Proceeds)
}

fn read<Q: Queue>(queue: &Q, serves: &Serves) -> Result<Remaining> {
    let mut looker = Looker {
        queue,
        serves,
        living: None,
        known: HashMap::new(),
        findings: Findings::default(),
    };
    for state in [State::Running, State::Queued, State::Scheduled] {
        looker.pages(state)?;
        if looker.findings.proceeds {
            return Ok(Remaining::Proceeds);
        }
    }
    if looker.findings.due.is_none() {
        looker.held()?;
        looker.blocked()?;
    }
    Ok(looker.findings.remaining())
}

struct Looker<'a, Q> {
    queue: &'a Q,
    serves: &'a Serves,
    living: Option<Vec<WorkerInfo>>,
    /// Prospects by queue and handler.
    known: HashMap<(String, String), Prospects>,
    findings: Findings,
}

impl<Q: Queue> Looker<'_, Q> {
    /// Reads the tasks of one state in the worker's queues, until one proceeds by itself.
    fn pages(&mut self, state: State) -> Result<()> {
        for query in self.queries(state, 1) {
            self.pages_of(query)?;
            if self.findings.proceeds {
                break;
            }
        }
        Ok(())
    }

    fn pages_of(&mut self, mut query: ListQuery) -> Result<()> {
        for _ in 0..MOST_PAGES {
            let tasks = self.queue.list(&query)?;
            for task in &tasks {
                if self.serves(task) {
                    let outlook = self.outlook(task)?;
                    self.add(task, outlook);
                }
            }
            if self.findings.proceeds || tasks.len() < query.limit {
                break;
            }
            query.before = tasks.last().map(|task| task.id);
            query.limit = PAGE;
        }
        Ok(())
    }

    fn add(&mut self, task: &Task, outlook: Outlook) {
        self.findings
            .add((task.id, &task.name, &task.queue), outlook);
    }

    /// Queries for the tasks of the worker's queues: one for each, or one for all.
    fn queries(&self, state: State, limit: usize) -> Vec<ListQuery> {
        let query = |queue| ListQuery {
            states: vec![state],
            queue,
            limit,
            ..ListQuery::default()
        };
        if self.serves.queues.is_all() {
            return vec![query(None)];
        }
        let names = self.serves.queues.names().iter();
        names.map(|own| query(Some(own.name.to_string()))).collect()
    }

    /// True if the task is in one of the worker's queues.
    fn serves(&self, task: &Task) -> bool {
        self.serves.queues.covers(&task.queue)
    }

    fn outlook(&mut self, task: &Task) -> Result<Outlook> {
        let prospects = self.prospects(task)?;
        let outlook = prospects.outlook(task.state, task.run_at, task.work.handler());
        if let (State::Running, Some(worker)) = (task.state, task.worker)
            && outlook == Outlook::Proceeds
            && let Some(hold) = self.keeper(task.id, worker)?
        {
            return Ok(Outlook::Held(hold));
        }
        Ok(outlook)
    }

    /// Returns the hold on a running task whose worker keeps it until a person confirms that none
    /// of its processes runs any more. Under leases there is none.
    fn keeper(&self, task: TaskId, id: WorkerId) -> Result<Option<Hold>> {
        if self.queue.lease().is_some() || self.queue.coordination().is_alive(id)? {
            return Ok(None);
        }
        let workers = self.queue.workers()?;
        let Some(worker) = workers.iter().find(|one| one.id == id) else {
            // A worker that has deregistered since then returned the task before.
            let now = self.queue.get(task)?;
            let is_kept =
                now.is_some_and(|now| now.state == State::Running && now.worker == Some(id));
            return Ok(is_kept.then_some(Hold::Unregistered(id)));
        };
        let origin = self.queue.coordination().origin_of(worker)?;
        Ok((origin == Origin::Elsewhere).then_some(Hold::Hidden(id)))
    }

    /// Returns the prospects of a task's handler, read once for its first waiting task.
    fn prospects(&mut self, task: &Task) -> Result<Prospects> {
        // No worker of this version takes a task that a newer version wrote.
        if task.set_aside.is_some() {
            return Ok(Prospects::default());
        }
        let handler = task.work.handler();
        let key = (task.queue.clone(), handler.to_owned());
        if let Some(prospects) = self.known.get(&key) {
            return Ok(prospects.clone());
        }
        let mut prospects = Prospects {
            is_own: self.serves.covers(&task.queue, handler),
            is_served: self.is_served(task)?,
            ..Prospects::default()
        };
        if !task.state.is_waiting() {
            return Ok(prospects);
        }
        if task.state != State::Blocked {
            prospects.add(&self.queue.waits_in_file(task.id)?);
            self.known.insert(key, prospects.clone());
        }
        Ok(prospects)
    }

    fn is_served(&mut self, task: &Task) -> Result<bool> {
        let living = match self.living.take() {
            Some(living) => living,
            None => self.queue.live_workers()?,
        };
        let handler = task.work.handler();
        let mut workers = living.iter();
        let is_served = workers.any(|worker| worker.serves.covers(&task.queue, handler));
        self.living = Some(living);
        Ok(is_served)
    }

    /// Reads held tasks.
    fn held(&mut self) -> Result<()> {
        for mut query in self.queries(State::Blocked, MOST_BLOCKED) {
            query.held = true;
            for task in self.queue.list(&query)? {
                if !self.serves(&task) {
                    continue;
                }
                let prospects = self.prospects(&task)?;
                let outlook = if !prospects.is_own && prospects.is_served {
                    Outlook::NotOurs
                } else {
                    Outlook::Held(Hold::OnHold)
                };
                self.add(&task, outlook);
            }
        }
        Ok(())
    }

    /// Reads blocked tasks: those that wait for a slot of their key, and the dependencies of the
    /// others in other queues.
    fn blocked(&mut self) -> Result<()> {
        for query in self.queries(State::Blocked, MOST_BLOCKED) {
            for task in self.queue.list(&query)? {
                let judged = task.held_at.is_some() || !self.serves(&task);
                if !judged && !self.findings.proceeds {
                    self.blocked_one(&task)?;
                }
            }
        }
        Ok(())
    }

    fn blocked_one(&mut self, task: &Task) -> Result<()> {
        for waits in self.queue.waits_in_file(task.id)? {
            let outlook = match &waits {
                Waits::Limit { .. } => {
                    let mut prospects = self.prospects(task)?;
                    prospects.add(&self.queue.waits_in_file(task.id)?);
                    prospects.outlook(task.state, None, task.work.handler())
                }
                Waits::Dependency { task: on, .. } => self.dependency(*on)?,
                Waits::Held { .. }
                | Waits::Time { .. }
                | Waits::Paused { .. }
                | Waits::Behind { .. }
                | Waits::Dependencies { .. }
                | Waits::Unserved
                | Waits::Rate { .. } => Outlook::NotOurs,
            };
            self.add(task, outlook);
        }
        Ok(())
    }

    /// Outlook of a task for its dependents. Tasks of the worker's own queues were read already.
    fn dependency(&mut self, on: TaskId) -> Result<Outlook> {
        let Some(task) = self.queue.get(on)? else {
            return Ok(Outlook::NotOurs);
        };
        let is_open = matches!(
            task.state,
            State::Scheduled | State::Queued | State::Blocked
        );
        if !is_open || self.serves(&task) || self.is_served(&task)? {
            return Ok(Outlook::NotOurs);
        }
        Ok(Outlook::Held(Hold::Dependency(on)))
    }
}

#[cfg(test)]
mod tests;
