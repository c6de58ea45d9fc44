//! Long runs with schedules: however workers are killed, calls refused and clocks set, each slot fires
//! once or is recorded with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_testing::simulation::{Call, Config, Extension, Ledger, Setup};
use rusqlite::Connection;
use workflow_queue::schedule::firing::{Firing, FiringResult, SkipReason};
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec};
use workflow_queue::{Backfill, NewSchedule, Schedule, WorkflowQueue, WorkflowTask};

use crate::{is_long, number, open};

type Context<'a> = queue_testing::simulation::Context<'a, WorkflowQueue>;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Firings of a schedule that are read at a time; a run has fewer.
const ALL: u32 = 100_000;

/// A task of a schedule that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    task: TaskId,
    state: State,
    has_started: bool,
}

/// What has been seen of one schedule.
#[derive(Debug, Default)]
struct Known {
    /// Time of the last change that lets nothing fire up to then.
    floor: Timestamp,
    /// Slots that fired, with their tasks.
    fired: BTreeMap<Timestamp, TaskId>,
    /// First slots of ranges that were recorded.
    skipped: BTreeSet<Timestamp>,
    /// Its unfinished tasks after the last call.
    open: Vec<Open>,
}

/// Counts of a run, which show that it was worthwhile.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    fired: u64,
    missed: u64,
    overlapped: u64,
    replaced: u64,
    backfilled: u64,
}

/// The oracle.
#[derive(Debug, Default)]
struct Oracle {
    known: BTreeMap<String, Known>,
    /// The task of every slot that ever fired by itself, by schedule: a slot never fires again, even
    /// after its record was replaced.
    seen: Seen,
    file: Option<Connection>,
}

/// Random verbs on schedules, checked after every call.
#[derive(Debug, Default)]
struct Schedules(Mutex<Oracle>);

impl Schedules {
    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that every slot between the floor and now fired or is recorded.
    fn check_coverage(queue: &WorkflowQueue, name: &str, ledger: Ledger<'_>) {
        let Some(schedule) = queue.schedules().get(name).unwrap() else {
            return;
        };
        let spec = schedule.spec.unwrap();
        if schedule.paused_at.is_some() {
            return;
        }
        let firings = queue
            .schedules()
            .firings(name, Timestamp::MAX, ALL)
            .unwrap();
        let jitter = i64::try_from(spec.jitter(name).as_millis()).unwrap();
        let until = Timestamp(queue.now().wall.0 - jitter);
        let mut slot = schedule.floor;
        while let Some(next) = spec.next_after(slot).filter(|next| *next <= until) {
            let covers = |firing: &Firing| (firing.slot..=firing.until).contains(&next);
            if !firings.iter().any(covers) {
                ledger.violated(format!("slot {next:?} of {name} was lost"));
            }
            slot = next;
        }
    }

    /// Makes a call, and takes in its result if it was committed.
    fn call(
        &self,
        context: &Context<'_>,
        verb: &str,
        call: impl FnOnce(&WorkflowQueue) -> queue_core::Result<()>,
        name: &'static str,
        raises_floor: bool,
    ) {
        // The result is read from the file.
        let _ = context.write(verb, |queue| {
            let now = queue.now().wall;
            call(queue)?;
            let mut oracle = self.oracle();
            if raises_floor {
                // One that is unchanged keeps its floor, which a clock ahead may have set.
                let known = oracle.known.entry(name.to_owned()).or_default();
                known.floor = known.floor.max(now);
            }
            oracle.take_in(queue, context.ledger, false);
            Ok(())
        });
    }
}

/// A random schedule.
fn draw(context: &Context<'_>, name: &str) -> NewSchedule {
    let ledger = &context.ledger;
    let now = context.now().wall;
    let catch_up = [CatchUp::Skip, CatchUp::Latest, CatchUp::All];
    let overlap = [
        Overlap::Skip,
        Overlap::Queue,
        Overlap::Allow,
        Overlap::Replace,
    ];
    let mut rules = Rules::default();
    rules.catch_up = catch_up[ledger.place(catch_up.len())];
    rules.overlap = overlap[ledger.place(overlap.len())];
    rules.window_ms = [1_000, 60_000, 86_400_000][ledger.place(3)];
    rules.jitter_ms = [0, 0, 900][ledger.place(3)];
    if ledger.chance(100) {
        rules.end = Some(now.after(Duration::from_secs(200)));
    }
    let spec = if ledger.chance(300) {
        Spec::cron(name, "* * * * *", "Europe/Berlin").unwrap()
    } else {
        let seconds = u64::from(1 + ledger.draw(8));
        Spec::every(Duration::from_secs(seconds), now, "UTC").unwrap()
    };
    NewSchedule::new(
        name.to_owned(),
        spec.with_rules(rules).unwrap(),
        WorkflowTask::shell(name, "true"),
    )
}

