//! Schedules of a run: random verbs on them, checked by an [`Oracle`].

mod mistake;
mod oracle;

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::{Error, Queue, Result};
use queue_testing::simulation::{Call, Extension, Ledger};
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec};
use workflow_queue::{Backfill, NewSchedule, WorkflowQueue, WorkflowTask};

pub use mistake::Mistake;
use oracle::Oracle;
pub use oracle::{Firings, OF_SCHEDULES};

type Context<'a> = queue_testing::simulation::Context<'a, WorkflowQueue>;

/// Names of the schedules.
const NAMES: [&str; 3] = ["a", "b", "c"];
/// Longest range of a backfill, in milliseconds.
const BACKFILLED_MS: u32 = 600_000;

/// Schedules that are added, paused, edited, run and filled.
#[derive(Debug)]
pub(super) struct Schedules {
    oracle: Mutex<Oracle>,
    mistake: Option<Mistake>,
}

impl Schedules {
    pub(super) fn new(mistake: Option<Mistake>) -> Self {
        Self {
            oracle: Mutex::default(),
            mistake,
        }
    }

    /// Counts of the run.
    pub(super) fn firings(&self) -> Firings {
        self.oracle().firings()
    }

    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the schedule of that name or, as a program does at each of its starts, says it again.
    fn ensure(&self, context: &Context<'_>, name: &'static str) -> Result<()> {
        let known = self.oracle().schedule(name).cloned();
        let new = known.map_or_else(|| draw(context, name), Ok)?;
        self.oracle().knows(&new);
        context.write("ensure", |queue| {
            if queue.schedules().get(name)?.is_none() {
                self.oracle().may_raise_floor(name, queue.now().wall);
            }
            queue.schedules().ensure(&new).map(drop)
        })
    }

    fn resume(&self, context: &Context<'_>, name: &str) -> Result<()> {
        context.write("resume", |queue| {
            let schedule = queue.schedules().get(name)?;
            if schedule.is_some_and(|schedule| schedule.paused_at.is_some()) {
                self.oracle().may_raise_floor(name, queue.now().wall);
            }
            queue.schedules().set_paused(name, false).map(drop)
        })
    }

    /// Edits a schedule without a change, which moves its next slot behind now all the same.
    fn edit(&self, context: &Context<'_>, name: &str) -> Result<()> {
        context.write("edit", |queue| {
            self.oracle().may_raise_floor(name, queue.now().wall);
            queue.schedules().edit(name, |_| Ok(())).map(drop)
        })
    }

    fn backfill(&self, context: &Context<'_>, name: &str) -> Result<()> {
        let until = context.now().wall;
        let length = context.ledger.draw(BACKFILLED_MS);
        let concurrency = NonZeroU32::MIN.saturating_add(context.ledger.draw(4));
        let backfill =
            Backfill::new(Timestamp(until.0 - i64::from(length)), until).concurrency(concurrency);
        context.write("backfill", |queue| {
            self.oracle().may_fill(name);
            queue.schedules().backfill(name, &backfill).map(drop)
        })
    }

    fn act_on(&self, context: &Context<'_>, name: &'static str) -> Result<()> {
        if self.oracle().schedule(name).is_none() {
            return self.ensure(context, name);
        }
        match context.ledger.draw(100) {
            0..25 => self.ensure(context, name),
            25..35 => context.write("pause", |queue| {
                queue.schedules().set_paused(name, true).map(drop)
            }),
            35..65 => self.resume(context, name),
            65..75 => self.edit(context, name),
            75..85 => context.write("run", |queue| queue.schedules().run(name).map(drop)),
            _ => self.backfill(context, name),
        }
    }
}

impl Extension<WorkflowQueue> for Schedules {
    fn begin(&self, context: &Context<'_>) {
        for name in NAMES {
            if context.ledger.draw(3) > 0 {
                // A refusal leaves the schedule to a later action.
                let _ = self.ensure(context, name);
            }
        }
    }

    fn act(&self, context: &Context<'_>) {
        let name = NAMES[context.ledger.place(NAMES.len())];
        // The file shows the effect, whatever the answer.
        let _ = self.act_on(context, name);
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        if matches!(call, Call::Fire) {
            let has_fired = self.oracle().fired(queue, *ledger);
            if let Some(mistake) = self.mistake.filter(|_| has_fired && ledger.chance(50)) {
                mistake.make(queue);
            }
        }
    }

    fn lost_power(&self, queue: &WorkflowQueue, keeps: bool, ledger: &Ledger<'_>) {
        self.oracle().lost_power(queue, keeps, *ledger);
    }

    fn drain(&self, context: &Context<'_>) {
        let checked = context.write("fire", |queue| {
            queue.fire()?;
            self.oracle().check_all(queue, context.ledger)
        });
        let paused = NAMES.into_iter().try_for_each(|name| {
            let pause = |queue: &WorkflowQueue| queue.schedules().set_paused(name, true).map(drop);
            match context.write("pause", pause) {
                // No call that adds it may have been written.
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        });
        if let Err(error) = checked.and(paused) {
            let what = format!("{OF_SCHEDULES}calls fail without a fault: {error}");
            context.ledger.violated(what);
        }
    }
}

/// A random schedule.
fn draw(context: &Context<'_>, name: &str) -> Result<NewSchedule> {
    let ledger = &context.ledger;
    let mut rules = Rules::default();
    rules.catch_up = CatchUp::ALL[ledger.place(CatchUp::ALL.len())];
    rules.overlap = Overlap::ALL[ledger.place(Overlap::ALL.len())];
    rules.window_ms = [60_000, 600_000, 86_400_000][ledger.place(3)];
    rules.jitter_ms = [0, 0, 20_000][ledger.place(3)];
    let spec = if ledger.chance(300) {
        let expression = ["* * * * *", "*/5 * * * *", "7-59/10 * * * *"][ledger.place(3)];
        Spec::cron(name, expression, "Europe/Berlin")?
    } else {
        let seconds = u64::from(30 + ledger.draw(300));
        Spec::every(Duration::from_secs(seconds), context.now().wall, "UTC")?
    };
    let task = WorkflowTask::shell(name, "true");
    Ok(NewSchedule::new(name, spec.with_rules(rules)?, task))
}
