//! What is left once a draining worker has nothing to do: what goes on by itself is waited for, what
//! needs a person is named. Each task is judged purely; the reading around it looks at no more tasks
//! than it has to.

use crate::claim::WorkerId;
use crate::clock::Timestamp;
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::{ListQuery, Queue, Serves, Waits, WorkerInfo};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Tasks read at a time.
const PAGE: usize = 64;
/// Pages of one state that are read at most: who finds that many held tasks has seen enough.
const MOST_PAGES: usize = 64;
/// Blocked tasks that are looked at: each takes several statements.
const MOST_BLOCKED: usize = 100;

/// How the tasks of a worker's queue stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is left that this worker would run.
    Nothing,
    /// Something runs, or can be claimed, or will be without anybody's help.
    Goes,
    /// Only tasks are left whose time comes; this one's is the first.
    Due(NextDue),
    /// All that is left waits for a person.
    Held(Vec<Obstacle>),
}

/// The task that comes due next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextDue {
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: String,
    /// When it can start.
    pub at: Timestamp,
}

/// Something that only a person takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub what: Hold,
    /// The queue of the tasks.
    pub queue: String,
    /// How many tasks it was found to hold; there may be more.
    pub tasks: u64,
    /// One of them.
    pub task: TaskId,
}

/// What holds tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Their queue is paused.
    Paused,
    /// A limit, of their queue or key, lets none run.
    Limit(Vec<u8>),
    /// No living worker has that handler; '' is a command.
    Unserved(String),
    /// They depend on a task that no living worker can run.
    Dependency(TaskId),
    /// A dead worker has them, whose processes are not seen from here.
    Hidden(WorkerId),
    /// A program that is no registered worker has them, so that nothing tells whether it lives.
    Unregistered(WorkerId),
}

/// What is known of the queue and handler of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Prospects {
    /// The worker that asks serves it.
    is_own: bool,
    /// Some living worker does.
    is_served: bool,
    is_paused: bool,
    /// The limit that lets nothing of it run.
    closed: Option<Vec<u8>>,
}

