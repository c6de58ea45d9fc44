//! `why`: explains what tasks wait for, or how they ended.

use std::cell::RefCell;

use serde::Serialize;

use super::program::{Access, Context};
use super::select::{self, Selector};
use super::show::find;
use super::wait::how_to_run;
use super::{Failure, escape, moment, skip_cause, tasks};
use crate::claim::Claim;
use crate::clock::Timestamp;
use crate::coordination::Origin;
use crate::error::Result;
use crate::outcome::Reason;
use crate::queue::{ClaimOrder, Fact, FactValue, Queue, Waits, WorkerInfo};
use crate::runtime::recover::unreachable;
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::text::waiting;

/// Explain what tasks wait for, or how they ended
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

/// One of the reasons why a task waits or ended.
#[derive(Serialize)]
pub(super) struct Explanation {
    kind: &'static str,
    pub(super) sentence: String,
}

/// An explanation as programs read it.
#[derive(Serialize)]
pub(super) struct View<'a> {
    id: i64,
    name: &'a str,
    state: &'static str,
    because: &'a [Explanation],
}

impl<'a> View<'a> {
    pub(super) fn new(task: &'a Task, because: &'a [Explanation]) -> Self {
        Self {
            id: task.id.0,
            name: &task.name,
            state: task.state.as_str(),
            because,
        }
    }
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let living = queue.live_workers()?;
    let known = queue.workers()?;
    let ids = arguments.ids.concat();
    let is_one =
        matches!(ids.as_slice(), [one] if !matches!(one, Selector::Range(_) | Selector::All));
    let order = (!is_one).then(RefCell::default);
    let scene = Snapshot {
        order,
        ..Snapshot::new(context, &queue, (&living, &known), queue.now().wall)
    };
    select::each(&queue, &ids, |id| {
        let task = find(&queue, id)?;
        let mut because = scene.explanations(&task)?;
        because.extend(scheduled(&queue.facts(id)?));
        let view = View::new(&task, &because);
        let mut text = format!("task {id} ({}): {}", escape::line(&task.name), task.state);
        for one in &because {
            text += "\n  ";
            text += &escape::line(&one.sentence);
        }
        context.printer.say(&text, &view)
    })
}

/// Reasons for a waiting task besides its time and the tasks before it.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn obstacles<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
) -> Result<Vec<String>> {
    let Some(task) = queue.get(id)?.filter(|task| task.state.is_waiting()) else {
        return Ok(Vec::new());
    };
    let scene = Snapshot {
        context,
        queue,
        living: &queue.live_workers()?,
        known: &[],
        now: queue.now().wall,
        order: None,
    };
    let mut reasons = scene.waiting(&task)?;
    reasons.retain(|one| !["time", "retry", "behind", "next"].contains(&one.kind));
    Ok(reasons.into_iter().map(|one| one.sentence).collect())
}

/// Sentence about the schedule that enqueued a task.
fn scheduled(facts: &[Fact]) -> Option<Explanation> {
    let value = |name| facts.iter().find(|fact| fact.name == name)?.value.as_ref();
    let Some(FactValue::Name(schedule)) = value("schedule") else {
        return None;
    };
    let sentence = match value("slot_at") {
        Some(FactValue::Time(slot)) => {
            let slot = moment::shown(*slot, &jiff::tz::TimeZone::system());
            format!("schedule {schedule} enqueued it for {slot}")
        }
        _ => format!("it was enqueued by hand from schedule {schedule}"),
    };
    Some(explanation("schedule", sentence))
}

/// State of the database and its workers, from which the answers are derived.
pub(super) struct Snapshot<'a, Q> {
    context: &'a Context<Q>,
    queue: &'a Q,
    living: &'a [WorkerInfo],
    /// The registered workers, living or dead.
    known: &'a [WorkerInfo],
    now: Timestamp,
    /// Claim order of the queues, kept if many tasks are selected.
    order: Option<RefCell<ClaimOrder>>,
}

impl<'a, Q: Queue> Snapshot<'a, Q> {
    /// A snapshot with the living workers and all registered ones.
    pub(super) fn new(
        context: &'a Context<Q>,
        queue: &'a Q,
        (living, known): (&'a [WorkerInfo], &'a [WorkerInfo]),
        now: Timestamp,
    ) -> Self {
        Self {
            context,
            queue,
            living,
            known,
            now,
            order: None,
        }
    }

