//! One run of a trace, in one of the compared ways.

use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use queue_core::sqlite::Durability;
use workflow_queue::{
    Condition, Done, Handlers, NewTask, TaskOptions, Worker, WorkerOptions, WorkflowQueue,
    WorkflowTask,
};

use super::trace::Trace;
use super::{bare, journal};
use crate::Result;
use crate::measure::Stopwatch;
use crate::systems::{Engine as _, Workflow};

/// Handler that only writes the journal.
const HANDLER: &str = "pass";

/// Ways to run the tasks of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Commands, started by a loop without a queue.
    Bare,
    /// Commands, run by a worker of workflow-queue.
    Commands,
    /// Handlers, called by a worker of workflow-queue.
    Handlers,
}

impl Way {
    /// Printed name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare loop",
            Self::Commands => "commands",
            Self::Handlers => "handlers",
        }
    }
}

/// Trace and options of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Play<'a> {
    pub(super) trace: &'a Trace,
    /// Sleep of each task in seconds; without it tasks do nothing.
    pub(super) sleeps: Option<&'a [f64]>,
    pub(super) slots: NonZeroU32,
    pub(super) durability: Durability,
}

/// Result of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// Seconds to enqueue the workflow in one transaction; zero without a queue.
    pub(super) enqueue: f64,
    /// Seconds from the start of the worker until it has drained the queue and ended.
    pub(super) makespan: f64,
    /// Faults found in the journal.
    pub(super) faults: Vec<String>,
}

