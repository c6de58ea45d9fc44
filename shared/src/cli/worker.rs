//! `worker`: runs tasks.

mod background;
mod hooks;
pub(super) mod left;
mod service;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::printer::{Notes, Printer};
use super::program::Context;
use super::screen::{hurry, note};
use super::terminal::Awake;
use super::{Failure, duration, exit, known, moment, number, process, select, tasks};
use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::queue::Queue;
use crate::runtime::executor::Unreachable;
use crate::runtime::{
    Observer, Obstacle, Recovered, Summary, Unrecorded, Worker, WorkerEvent, WorkerOptions, trust,
};
use crate::state::State;
use crate::task::{DEFAULT_QUEUE, TaskId};
use hooks::Hooks;
use service::Service;

/// Tasks named in one line of the log.
const MOST_NAMED: usize = 20;

/// Run tasks
///
/// Says how each execution ended on standard error. SIGTERM, SIGINT (Ctrl-C) or SIGHUP (a closed
/// terminal) stops it: it takes nothing more, lets tasks finish for the grace time and hands back
/// what is left; a second signal makes it hand back at once. What a killed worker leaves behind is
/// ended and returned by the next one.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the command line"
)]
pub struct Arguments {
    /// How many tasks run at once [default: the number of cores]
    #[arg(short, long, value_name = "NUMBER", value_parser = number::within(1..=10_000_u32))]
    pub(super) slots: Option<u32>,

    /// The queue to work
    #[arg(long, default_value = DEFAULT_QUEUE)]
    queue: String,

    /// End once nothing is queued, running or scheduled, retries included; the exit code is 1 if a
    /// task failed, or if what is left needs a person, which is said
    #[arg(long)]
    drain: bool,

    /// From SIGTERM to SIGKILL where a task is ended, and for tasks to finish when the worker is
    /// stopped
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    grace: Duration,

    /// The shell that runs commands of tasks without one of their own, with `-c`, such as bash
    #[arg(long, value_name = "SHELL", default_value = "/bin/sh", value_parser = super::add_task::shell)]
    shell: String,

    /// How long the end of a task's output is waited for after its command's exit, while something
    /// it left running still holds it; other tasks never wait for it
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    output_grace: Duration,

    /// Run this command with `/bin/sh -c` after every task that succeeded, failed or was
    /// cancelled while it ran or as its worker died; told in its environment: `QUEUE_TASK_ID`, `QUEUE_TASK_NAME`,
    /// `QUEUE_STATE`, `QUEUE_EXIT_CODE`, `QUEUE_SIGNAL`, `QUEUE_ATTEMPT`, `QUEUE_DB`
    #[arg(long, value_name = "COMMAND")]
    on_finish: Option<String>,

    /// How long one run of the command of --on-finish may take before it is ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    hook_timeout: Duration,

    /// Leave the terminal, log to worker.log in the folder beside the database, print the pid
    #[arg(long)]
    background: bool,

    /// Run commands as root also from a database that others can change: one that is not root's, or
    /// that others may write to, or that lies in such a folder
    #[arg(long)]
    trust_file: bool,

    /// Tell the waiting parent on standard output that this worker is registered
    #[arg(long, hide = true, conflicts_with = "background")]
    detached: bool,

    /// The folder that the waiting parent was started in
    #[arg(long, hide = true, requires = "detached")]
    folder: Option<PathBuf>,
}

/// How long what was said last may take to be printed.
pub(super) const LAST_LINES: Duration = Duration::from_millis(300);

/// What a program's worker has beyond those of every program.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// How many slots it has unless the arguments say; one for each core otherwise.
    pub slots: Option<NonZeroU32>,
    /// How many tasks it claims at a time at most.
    pub batch: Option<NonZeroU32>,
    /// The arguments that say all of this to a worker in the background.
    pub arguments: Vec<OsString>,
}