    /// True if a living worker can run the task.
    pub(super) fn is_served(&self, task: &Task) -> bool {
        let handler = task.work.handler();
        let can_run = |worker: &WorkerInfo| worker.serves.covers(&task.queue, handler);
        self.living.iter().any(can_run)
    }

    pub(super) fn explanations(&self, task: &Task) -> Result<Vec<Explanation>> {
        Ok(match task.state {
            State::Scheduled | State::Blocked | State::Queued => self.waiting(task)?,
            State::Running => self.running(task)?,
            State::Succeeded => vec![explanation("ended", succeeded(task))],
            State::Failed | State::Cancelled => vec![explanation("ended", self.ended(task))],
            State::Skipped => self.skipped(task)?,
        })
    }

    fn waiting(&self, task: &Task) -> Result<Vec<Explanation>> {
        if let Some(why) = &task.set_aside {
            return Ok(vec![explanation("set_aside", waiting::set_aside(why))]);
        }
        let waits = match &self.order {
            Some(order) => self
                .queue
                .waits_in_order(task.id, &mut order.borrow_mut())?,
            None => self.queue.waits_in_file(task.id)?,
        };
        let is_next = waits.iter().all(|one| waiting::is_past(one, self.now));
        let mut reasons: Vec<Explanation> = waits.iter().map(|one| self.wait(task, one)).collect();
        if !self.is_served(task) {
            let start = how_to_run(self.context, self.queue, task)?;
            let unserved = waiting::clause(&Waits::Unserved, task, self.now);
            let sentence = format!("{unserved}; {start}");
            reasons.push(explanation("no_worker", sentence));
        } else if is_next {
            reasons.push(explanation("next", waiting::NEXT.to_owned()));
        }
        Ok(reasons)
    }

    /// Explanation of one reason, with the command that helps.
    fn wait(&self, task: &Task, waits: &Waits) -> Explanation {
        let clause = waiting::clause(waits, task, self.now);
        let advised = |advice: String| format!("{clause}; {advice}");
        match waits {
            Waits::Time { retry: true, .. } => explanation("retry", clause),
            Waits::Time { retry: false, .. } => explanation("time", clause),
            Waits::Held { .. } => {
                let release = self.context.command(&format!("release {}", task.id));
                explanation("held", advised(format!("release it with {release}")))
            }
            Waits::Paused { .. } => {
                let queue = waiting::quoted(&task.queue);
                let resume = self.context.command(&format!("resume {queue}"));
                explanation("paused", advised(format!("resume it with {resume}")))
            }
            Waits::Unserved => explanation("no_worker", clause),
            Waits::Behind { .. } => explanation("behind", clause),
            Waits::Dependency {
                task,
                state: State::Failed | State::Cancelled,
                ..
            } => {
                let retry = format!("retry {task} --downstream");
                let retry = self.context.command(&retry);
                explanation("dependency", advised(format!("{retry} queues both again")))
            }
            Waits::Dependency { .. } => explanation("dependency", clause),
            Waits::Dependencies { .. } => {
                let tree = self.context.command(&format!("tree --up {}", task.id));
                let advice = format!("{tree} shows all it depends on");
                explanation("dependencies", advised(advice))
            }
            Waits::Limit { .. } => explanation("limit", clause),
            Waits::Rate { .. } => explanation("rate", clause),
        }
    }

