//! `worker`: runs tasks.

mod background;
mod control;
mod ends;
mod hooks;
pub(super) mod obstacles;
mod options;
mod service;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::print_thread::{PrintThread, StandardError};
use super::printer::{hurry, note};
use super::program::Context;
use super::terminal::SuspendGuard;
use super::{Failure, Invocation, exit, moment, process_setup, queue_name, select, tasks};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::remedy::Remedy;
use crate::runtime::executor::Unreachable;
use crate::runtime::{Observer, Obstacle, Recovered, Summary, Worker, WorkerEvent, trust};
use crate::task::TaskId;
use ends::{ending, is_retried, pids, unrecorded};
use hooks::Hooks;
pub use options::{Arguments, Beside, Extra, Say};
pub(super) use options::{Commands, slots};
use service::Service;

/// Most tasks named in one line of the log.
const MOST_NAMED: usize = 20;

/// Time for the last lines to be printed.
pub(super) const LAST_LINES: Duration = Duration::from_millis(300);

/// Runs a worker with the arguments and `extra`.
///
/// # Errors
/// [`Failure::Tasks`] and [`Failure::ClaimsLost`] with `--drain`; else as the engine.
pub fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &impl Extra<Q>,
) -> Result<(), Failure> {
    if let Some(control) = &arguments.control {
        return control::run(context, control);
    }
    process_setup::set_up()?;
    if !arguments.detached {
        let options = arguments.options(extra);
        options.queues.check(options.slots.get())?;
        queue_name::check(context, &options.queues)?;
    }
    if arguments.background {
        return background::start(context, arguments, extra);
    }
    if arguments.detached {
        background::leave_terminal()?;
    }
    let queue = Arc::new(extra.open(context)?);
    if let Some(warning) = trust::warning(&**queue.coordination()) {
        note(&warning);
    }
    let options = arguments.options(extra);
    let slots = options.slots.get();
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let _signals = worker.stopper().on_signals()?;
    if arguments.detached {
        background::announce()?;
    }
    let stopper = worker.stopper();
    let print_thread = PrintThread::new(StandardError);
    let _suspend_guard = SuspendGuard::new(&print_thread)?;
    let mut reporter = Reporter {
        service: Service::ready(),
        hooks: hooks(arguments, &queue, &print_thread)?,
        print_thread: print_thread.clone(),
        invocation: context.invocation(),
        left: Vec::new(),
    };
    if !arguments.detached {
        print_thread.say(format!(
            "worker {} runs up to {} at a time of {}",
            worker.id(),
            tasks::count(slots.into()),
            queue.coordination().location()
        ));
    }
    let say = print_thread.clone();
    let say = Box::new(move |line| say.say(line));
    let beside = extra.beside(&queue, arguments.commands.trust_file, say)?;
    let result = worker.run(&mut reporter);
    reporter.service.stopping();
    drop(beside);
    if let Some(hooks) = reporter.hooks.take() {
        hooks.finish(&stopper);
    }
    let is_said = print_thread.finish(LAST_LINES);
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
    print_thread: &PrintThread,
) -> Result<Option<Hooks>> {
    let Some(command) = arguments.commands.on_finish.as_deref() else {
        return Ok(None);
    };
    let reader = Arc::clone(queue);
    Hooks::new(hooks::Settings {
        command,
        timeout: arguments.commands.hook_timeout,
        database: queue.coordination().location().path(),
        folder: arguments.folder.as_deref(),
        print_thread: print_thread.clone(),
        find: Box::new(move |task| reader.get(task).ok().flatten()),
    })
    .map(Some)
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

/// Prints the worker's summary; with `--drain`, a failed task is a failure of the verb.
fn report<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    queue: &Q,
    done: &Done,
) -> Result<(), Failure> {
    let Done { summary, left } = done;
    if context.printer.is_json() {
        context.printer.of_done().json(&View {
            succeeded: summary.succeeded,
            failed: summary.failed,
            cancelled: summary.cancelled,
            returned: summary.returned,
            lost: summary.lost,
            left: obstacles::count(left),
            recovered_workers: summary.recovered,
        })?;
    }
    let mut bad = Vec::new();
    if arguments.drain && summary.failed > 0 {
        bad.push(format!("{} failed", tasks::count(summary.failed)));
    }
    if !left.is_empty() {
        bad.push(obstacles::sentence(context, queue, left)?);
    }
    if !bad.is_empty() {
        return Err(Failure::Tasks(bad.join("; ")));
    }
    if arguments.drain && summary.lost > 0 {
        return Err(Failure::ClaimsLost(format!(
            "the claims on {} were lost; the workers that have them now record how they end",
            tasks::count(summary.lost)
        )));
    }
    Ok(())
}

/// Observer of the worker that prints, notifies systemd and starts hooks, without waiting for any
/// of them.
struct Reporter {
    service: Service,
    hooks: Option<Hooks>,
    print_thread: PrintThread,
    invocation: Invocation,
    left: Vec<Obstacle>,
}

/// Totals of a worker's run.
struct Done {
    summary: Summary,
    left: Vec<Obstacle>,
}