/// Works, on the queue that `open` opens.
///
/// # Errors
/// [`Failure::Tasks`] and [`Failure::ClaimsLost`] when draining; else as the engine.
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extras: &Extras,
    open: impl FnOnce() -> Result<Q>,
) -> Result<(), Failure> {
    process::begin()?;
    if !arguments.detached {
        known::check(context, &arguments.queue)?;
    }
    if arguments.background {
        return background::start(context, arguments, extras);
    }
    if arguments.detached {
        background::leave_terminal()?;
    }
    let queue = Arc::new(open()?);
    if let Some(warning) = trust::warning(queue.path(), queue.sidecar()) {
        note(&warning);
    }
    let options = options(arguments, extras);
    let slots = options.slots.get();
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let _signals = worker.stopper().on_signals()?;
    if arguments.detached {
        background::announce()?;
    }
    let stopper = worker.stopper();
    let printer = Printer::new(Notes);
    let _awake = Awake::new(&printer)?;
    let mut reporter = Reporter {
        service: Service::ready(),
        hooks: hooks(arguments, &queue, &printer)?,
        printer: printer.clone(),
        left: Vec::new(),
    };
    if !arguments.detached {
        printer.say(format!(
            "worker {} runs up to {} at a time of {}",
            worker.id(),
            tasks::count(slots.into()),
            queue.path().display()
        ));
    }
    let result = worker.run(&mut reporter);
    reporter.service.stopping();
    if let Some(hooks) = reporter.hooks.take() {
        hooks.finish(&stopper);
    }
    let is_said = printer.finish(LAST_LINES);
    if !is_said || stopper.requests(Duration::ZERO) > 1 {
        hurry();
    }
    let done = Done {
        summary: result?,
        left: reporter.left,
    };
    report(context, arguments, &*queue, &done)
}

fn hooks<Q: Queue>(
    arguments: &Arguments,
    queue: &Arc<Q>,
    printer: &Printer,
) -> Result<Option<Hooks>> {
    let Some(command) = arguments.on_finish.as_deref() else {
        return Ok(None);
    };
    let reader = Arc::clone(queue);
    Hooks::new(hooks::Settings {
        command,
        timeout: arguments.hook_timeout,
        database: queue.path(),
        folder: arguments.folder.as_deref(),
        printer: printer.clone(),
        find: Box::new(move |task| reader.get(task).ok().flatten()),
    })
    .map(Some)
}

fn options(arguments: &Arguments, extras: &Extras) -> WorkerOptions {
    let asked = arguments.slots.and_then(NonZeroU32::new);
    let slots = asked.or(extras.slots).unwrap_or_else(|| slots(None));
    WorkerOptions {
        queue: arguments.queue.clone(),
        drain: arguments.drain,
        trust_file: arguments.trust_file,
        grace: arguments.grace,
        output_grace: arguments.output_grace,
        shell: arguments.shell.clone(),
        folder: arguments.folder.clone(),
        batch: extras.batch,
        ..WorkerOptions::commands(slots)
    }
}

/// The slots asked for, else one for each core.
pub(super) fn slots(asked: Option<u32>) -> NonZeroU32 {
    asked.and_then(NonZeroU32::new).unwrap_or_else(|| {
        std::thread::available_parallelism()
            .ok()
            .and_then(|cores| cores.try_into().ok())
            .unwrap_or(NonZeroU32::MIN)
    })
}

#[derive(Serialize)]
struct View {
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    returned: u64,
    lost: u64,
    left: u64,
    recovered_workers: u64,
}

/// Says what the worker did; a drained file in which a task failed is a failure.
fn report<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    queue: &Q,
    done: &Done,
) -> Result<(), Failure> {
    let Done { summary, left } = done;
    if context.screen.is_json() {
        context.screen.of_done().json(&View {
            succeeded: summary.succeeded,
            failed: summary.failed,
            cancelled: summary.cancelled,
            returned: summary.returned,
            lost: summary.lost,
            left: left::count(left),
            recovered_workers: summary.recovered,
        })?;
    }
    let mut bad = Vec::new();
    if arguments.drain && summary.failed > 0 {
        bad.push(format!("{} failed", tasks::count(summary.failed)));
    }
    if !left.is_empty() {
        bad.push(left::sentence(context, queue, left)?);
    }
    if !bad.is_empty() {
        return Err(Failure::Tasks(bad.join("; ")));
    }
    if arguments.drain && summary.lost > 0 {
        return Err(Failure::ClaimsLost(format!(
            "the claims on {} were lost; whoever has them now records how they end",
            tasks::count(summary.lost)
        )));
    }
    Ok(())
}