    fn running(&self, task: &Task) -> Result<Vec<Explanation>> {
        let since = task.started_at.unwrap_or(self.now);
        let since = moment::relative(since, self.now);
        let of = |workers: &'a [WorkerInfo]| {
            let mut workers = workers.iter();
            workers.find(|one| Some(one.id) == task.worker)
        };
        let mut reasons = vec![match (of(self.living), of(self.known)) {
            (Some(worker), _) => explanation(
                "running",
                format!("worker {} (pid {}) took it {since}", worker.id, worker.pid),
            ),
            (None, Some(worker)) => self.of_dead(task, worker, &since)?,
            (None, None) => explanation(
                "worker_unknown",
                format!(
                    "a program that is not a registered worker took it {since}; if that program \
                     no longer runs, {} returns it",
                    self.context.command("doctor --repair --unregistered")
                ),
            ),
        }];
        if let Some(asked) = task.cancel_requested_at {
            let clause = waiting::asked_to_stop(asked, self.now);
            reasons.push(explanation("cancel", clause));
        }
        Ok(reasons)
    }

    /// Explanation why a task of a dead worker is not returned yet.
    fn of_dead(&self, task: &Task, worker: &WorkerInfo, since: &str) -> Result<Explanation> {
        let coordination = self.queue.coordination();
        let origin = coordination.origin_of(worker)?;
        if origin == Origin::Elsewhere {
            let reap = format!("reap {} --gone", worker.id);
            let reap = self.context.command(&reap);
            let lease = match self.queue.lease() {
                Some(_) => "a worker returns it once its lease has run out; sooner, ",
                None => "",
            };
            let sentence = format!(
                "its worker took it {since} and is dead; it ran in another pid namespace of this \
                 machine, such as a container, whose processes are not visible from here; {lease}make sure that none of them is left, then {reap} returns it"
            );
            return Ok(explanation("worker_elsewhere", sentence));
        }
        let claim = Claim {
            task: task.id,
            token: task.token,
            worker: worker.id,
        };
        let found = match origin {
            Origin::Here => unreachable(
                &Sidecar::at(coordination.folder()),
                vec![claim],
                self.queue.now(),
            )?,
            Origin::EarlierBoot | Origin::Elsewhere => Vec::new(),
        };
        if found.is_empty() {
            let recover = self.context.how_to_recover(self.queue, &task.queue)?;
            let sentence = format!("its worker took it {since} and is dead; {recover}");
            return Ok(explanation("worker_dead", sentence));
        }
        let pids: Vec<String> = found
            .iter()
            .map(|one| one.process.pid.to_string())
            .collect();
        let sentence = format!(
            "its worker took it {since} and is dead, but its process {} is alive, which this user \
             cannot end; the task is returned once that has ended",
            pids.join(", ")
        );
        Ok(explanation("worker_dead", sentence))
    }

    fn skipped(&self, task: &Task) -> Result<Vec<Explanation>> {
        let mut reasons = vec![explanation("ended", self.ended(task))];
        let waits = self.queue.waits_in_file(task.id)?;
        reasons.extend(waits.iter().map(|waits| self.wait(task, waits)));
        let has_advice = |waits: &Waits| {
            let retried = [State::Failed, State::Cancelled];
            matches!(waits, Waits::Dependency { state, .. } if retried.contains(state))
        };
        // Not for many tasks: each search walks all the way up.
        if self.order.is_none() && !waits.iter().any(has_advice) {
            let advice = skip_cause::advice(self.context, self.queue, task.id)?;
            reasons.extend(advice.map(|advice| explanation("cause", advice)));
        }
        Ok(reasons)
    }

    fn ended(&self, task: &Task) -> String {
        let when = task.finished_at.unwrap_or(self.now);
        let when = moment::relative(when, self.now);
        let how = tasks::ending(task).unwrap_or_else(|| "no reason is recorded".to_owned());
        let budget = match (task.state, task.reason) {
            (State::Failed, Some(Reason::Crash)) => {
                let (crashes, budget) = (task.crashes, task.options.max_crashes);
                format!(" after {crashes} of {budget} crashes")
            }
            (State::Failed, _) => format!(" at attempt {}", tasks::attempt(task)),
            (_, _) => String::new(),
        };
        let retry = self.context.command(&format!("retry {}", task.id));
        let again = if task.state == State::Skipped {
            // A retry of the dependency re-opens it.
            String::new()
        } else {
            format!("; {retry} queues it again")
        };
        format!("it ended {when}{budget}: {how}{again}")
    }
}

fn succeeded(task: &Task) -> String {
    let took =
        tasks::took(task).map_or_else(String::new, |took| format!(" in {}", moment::rough(took)));
    format!("it succeeded{took}, at attempt {}", tasks::attempt(task))
}

fn explanation(kind: &'static str, sentence: String) -> Explanation {
    Explanation { kind, sentence }
}