impl Observer for Reporter {
    fn on(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Left(obstacles) = event {
            self.left.clone_from(obstacles);
        }
        if let Some(line) = line(event, &self.invocation) {
            let now = SystemClock.now().wall;
            self.print_thread
                .say(format!("{} {line}", moment::iso(now)));
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

    fn tick(&mut self) {
        self.service.feed_watchdog();
    }

    fn stuck(&mut self, error: Option<&Error>) {
        leave_stuck(&self.print_thread, &self.invocation, error);
    }
}

/// Ends the process of a worker that has to end at once and is blocked by its file, a disk or a
/// thread. Reports the error that the worker was about to return, if any.
pub(super) fn leave_stuck(
    print_thread: &PrintThread,
    invocation: &Invocation,
    error: Option<&Error>,
) {
    let (sentence, code) = match error {
        Some(error) => (invocation.sentence(error), exit::code_of(error)),
        None => (
            "stopped at once while the file was held or a disk did not answer; the next worker \
             returns its tasks"
                .to_owned(),
            exit::UNUSABLE,
        ),
    };
    print_thread.say(sentence);
    print_thread.finish(LAST_LINES);
    std::process::exit(code.into());
}

/// An event as a line of the worker's log; starts have no line, only ends.
pub fn line(event: &WorkerEvent, invocation: &Invocation) -> Option<String> {
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
            // A person who did not ask for retries learns of them at the first one.
            let budget = match (*attempt, is_retried(*state, outcome.as_ref())) {
                (1, true) => "; --max-attempts sets the number",
                _ => "",
            };
            format!(
                "task {} ({name}) {how} after {took}, attempt {attempt}{budget}",
                claim.task
            )
        }
        WorkerEvent::Refused { message, remedy } => refused(message, *remedy, invocation),
        WorkerEvent::Blind { message } => format!(
            "the processes that a dead worker left cannot be read, so its tasks are not returned \
             yet: {}; trying again",
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
        WorkerEvent::Recovered(recovered) => recovery(recovered, invocation),
        WorkerEvent::Short { message, slots } => format!(
            "the machine is short of something: {}; using {slots} slots and trying more later",
            super::escape::line(message)
        ),
        WorkerEvent::Waiting(due) => obstacles::waiting(due),
        WorkerEvent::Sufficient => "all slots are used again".to_owned(),
        WorkerEvent::Resized { slots } => {
            let count = tasks::count(u64::try_from(*slots).unwrap_or(u64::MAX));
            format!("runs up to {count} at a time from now on")
        }
        WorkerEvent::Unrecorded(tasks) => unrecorded(tasks),
        WorkerEvent::Unreachable(Unreachable { claim, processes }) => {
            format!(
                "task {} was ended, but its process {} is alive, which this user cannot end: the \
                 task counts as running until the user of that process or root has ended it",
                claim.task,
                pids(processes)
            )
        }
        WorkerEvent::ClockSetBack { by } => format!(
            "the clock was set back by {}; tasks start by the new time",
            moment::rough(*by)
        ),
        WorkerEvent::Started { .. } | WorkerEvent::Left(_) | WorkerEvent::LeftRunning(_) => {
            return None;
        }
    })
}

fn refused(message: &str, remedy: Option<Remedy>, invocation: &Invocation) -> String {
    let message = super::escape::line(message);
    let mut text = format!("a write was refused and is repeated: {message}");
    // The worker itself checks whether the write happened.
    if let Some(remedy) = remedy.filter(|remedy| *remedy != Remedy::LookFirst) {
        let clause = remedy.clause(&|verb| invocation.command(verb));
        let _ = write!(text, "; {clause}");
    }
    text
}

fn recovery(recovered: &Recovered, invocation: &Invocation) -> String {
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let kept: Vec<TaskId> = recovered.kept.iter().map(|claim| claim.task).collect();
    let kept = format!(
        "{} ({})",
        tasks::count(number(kept.len())),
        select::show(&kept[..kept.len().min(MOST_NAMED)])
    );
    if recovered.elsewhere {
        return format!(
            "worker {} had died in another pid namespace, whose processes are not visible from \
             here: {kept} not returned; {} says what helps",
            recovered.worker,
            invocation.command(&match recovered.kept.first() {
                Some(claim) => format!("why {}", claim.task),
                None => "doctor".to_owned(),
            })
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
            "; may still be running: pid {}",
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
        let _ = write!(
            text,
            "; the owner of pid {} is not visible",
            pids(&recovered.hidden)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Invocation, line};
    use crate::claim::WorkerId;
    use crate::remedy::Remedy;
    use crate::runtime::{Recovered, WorkerEvent};

    fn invocation() -> Invocation {
        Invocation {
            program: "fast-queue",
            path: "tasks.db".into(),
            by_option: false,
        }
    }

    /// The line advised a person to check an unclear write, which the worker itself checks before
    /// it repeats it.
    #[test]
    fn the_line_about_a_repeated_write_names_only_commands_that_help() {
        let told = |remedy| {
            let message = "the reason".to_owned();
            line(&WorkerEvent::Refused { message, remedy }, &invocation()).unwrap()
        };
        let repeats = "a write was refused and is repeated: the reason";
        assert_eq!(told(None), repeats);
        assert_eq!(told(Some(Remedy::LookFirst)), repeats);
        assert_eq!(
            told(Some(Remedy::FindHolder)),
            format!("{repeats}; `fast-queue doctor` shows who holds it")
        );
    }

    #[test]
    fn a_clock_that_was_set_back_is_in_the_log() {
        let by = Duration::from_secs(3_600);
        let line = line(&WorkerEvent::ClockSetBack { by }, &invocation()).unwrap();
        assert_eq!(
            line,
            "the clock was set back by 1h; tasks start by the new time"
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
            line(&recovered(true), &invocation())
                .unwrap()
                .contains("let leases run out: ")
        );
        assert!(
            line(&recovered(false), &invocation())
                .unwrap()
                .contains("had died: ")
        );
    }
}