/// Tells people, systemd and hooks what the worker does, and waits for none of them.
struct Reporter {
    service: Service,
    hooks: Option<Hooks>,
    printer: Printer,
    left: Vec<Obstacle>,
}

/// What a worker did and did not do.
struct Done {
    summary: Summary,
    left: Vec<Obstacle>,
}

impl Observer for Reporter {
    fn on(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Left(obstacles) = event {
            self.left.clone_from(obstacles);
        }
        if let Some(line) = line(event) {
            let now = SystemClock.now().wall;
            self.printer.say(format!("{} {line}", moment::iso(now)));
        }
        if let Some(hooks) = &self.hooks {
            hooks.on(event);
            if let WorkerEvent::Recovered(recovered) = event {
                let ended = recovered.tasks.iter().filter(|one| one.state.is_terminal());
                ended.for_each(|reaped| hooks.on_reaped(reaped.claim.task));
            }
            if let WorkerEvent::Stopping { at_once: true, .. } = event {
                hooks.end_at_once();
            }
        }
        if let WorkerEvent::Stopping { .. } = event {
            self.service.stopping();
        }
    }

    fn beat(&mut self) {
        self.service.beat();
    }

    fn stuck(&mut self) {
        leave_stuck(&self.printer);
    }
}

/// Ends the program of a worker that was told to end at once and waits for its file or for a disk.
pub(super) fn leave_stuck(printer: &Printer) {
    printer.say(
        "stopped at once while the file was held or a disk did not answer; the next worker \
         recovers what this one had"
            .to_owned(),
    );
    printer.finish(LAST_LINES);
    std::process::exit(exit::UNUSABLE.into());
}

/// An event as a line of the worker's log; a start is told by its end.
pub fn line(event: &WorkerEvent) -> Option<String> {
    Some(match event {
        WorkerEvent::Ended {
            claim,
            name,
            attempt,
            outcome,
            took,
            state,
        } => {
            let name = super::escape::line(name);
            let how = ending(*state, outcome.as_ref());
            let took = moment::rough(*took);
            format!(
                "task {} ({name}) {how} after {took}, attempt {attempt}",
                claim.task
            )
        }
        WorkerEvent::Refused { message } => {
            format!(
                "a write was refused and is repeated: {}",
                super::escape::line(message)
            )
        }
        WorkerEvent::Blind { message } => format!(
            "the processes that a dead worker left cannot be looked at, so that its tasks wait: {}; \
             trying again",
            super::escape::line(message)
        ),
        WorkerEvent::Stopping { running, at_once } => {
            let running = tasks::count(u64::try_from(*running).unwrap_or(u64::MAX));
            if *at_once {
                format!("stopping at once; {running} running")
            } else {
                format!("stopping; {running} running, a second signal ends them at once")
            }
        }
        WorkerEvent::Recovered(recovered) => recovery(recovered),
        WorkerEvent::Short { message, slots } => format!(
            "the machine is short of something: {}; using {slots} slots and trying more later",
            super::escape::line(message)
        ),
        WorkerEvent::Waiting(due) => left::waiting(due),
        WorkerEvent::Sufficient => "all slots are used again".to_owned(),
        WorkerEvent::Unrecorded(tasks) => unrecorded(tasks),
        WorkerEvent::Unreachable(Unreachable { claim, processes }) => {
            format!(
                "task {} was ended, but of it pid {} is alive, which this user cannot end: it counts \
                 as running until its user or root has ended that",
                claim.task,
                pids(processes)
            )
        }
        WorkerEvent::ClockSetBack { by } => format!(
            "the clock was set back by {}; due tasks go by the new time",
            moment::rough(*by)
        ),
        WorkerEvent::Started { .. } | WorkerEvent::Left(_) => return None,
    })
}

/// What became of a task: `succeeded`, `failed (exit code 3)`, `will be retried (exit code 3)`.
fn ending(state: Option<State>, outcome: Option<&Outcome>) -> String {
    let Some(state) = state else {
        return "was lost to another worker".to_owned();
    };
    let why = outcome.map(reason).unwrap_or_default();
    match state {
        State::Succeeded => "succeeded".to_owned(),
        State::Failed => format!("failed{why}"),
        State::Cancelled => "was cancelled".to_owned(),
        State::Skipped => "was skipped".to_owned(),
        State::Scheduled | State::Blocked | State::Queued | State::Running => {
            if outcome == Some(&Outcome::Returned) {
                "was handed back".to_owned()
            } else {
                format!("will run again{why}")
            }
        }
    }
}

fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded | Outcome::Returned | Outcome::Snoozed { .. } => String::new(),
        Outcome::Exited { code } => format!(" (exit code {code})"),
        Outcome::Signalled { signal } => format!(" (signal {signal})"),
        Outcome::TimedOut => " (timeout)".to_owned(),
        Outcome::NotStarted { message }
        | Outcome::HandlerFailed { message, .. }
        | Outcome::Panicked { message } => format!(" ({})", super::escape::line(message)),
    }
}

/// How the tasks ended that the file does not say it of.
fn unrecorded(tasks: &[Unrecorded]) -> String {
    const SHOWN: usize = 20;
    let mut text = String::from("not recorded, and left to the next worker:");
    for task in tasks.iter().take(SHOWN) {
        let how = match &task.outcome {
            None if task.processes.is_empty() => "was killed and has not ended".to_owned(),
            None => format!("was ended, but not pid {} of it", pids(&task.processes)),
            Some(Outcome::Succeeded) => "succeeded".to_owned(),
            Some(Outcome::Returned) => "was ended by the stop".to_owned(),
            Some(Outcome::Snoozed { .. }) => "was put off".to_owned(),
            Some(outcome) => format!("failed{}", reason(outcome)),
        };
        let name = super::escape::line(&task.name);
        let _ = write!(text, " task {} ({name}) {how};", task.claim.task);
    }
    if tasks.len() > SHOWN {
        let _ = write!(text, " and {} more", tasks.len() - SHOWN);
    }
    text.truncate(text.trim_end_matches(';').len());
    text
}

fn pids(processes: &[u32]) -> String {
    let pids: Vec<String> = processes.iter().map(u32::to_string).collect();
    pids.join(", ")
}

fn recovery(recovered: &Recovered) -> String {
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let kept: Vec<TaskId> = recovered.kept.iter().map(|claim| claim.task).collect();
    let kept = format!(
        "{} ({})",
        tasks::count(number(kept.len())),
        select::show(&kept[..kept.len().min(MOST_NAMED)])
    );
    if recovered.elsewhere {
        return format!(
            "worker {} had died in another pid namespace, whose processes are not seen from here: \
             {kept} not returned; `why` says what helps",
            recovered.worker
        );
    }
    let what = if recovered.expired {
        "let leases run out"
    } else {
        "had died"
    };
    let mut text = format!(
        "worker {} {what}: {} returned, {} processes ended",
        recovered.worker,
        tasks::count(number(recovered.tasks.len())),
        recovered.ended
    );
    if !recovered.unreachable.is_empty() {
        let _ = write!(
            text,
            "; still running may be {}",
            pids(&recovered.unreachable)
        );
    }
    if !recovered.kept.is_empty() {
        let _ = write!(
            text,
            ", which this user cannot end: {kept} not returned until they have gone"
        );
    }
    if !recovered.hidden.is_empty() {
        let _ = write!(text, "; not seen is whose {} are", pids(&recovered.hidden));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::line;
    use crate::claim::WorkerId;
    use crate::runtime::{Recovered, WorkerEvent};

    #[test]
    fn a_clock_that_was_set_back_is_in_the_log() {
        let by = Duration::from_secs(3_600);
        let line = line(&WorkerEvent::ClockSetBack { by }).unwrap();
        assert_eq!(
            line,
            "the clock was set back by 1h; due tasks go by the new time"
        );
    }

    #[test]
    fn a_worker_whose_leases_ran_out_is_not_called_dead() {
        let recovered = |expired| {
            WorkerEvent::Recovered(Recovered {
                worker: WorkerId(7),
                expired,
                tasks: Vec::new(),
                ended: 1,
                unreachable: Vec::new(),
                hidden: Vec::new(),
                kept: Vec::new(),
                elsewhere: false,
            })
        };
        assert!(
            line(&recovered(true))
                .unwrap()
                .contains("let leases run out: ")
        );
        assert!(line(&recovered(false)).unwrap().contains("had died: "));
    }
}