impl Extension<WorkflowQueue> for Schedules {
    fn share(&self) -> u32 {
        30
    }

    fn act(&self, context: &Context<'_>) {
        let name = NAMES[context.ledger.place(NAMES.len())];
        let now = context.now().wall;
        match context.ledger.draw(100) {
            0..40 => {
                let new = draw(context, name);
                let is_new = !self.oracle().known.contains_key(name);
                if is_new || context.ledger.chance(100) {
                    let ensure = |queue: &WorkflowQueue| queue.schedules().ensure(&new).map(drop);
                    self.call(context, "ensure", ensure, name, true);
                }
            }
            40..42 => {
                let pause =
                    |queue: &WorkflowQueue| queue.schedules().set_paused(name, true).map(drop);
                self.call(context, "pause", pause, name, false);
            }
            42..75 => {
                let paused = |queue: &WorkflowQueue| queue.schedules().get(name);
                let paused = context.write("get", paused).unwrap_or_default();
                if paused.is_some_and(|one| one.paused_at.is_some()) {
                    let resume =
                        |queue: &WorkflowQueue| queue.schedules().set_paused(name, false).map(drop);
                    self.call(context, "resume", resume, name, true);
                }
            }
            75..90 => {
                let run = |queue: &WorkflowQueue| queue.schedules().run(name).map(drop);
                self.call(context, "run", run, name, false);
            }
            _ => {
                let backfill = Backfill::new(
                    Timestamp(now.0 - i64::from(context.ledger.draw(20_000))),
                    now,
                )
                .concurrency(NonZeroU32::new(1 + context.ledger.draw(4)).unwrap())
                .again(false);
                let verb =
                    |queue: &WorkflowQueue| queue.schedules().backfill(name, &backfill).map(drop);
                self.call(context, "backfill", verb, name, false);
            }
        }
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        self.oracle()
            .take_in(queue, *ledger, matches!(call, Call::Fire));
    }

    fn drain(&self, context: &Context<'_>) {
        for name in NAMES {
            // Both succeed: there are no faults any more.
            let _ = context.write("fire", |queue| {
                queue.fire()?;
                let mut oracle = self.oracle();
                oracle.take_in(queue, context.ledger, true);
                Self::check_coverage(queue, name, context.ledger);
                Ok(())
            });
            let pause = |queue: &WorkflowQueue| queue.schedules().set_paused(name, true).map(drop);
            self.call(context, "pause", pause, name, false);
        }
        let verified = context.write("verify", WorkflowQueue::verify).unwrap();
        for broken in verified.iter().filter(|one| !one.holds()) {
            context
                .ledger
                .violated(format!("{}: {:?}", broken.name, broken.examples));
        }
    }
}

impl Oracle {
    fn open_of(&mut self, queue: &WorkflowQueue, name: &str) -> Vec<Open> {
        let path = queue.path();
        let file = self
            .file
            .get_or_insert_with(|| Connection::open(path).unwrap());
        let mut query = file
            .prepare_cached(
                "SELECT task.id, task.state, task.attempt FROM queue_scheduled AS scheduled
                 JOIN queue_tasks AS task ON task.id = scheduled.task
                 JOIN queue_schedules AS schedule ON schedule.id = scheduled.schedule
                 WHERE schedule.name = ?1 AND task.state < 4 ORDER BY task.id",
            )
            .unwrap();
        let open = query.query_map([name], |row| {
            Ok(Open {
                task: TaskId(row.get(0)?),
                state: State::from_code(row.get(1)?).unwrap(),
                has_started: row.get::<_, i64>(2)? > 0,
            })
        });
        open.unwrap().map(Result::unwrap).collect()
    }

    /// Reads every schedule, and checks the records that came since the last call.
    fn take_in(&mut self, queue: &WorkflowQueue, ledger: Ledger<'_>, fires: bool) {
        let schedules = queue.schedules().list().unwrap();
        for schedule in schedules {
            let firings = queue
                .schedules()
                .firings(&schedule.name, Timestamp::MAX, ALL);
            let open = self.open_of(queue, &schedule.name);
            let known = self.known.entry(schedule.name.clone()).or_default();
            let check = Check {
                schedule: &schedule,
                ledger,
                now: queue.now().wall,
                fires,
            };
            let new = check.new_firings(known, &firings.unwrap());
            check.rules(known, &new, &open);
            for firing in &new {
                match firing.result {
                    FiringResult::Fired(_) if fires => self.seen.fired += 1,
                    FiringResult::Fired(_) => self.seen.backfilled += 1,
                    FiringResult::Skipped(SkipReason::Overlap(_)) => self.seen.overlapped += 1,
                    FiringResult::Skipped(_) => self.seen.missed += 1,
                }
            }
            let is_replaced = |one: &&Open| !open.iter().any(|other| other.task == one.task);
            if fires && !new.is_empty() {
                self.seen.replaced += known.open.iter().filter(is_replaced).count() as u64;
            }
            known.open = open;
        }
    }
}