/// How one task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Goes,
    Due(Timestamp),
    Held(Hold),
    /// It is for others to run, or waits for tasks that are looked at themselves.
    Others,
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
                Waits::Time { .. }
                | Waits::Behind { .. }
                | Waits::Dependency { .. }
                | Waits::Dependencies { .. }
                | Waits::Limit { .. }
                | Waits::Rate { .. } => {}
            }
        }
    }

    /// How a task of that state stands which waits for nothing but its queue and its time.
    fn standing(&self, state: State, run_at: Option<Timestamp>, handler: &str) -> Standing {
        if state == State::Running {
            return if self.is_own {
                Standing::Goes
            } else {
                Standing::Others
            };
        }
        if !self.is_own && self.is_served {
            return Standing::Others;
        }
        if !self.is_own {
            return Standing::Held(Hold::Unserved(handler.to_owned()));
        }
        if self.is_paused {
            return Standing::Held(Hold::Paused);
        }
        if let Some(limit) = &self.closed {
            return Standing::Held(Hold::Limit(limit.clone()));
        }
        match (state, run_at) {
            (State::Scheduled, Some(at)) => Standing::Due(at),
            _ => Standing::Goes,
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    goes: bool,
    due: Option<NextDue>,
    obstacles: Vec<Obstacle>,
}

impl Findings {
    /// Adds how the task of that id, name and queue stands.
    fn add(&mut self, (task, name, queue): (TaskId, &str, &str), standing: Standing) {
        match standing {
            Standing::Goes => self.goes = true,
            Standing::Due(at) if self.due.as_ref().is_none_or(|due| at < due.at) => {
                self.due = Some(NextDue {
                    task,
                    name: name.to_owned(),
                    at,
                });
            }
            Standing::Due(_) | Standing::Others => {}
            Standing::Held(what) => {
                let mut known = self.obstacles.iter_mut();
                if let Some(known) = known.find(|one| one.what == what) {
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

    fn rest(self) -> Rest {
        if self.goes {
            return Rest::Goes;
        }
        match self.due {
            Some(due) => Rest::Due(due),
            None if self.obstacles.is_empty() => Rest::Nothing,
            None => Rest::Held(self.obstacles),
        }
    }
}

/// Looks at what is left of the queue that a worker serves.
///
/// # Errors
/// Those of every reading method.
pub(super) fn look<Q: Queue>(queue: &Q, serves: &Serves) -> Result<Rest> {
    let mut looker = Looker {
        queue,
        serves,
        living: None,
        handlers: Vec::new(),
        findings: Findings::default(),
    };
    for state in [State::Running, State::Queued, State::Scheduled] {
        looker.pages(state)?;
        if looker.findings.goes {
            return Ok(Rest::Goes);
        }
    }
    if looker.findings.due.is_none() {
        looker.blocked()?;
    }
    Ok(looker.findings.rest())
}

struct Looker<'a, Q> {
    queue: &'a Q,
    serves: &'a Serves,
    living: Option<Vec<WorkerInfo>>,
    handlers: Vec<(String, Prospects)>,
    findings: Findings,
}

impl<Q: Queue> Looker<'_, Q> {
    /// Looks at the queue's tasks of one state, until one goes on by itself.
    fn pages(&mut self, state: State) -> Result<()> {
        let mut query = self.query(state, 1);
        for _ in 0..MOST_PAGES {
            let tasks = self.queue.list(&query)?;
            for task in &tasks {
                let standing = self.standing(task)?;
                self.add(task, standing);
            }
            if self.findings.goes || tasks.len() < query.limit {
                break;
            }
            query.before = tasks.last().map(|task| task.id);
            query.limit = PAGE;
        }
        Ok(())
    }

    fn add(&mut self, task: &Task, standing: Standing) {
        self.findings
            .add((task.id, &task.name, &task.queue), standing);
    }

    fn query(&self, state: State, limit: usize) -> ListQuery {
        ListQuery {
            states: vec![state],
            queue: Some(self.serves.queue.clone()),
            limit,
            ..ListQuery::default()
        }
    }

    fn standing(&mut self, task: &Task) -> Result<Standing> {
        let prospects = self.prospects(task)?;
        let standing = prospects.standing(task.state, task.run_at, task.work.handler());
        if let (State::Running, Some(worker)) = (task.state, task.worker)
            && standing == Standing::Goes
            && let Some(hold) = self.keeper(task.id, worker)?
        {
            return Ok(Standing::Held(hold));
        }
        Ok(standing)
    }

    /// What holds a running task of this queue if its worker keeps it until a person says that
    /// nothing of that runs any more. Under leases none does.
    fn keeper(&self, task: TaskId, id: WorkerId) -> Result<Option<Hold>> {
        if self.queue.lease().is_some() || self.queue.coordination().is_alive(id)? {
            return Ok(None);
        }
        let workers = self.queue.workers()?;
        let Some(worker) = workers.iter().find(|one| one.id == id) else {
            // A worker that has left since gave it back before.
            let now = self.queue.get(task)?;
            let is_kept =
                now.is_some_and(|now| now.state == State::Running && now.worker == Some(id));
            return Ok(is_kept.then_some(Hold::Unregistered(id)));
        };
        let origin = self.queue.coordination().origin_of(worker)?;
        Ok((origin == Origin::Elsewhere).then_some(Hold::Hidden(id)))
    }

    /// Prospects of a task's handler; its first waiting task tells them.
    fn prospects(&mut self, task: &Task) -> Result<Prospects> {
        // No worker of this version takes what a newer one wrote.
        if task.set_aside.is_some() {
            return Ok(Prospects::default());
        }
        let handler = task.work.handler();
        if let Some((_, prospects)) = self.handlers.iter().find(|(own, _)| own == handler) {
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
            prospects.add(&self.queue.waits_for(task.id)?);
            self.handlers.push((handler.to_owned(), prospects.clone()));
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

    /// Looks at blocked tasks: at those that wait for a slot of their key, and at what others of
    /// them wait for elsewhere.
    fn blocked(&mut self) -> Result<()> {
        for task in self.queue.list(&self.query(State::Blocked, MOST_BLOCKED))? {
            for waits in self.queue.waits_for(task.id)? {
                let standing = match &waits {
                    Waits::Limit { .. } => {
                        let mut prospects = self.prospects(&task)?;
                        prospects.add(&self.queue.waits_for(task.id)?);
                        prospects.standing(task.state, None, task.work.handler())
                    }
                    Waits::Dependency { task: on, .. } => self.dependency(*on)?,
                    Waits::Time { .. }
                    | Waits::Paused { .. }
                    | Waits::Behind { .. }
                    | Waits::Dependencies { .. }
                    | Waits::Rate { .. } => Standing::Others,
                };
                self.add(&task, standing);
            }
            if self.findings.goes {
                break;
            }
        }
        Ok(())
    }

    /// How a task stands for those that depend on it. One of the queue itself was looked at.
    fn dependency(&mut self, on: TaskId) -> Result<Standing> {
        let Some(task) = self.queue.get(on)? else {
            return Ok(Standing::Others);
        };
        let is_open = matches!(
            task.state,
            State::Scheduled | State::Queued | State::Blocked
        );
        if !is_open || task.queue == self.serves.queue || self.is_served(&task)? {
            return Ok(Standing::Others);
        }
        Ok(Standing::Held(Hold::Dependency(on)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, Hold, Prospects, Rest, Standing};
    use crate::clock::Timestamp;
    use crate::queue::Waits;
    use crate::state::State;
    use crate::task::TaskId;

    fn own() -> Prospects {
        Prospects {
            is_own: true,
            is_served: true,
            ..Prospects::default()
        }
    }

    fn waiting(waits: Waits) -> Prospects {
        let mut prospects = own();
        prospects.add(&[waits]);
        prospects
    }

    fn limit(bound: u64) -> Waits {
        Waits::Limit {
            name: b"k".to_vec(),
            running: 0,
            bound: Some(bound),
            ahead: 0,
        }
    }

    #[test]
    fn what_goes_on_by_itself_is_told_from_what_needs_a_person() {
        let since = Timestamp(1);
        let at = Timestamp(9);
        let queued = |prospects: &Prospects| prospects.standing(State::Queued, None, "h");
        assert_eq!(queued(&own()), Standing::Goes);
        assert_eq!(queued(&waiting(limit(1))), Standing::Goes);
        let held = |what| Standing::Held(what);
        assert_eq!(queued(&waiting(limit(0))), held(Hold::Limit(b"k".to_vec())));
        let paused = waiting(Waits::Paused { since });
        assert_eq!(queued(&paused), held(Hold::Paused));
        assert_eq!(
            paused.standing(State::Scheduled, Some(at), ""),
            held(Hold::Paused)
        );
        assert_eq!(paused.standing(State::Running, None, ""), Standing::Goes);
        assert_eq!(
            own().standing(State::Scheduled, Some(at), ""),
            Standing::Due(at)
        );
        let rate = |more_at| Waits::Rate {
            name: b"q".to_vec(),
            more_at,
        };
        assert_eq!(queued(&waiting(rate(Some(at)))), Standing::Goes);
        assert_eq!(
            queued(&waiting(rate(None))),
            held(Hold::Limit(b"q".to_vec()))
        );
        let nobody = Prospects::default();
        assert_eq!(queued(&nobody), held(Hold::Unserved("h".to_owned())));
        let others = Prospects {
            is_served: true,
            ..Prospects::default()
        };
        assert_eq!(queued(&others), Standing::Others);
        assert_eq!(others.standing(State::Running, None, "h"), Standing::Others);
    }

    #[test]
    fn the_first_that_comes_due_is_waited_for_before_anything_is_given_up() {
        let task = |id| (TaskId(id), "name", "queue");
        let mut findings = Findings::default();
        assert_eq!(Findings::default().rest(), Rest::Nothing);
        findings.add(task(3), Standing::Held(Hold::Paused));
        findings.add(task(2), Standing::Held(Hold::Paused));
        let Rest::Held(obstacles) = std::mem::take(&mut findings).rest() else {
            panic!("it is held");
        };
        assert_eq!((obstacles[0].tasks, obstacles[0].task), (2, TaskId(2)));
        findings.obstacles = obstacles;
        findings.add(task(4), Standing::Due(Timestamp(9)));
        findings.add(task(5), Standing::Due(Timestamp(7)));
        findings.add(task(6), Standing::Due(Timestamp(8)));
        assert_eq!(findings.due.as_ref().map(|due| due.task), Some(TaskId(5)));
        findings.add(task(7), Standing::Goes);
        assert_eq!(findings.rest(), Rest::Goes);
    }
}