impl Play<'_> {
    /// Runs the trace in a fresh folder within `parent`.
    ///
    /// # Errors
    /// When the folder or the queue cannot be made, or a command cannot be started.
    pub(super) fn run(&self, way: Way, parent: &Path) -> Result<Sample> {
        let folder = tempfile::tempdir_in(parent)?;
        let folder = folder.path();
        File::create(journal::path(folder))?;
        let mut sample = match way {
            Way::Bare => self.bare(folder)?,
            Way::Commands => {
                let options = WorkerOptions::new(self.slots).commands(true);
                let queue = self.open(folder)?;
                self.queued(&queue, self.commands(folder)?, options)?
            }
            Way::Handlers => {
                let queue = self.open(folder)?;
                let journal = journal::Writer::open(folder)?;
                let handlers = Handlers::of(&queue).register(HANDLER, move |task| {
                    journal.pass(std::str::from_utf8(task.payload())?)?;
                    Ok(Done::Succeeded)
                });
                let options = WorkerOptions::new(self.slots).handlers(handlers);
                self.queued(&queue, self.handlers(), options)?
            }
        };
        let text = String::from_utf8_lossy(&std::fs::read(journal::path(folder))?).into_owned();
        sample.faults = journal::faults(self.trace, &text);
        Ok(sample)
    }

    fn open(&self, folder: &Path) -> Result<Arc<WorkflowQueue>> {
        Ok(Arc::new(Workflow::open(
            &folder.join("tasks.db"),
            self.durability,
        )?))
    }

    fn bare(&self, folder: &Path) -> Result<Sample> {
        let commands: Vec<String> = (0..self.trace.tasks.len())
            .map(|index| self.command(index))
            .collect();
        let slots = usize::try_from(self.slots.get())?;
        let watch = Stopwatch::start();
        bare::run(self.trace, &commands, folder, slots)?;
        Ok(Sample {
            makespan: watch.seconds(),
            ..Sample::default()
        })
    }

    fn queued(
        &self,
        queue: &Arc<WorkflowQueue>,
        tasks: Vec<NewTask>,
        options: WorkerOptions,
    ) -> Result<Sample> {
        let tasks = tasks.into_iter().zip(&self.trace.tasks);
        let workflow = tasks.map(|(task, own)| {
            own.dependencies
                .iter()
                .fold(WorkflowTask::from(task), |task, on| {
                    task.after(*on, Condition::Success)
                })
        });
        let workflow = workflow.collect();
        let watch = Stopwatch::start();
        queue.enqueue_workflow(workflow)?;
        let enqueue = watch.seconds();
        let options = options.drain(true);
        let watch = Stopwatch::start();
        Worker::new(Arc::clone(queue), options)?.run(&mut ())?;
        Ok(Sample {
            enqueue,
            makespan: watch.seconds(),
            ..Sample::default()
        })
    }

    /// The tasks as commands. Each has one attempt: a second one would hide a failure of the first.
    fn commands(&self, folder: &Path) -> Result<Vec<NewTask>> {
        let Some(cwd) = folder.to_str() else {
            return Err(format!("{} is not UTF-8; name another --dir", folder.display()).into());
        };
        let options = TaskOptions::new().cwd(cwd).max_attempts(1);
        let task = |index| {
            NewTask::shell(format!("task {index}"), self.command(index)).options(options.clone())
        };
        Ok((0..self.trace.tasks.len()).map(task).collect())
    }

    fn handlers(&self) -> Vec<NewTask> {
        let options = TaskOptions::new().max_attempts(1);
        let task =
            |index: usize| NewTask::handler(HANDLER, index.to_string()).options(options.clone());
        (0..self.trace.tasks.len()).map(task).collect()
    }

    fn command(&self, index: usize) -> String {
        let sleep = self
            .sleeps
            .map(|seconds| format!("sleep {:.6}", seconds[index]));
        journal::command(index, sleep.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use queue_core::sqlite::Durability;

    use super::{Play, Way, journal};
    use crate::replay::trace::{Trace, TraceTask};

    fn task(index: usize, dependencies: Vec<usize>) -> TraceTask {
        TraceTask {
            id: format!("'{index}\n\0"),
            seconds: None,
            dependencies,
        }
    }

    /// Two layers of three, all of the first before all of the second.
    fn layers() -> Trace {
        let first = (0..3).map(|index| task(index, Vec::new()));
        let second = (3..6).map(|index| task(index, vec![0, 1, 2]));
        Trace {
            tasks: first.chain(second).collect(),
            order: (0..6).collect(),
        }
    }

    fn play(trace: &Trace, slots: u32) -> Play<'_> {
        Play {
            trace,
            sleeps: None,
            slots: NonZeroU32::new(slots).unwrap(),
            durability: Durability::Fast,
        }
    }

    #[test]
    fn every_way_runs_every_task_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let trace = layers();
        let seconds = [0.001; 6];
        for (way, sleeps) in [
            (Way::Bare, None),
            (Way::Bare, Some(seconds.as_slice())),
            (Way::Commands, None),
            (Way::Commands, Some(&seconds)),
            (Way::Handlers, None),
        ] {
            let play = Play {
                sleeps,
                ..play(&trace, 2)
            };
            let sample = play.run(way, folder.path()).unwrap();
            assert_eq!(sample.faults, Vec::<String>::new(), "{way:?}");
            assert!(sample.makespan > 0.0);
        }
    }

    #[test]
    fn a_run_that_forgets_a_dependency_is_caught() {
        let folder = tempfile::tempdir().unwrap();
        let asked = Trace {
            tasks: vec![task(0, vec![1]), task(1, vec![])],
            order: vec![1, 0],
        };
        let forgetful = Trace {
            tasks: vec![task(0, vec![]), task(1, vec![])],
            order: vec![0, 1],
        };
        play(&forgetful, 1).bare(folder.path()).unwrap();
        let text = std::fs::read_to_string(journal::path(folder.path())).unwrap();
        let faults = journal::faults(&asked, &text);
        assert_eq!(faults.len(), 1, "{faults:?}");
    }

    #[test]
    fn a_failed_command_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let trace = layers();
        let play = Play {
            // A number that no `sleep` accepts.
            sleeps: Some(&[f64::NEG_INFINITY; 6]),
            ..play(&trace, 2)
        };
        let sample = play.run(Way::Commands, folder.path()).unwrap();
        assert_eq!(sample.faults.len(), 6, "{:?}", sample.faults);
        assert!(play.run(Way::Bare, folder.path()).is_err());
    }
}