/// Check of a schedule after a call.
struct Check<'a> {
    schedule: &'a Schedule,
    ledger: Ledger<'a>,
    now: Timestamp,
    /// True if the call fired schedules.
    fires: bool,
}

impl Check<'_> {
    fn holds(&self, holds: bool, what: &str) {
        if !holds {
            let name = &self.schedule.name;
            self.ledger.violated(format!("schedule {name}: {what}"));
        }
    }

    /// The records that came since the last call.
    fn new_firings(&self, known: &mut Known, firings: &[Firing]) -> Vec<Firing> {
        let mut new = Vec::new();
        for firing in firings.iter().rev() {
            match firing.result {
                FiringResult::Fired(task) => match known.fired.insert(firing.slot, task) {
                    None => new.push(*firing),
                    Some(before) => self.holds(
                        before == task,
                        &format!("{:?} fired as {before} and as {task}", firing.slot),
                    ),
                },
                FiringResult::Skipped(_) if known.skipped.insert(firing.slot) => new.push(*firing),
                FiringResult::Skipped(_) => {}
            }
        }
        let stays = |slot: &Timestamp| firings.iter().any(|firing| firing.slot == *slot);
        let gone: Vec<Timestamp> = known
            .fired
            .keys()
            .copied()
            .filter(|slot| !stays(slot))
            .collect();
        self.holds(
            gone.is_empty(),
            &format!("the records of {gone:?} are gone"),
        );
        known.skipped.retain(stays);
        new
    }

    /// Checks new records against the schedule's rules and its tasks before and after the call.
    fn rules(&self, known: &Known, new: &[Firing], open: &[Open]) {
        let Ok(spec) = &self.schedule.spec else {
            return self.holds(false, "it cannot be read");
        };
        self.holds(
            self.schedule.floor <= known.floor,
            &format!("its floor rose to {:?} by itself", self.schedule.floor),
        );
        if !self.fires {
            return;
        }
        let fired = |firing: &&Firing| matches!(firing.result, FiringResult::Fired(_));
        let fired: Vec<&Firing> = new.iter().filter(fired).collect();
        let jitter = spec.jitter(&self.schedule.name);
        for firing in &fired {
            let slot = firing.slot;
            self.holds(
                spec.last_until(slot, slot) == Some(slot),
                "it fired between two slots",
            );
            self.holds(slot.after(jitter) <= self.now, "it fired early");
        }
        let waiting = |one: &&Open| one.state != State::Running;
        match spec.rules().overlap {
            Overlap::Skip => {
                let alone = fired.is_empty() || (fired.len() == 1 && known.open.is_empty());
                self.holds(alone, &format!("it fired beside {:?}", known.open));
            }
            Overlap::Queue => {
                let behind = known.open.iter().filter(|one| !one.has_started).count();
                let alone = fired.is_empty() || (fired.len() == 1 && behind == 0);
                self.holds(alone, &format!("it fired behind {:?}", known.open));
            }
            Overlap::Replace => {
                let left = open.iter().filter(waiting).count();
                self.holds(fired.is_empty() || left <= 1, &format!("it left {open:?}"));
            }
            Overlap::Allow | _ => {}
        }
    }
}

fn simulate(seed: u64) -> (queue_testing::simulation::Report, Seen) {
    let schedules = Arc::new(Schedules::default());
    let config = Config {
        steps: 4_000,
        jump_ms: 30_000,
        fewest: 2,
        tasks: 40,
        ..Config::default()
    };
    let report = Setup::new(seed, &config)
        .with(Arc::<Schedules>::clone(&schedules))
        .run(&open);
    let counted = schedules.oracle().seen;
    (report, counted)
}

#[test]
fn each_slot_fires_once_or_is_recorded_under_any_kills_and_clocks() {
    let seeds = match number::<u64>("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(if is_long() { 60 } else { 4 }),
    };
    let mut total = Seen::default();
    for seed in seeds.clone() {
        let (report, seen) = simulate(seed);
        assert!(
            report.violations.is_empty(),
            "replay with SIMULATION_SEED={seed} cargo test -p workflow-queue --test simulation \
             schedules\nviolations: {:#?}\nlast: {:#?}",
            report.violations,
            report.last,
        );
        total.fired += seen.fired;
        total.missed += seen.missed;
        total.overlapped += seen.overlapped;
        total.replaced += seen.replaced;
        total.backfilled += seen.backfilled;
    }
    let seen = [
        total.fired,
        total.missed,
        total.overlapped,
        total.replaced,
        total.backfilled,
    ];
    let single = seeds.end - seeds.start == 1;
    // `SIMULATION_FIRINGS=10000` demands that many.
    let enough = total.fired >= number("SIMULATION_FIRINGS").unwrap_or(0);
    assert!(
        single || enough && seen.iter().all(|count| *count > 0),
        "{total:?}"
    );
}
