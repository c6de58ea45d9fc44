//! The groups of figures: which are measured together, for which engine, and by which function.

use super::context::Context;
use super::findings::Findings;
use super::{
    bulk, cli, commands, crash, dag, dashboard, depth, handlers, hundred, idle, memory, metrics,
    processes, queues, schedules, single, sleepers, threads, wakeup,
};
use crate::Result;
use crate::report::Figure;
use crate::systems::{EngineName, Fast, Workflow};

/// Function that measures a group.
pub(super) type Measure = fn(&Context) -> Result<Vec<Figure>>;

/// Function that draws charts of the engines.
pub(super) type Draw = fn(&Context, &[EngineName]) -> Result<Findings>;

/// A group of figures and charts.
pub(super) struct Group {
    /// Name on the command line.
    pub(super) name: &'static str,
    /// Description.
    pub(super) what: &'static str,
    fast: Option<Measure>,
    workflow: Option<Measure>,
    /// Function that draws its charts, if it has any.
    pub(super) charts: Option<Draw>,
}

impl Group {
    /// Function that measures the group for an engine; `None` if the engine promises none of it.
    pub(super) fn of(&self, engine: EngineName) -> Option<Measure> {
        match engine {
            EngineName::Fast => self.fast,
            EngineName::Workflow => self.workflow,
        }
    }

    /// The same group with charts.
    const fn with(self, draw: Draw) -> Self {
        Self {
            charts: Some(draw),
            ..self
        }
    }
}

/// A group measured for both engines.
const fn both(name: &'static str, what: &'static str, fast: Measure, workflow: Measure) -> Group {
    Group {
        name,
        what,
        fast: Some(fast),
        workflow: Some(workflow),
        charts: None,
    }
}

/// Every group, in the order of measuring.
pub(super) const GROUPS: &[Group] = &[
    both(
        "single",
        "push, claim, settle, one commit each",
        single::measure_fast,
        single::measure_workflow,
    ),
    both(
        "hundred",
        "the 100 operations, one by one and batched",
        hundred::measure_fast,
        hundred::measure_workflow,
    ),
    both(
        "bulk",
        "bulk enqueue",
        bulk::measure::<Fast>,
        bulk::measure::<Workflow>,
    )
    .with(bulk::chart),
    both(
        "threads",
        "64 threads at full durability",
        threads::measure::<Fast>,
        threads::measure::<Workflow>,
    )
    .with(threads::chart),
    both(
        "processes",
        "16 processes on one file",
        processes::measure::<Fast>,
        processes::measure::<Workflow>,
    )
    .with(processes::chart),
    both(
        "depth",
        "claims before deep backlogs",
        depth::measure_fast,
        depth::measure_workflow,
    )
    .with(depth::chart),
    both(
        "queues",
        "workers of several queues",
        queues::measure::<Fast>,
        queues::measure::<Workflow>,
    ),
    Group {
        name: "dag",
        what: "a DAG of 100k tasks, inserted and drained",
        fast: None,
        workflow: Some(dag::measure),
        charts: Some(dag::chart),
    },
    both(
        "commands",
        "`true` a thousand times, 8 at a time",
        commands::measure_fast,
        commands::measure_workflow,
    )
    .with(commands::chart),
    Group {
        name: "handlers",
        what: "in-process handlers that do nothing, at 64 and 256 slots",
        fast: Some(handlers::measure::<Fast>),
        workflow: None,
        charts: None,
    },
    both(
        "sleepers",
        "async handlers that sleep, 10,000 at once",
        sleepers::measure::<Fast>,
        sleepers::measure::<Workflow>,
    ),
    Group {
        name: "schedules",
        what: "schedules from due to started, and beside other work",
        fast: None,
        workflow: Some(schedules::measure),
        charts: None,
    },
    both(
        "wakeup",
        "a new task reaches an idle worker of another process",
        wakeup::measure::<Fast>,
        wakeup::measure::<Workflow>,
    ),
    both(
        "idle",
        "processor time of an idle worker",
        idle::measure::<Fast>,
        idle::measure::<Workflow>,
    ),
    both(
        "crash",
        "kill -9 of a worker until its task runs elsewhere",
        crash::measure::<Fast>,
        crash::measure::<Workflow>,
    ),
    both(
        "cli",
        "add-task, --stdin and status as processes",
        cli::measure::<Fast>,
        cli::measure::<Workflow>,
    ),
    both(
        "metrics",
        "scrapes of a file with 1 M tasks, idle and under load",
        metrics::measure::<Fast>,
        metrics::measure::<Workflow>,
    ),
    both(
        "memory",
        "an idle worker, and one with 1,000 children",
        memory::measure::<Fast>,
        memory::measure::<Workflow>,
    ),
    both(
        "dashboard",
        "pages of a large file, the way of a commit to them, 1,000 streams",
        dashboard::measure::<Fast>,
        dashboard::measure::<Workflow>,
    ),
];
