//! Judgement of readings, without a clock or the system.

use std::time::Duration;

use super::machine::Space;
use super::readings::{HookReading, OldestTask, Readings, StuckTask};
use crate::text::{escape, moment, size};

/// Free space below which work will soon stop, unless a tenth of the disk is less.
const LITTLE_SPACE: u64 = 1 << 30;
/// Free memory that is little, unless a twentieth of the machine's is less.
const LITTLE_MEMORY: u64 = 256 << 20;
/// Log that is too long: a reader does not end, or no process makes checkpoints.
const LONG_LOG: u64 = 256 << 20;
/// Time of a sync that is too long.
const SLOW_SYNC: Duration = Duration::from_millis(250);
/// Age of a backlog that is too old.
const OLD_BACKLOG: Duration = Duration::from_mins(10);
/// Age of an event that a hook has not seen which is too old.
const OLD_EVENT: Duration = Duration::from_mins(10);
/// Time after which a task that no worker serves is one.
const UNSERVED: Duration = Duration::from_mins(1);

/// Level of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    #[default]
    Ok,
    /// A person should look at it.
    Warning,
    /// Work stops, or will soon.
    Critical,
}

impl Level {
    /// The level as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Measured value of a check, in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// The value.
    pub value: f64,
    /// Unit: `s`, `B`, or empty for a number.
    pub unit: &'static str,
    /// Limit beyond which it is bad.
    pub limit: f64,
    /// True if a value below the limit is bad, and not one above it.
    pub is_floor: bool,
    /// Level beyond the limit.
    pub beyond: Level,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Name, one word.
    pub name: &'static str,
    /// Level.
    pub level: Level,
    /// Finding, safe to show.
    pub found: String,
    /// Advice, if it is not ok; the marks `{VERB}` stand for commands.
    pub advice: Option<&'static str>,
    /// Value, if it has one.
    pub measure: Option<Measure>,
}

/// Judges readings: one check for each of them.
pub fn judge(readings: &Readings) -> Vec<Check> {
    let mut checks = vec![
        backlog(&readings.backlogs),
        unserved(&readings.backlogs),
        workers(readings),
        leases(readings.expired),
    ];
    checks.extend(readings.stuck.as_deref().map(stuck));
    checks.extend(readings.firing.as_deref().map(alerts));
    checks.extend(readings.disk.map(disk));
    checks.extend(readings.memory.map(memory));
    checks.push(log(readings.log_bytes));
    checks.extend(readings.sync.map(sync));
    if !readings.hooks.is_empty() {
        checks.push(hooks(&readings.hooks));
    }
    checks
}

/// The worst level of these checks.
pub fn worst(checks: &[Check]) -> Level {
    let levels = checks.iter().map(|check| check.level);
    levels.max().unwrap_or_default()
}

fn check(name: &'static str, found: String, bad: Option<(Level, &'static str)>) -> Check {
    Check {
        name,
        level: bad.map_or(Level::Ok, |(level, _)| level),
        found,
        advice: bad.map(|(_, advice)| advice),
        measure: None,
    }
}

/// Adds the value to a check that is bad above `limit`.
fn measured(check: Check, value: f64, unit: &'static str, limit: f64, beyond: Level) -> Check {
    let measure = Measure {
        value,
        unit,
        limit,
        is_floor: false,
        beyond,
    };
    Check {
        measure: Some(measure),
        ..check
    }
}

fn backlog(backlogs: &[OldestTask]) -> Check {
    let oldest = backlogs.iter().max_by_key(|one| one.age);
    let age = oldest.map_or(Duration::ZERO, |one| one.age);
    let found = oldest.map_or_else(
        || "no task is queued".to_owned(),
        |one| {
            let queue = escape::line(&one.queue);
            format!(
                "the oldest task of {queue} waits for {}",
                moment::rough(age)
            )
        },
    );
    let advice = "more slots or more workers would shorten the wait";
    let bad = (age > OLD_BACKLOG).then_some((Level::Warning, advice));
    let (age, limit) = (age.as_secs_f64(), OLD_BACKLOG.as_secs_f64());
    measured(
        check("backlog", found, bad),
        age,
        "s",
        limit,
        Level::Warning,
    )
}

fn unserved(backlogs: &[OldestTask]) -> Check {
    let waits = |one: &&OldestTask| !one.is_served && one.age > UNSERVED;
    let mut names = backlogs.iter().filter(waits).map(|one| {
        let queue = escape::line(&one.queue);
        match one.handler.as_str() {
            "" => queue.into_owned(),
            handler => format!("{queue} (handler {})", escape::line(handler)),
        }
    });
    let number = backlogs.iter().filter(waits).count();
    let found = match names.next() {
        None => "no task has waited for a worker for a minute".to_owned(),
        Some(first) if number == 1 => format!("no worker serves {first}"),
        Some(first) => format!("no worker serves {first} and {} more", number - 1),
    };
    let bad = (number > 0).then_some((Level::Critical, "start a worker that does: {worker}"));
    let number = u32::try_from(number).map_or(f64::MAX, f64::from);
    let check = check("unserved", found, bad);
    measured(check, number, "", 0.0, Level::Critical)
}

fn workers(readings: &Readings) -> Check {
    let Readings { living, dead, .. } = readings;
    let bad = match (dead, living) {
        (0, _) => None,
        (_, 0) => Some((
            Level::Critical,
            "nobody returns the tasks of the dead: {worker} or {doctor --repair} does",
        )),
        _ => Some((
            Level::Warning,
            "a living worker returns their tasks; if they stay, see {doctor}",
        )),
    };
    check("workers", format!("{living} alive, {dead} dead"), bad)
}

fn leases(expired: usize) -> Check {
    let found = match expired {
        0 => "none has run out".to_owned(),
        1 => "1 has run out".to_owned(),
        number => format!("{number} have run out"),
    };
    let advice = "their workers are stopped or cut off, and others take over; see {workers}";
    let bad = (expired > 0).then_some((Level::Warning, advice));
    check("leases", found, bad)
}

fn stuck(tasks: &[StuckTask]) -> Check {
    let found = match tasks.iter().max_by_key(|task| task.elapsed) {
        None => "no task runs for much longer than others of its queue".to_owned(),
        Some(StuckTask { id, elapsed, usual }) => {
            let (elapsed, usual) = (moment::rough(*elapsed), moment::rough(*usual));
            let others = match tasks.len() - 1 {
                0 => String::new(),
                others => format!(", and {others} more run for too long"),
            };
            format!(
                "task {id} runs for {elapsed}, and others of its queue for {usual} at most{others}"
            )
        }
    };
    let advice = "it may wait for something that never comes: see {log ID}; {cancel ID} ends it";
    let bad = (!tasks.is_empty()).then_some((Level::Warning, advice));
    counted(check("stuck", found, bad), tasks.len())
}

fn alerts(firing: &[String]) -> Check {
    let names: Vec<_> = firing.iter().map(|name| escape::line(name)).collect();
    let found = match names.as_slice() {
        [] => "none fires".to_owned(),
        names => format!("{} firing", names.join(", ")),
    };
    let bad = (!firing.is_empty()).then_some((Level::Warning, "see {alert list}"));
    counted(check("alerts", found, bad), firing.len())
}

/// Adds a number of which none is good.
fn counted(check: Check, number: usize) -> Check {
    let number = u32::try_from(number).map_or(f64::MAX, f64::from);
    measured(check, number, "", 0.0, Level::Warning)
}

fn disk(space: Space) -> Check {
    let limit = LITTLE_SPACE.min(space.total / 10);
    let advice = "free some space; {prune} and {shrink} make the file smaller";
    spaced("disk", space, limit, Level::Critical, advice)
}

fn memory(space: Space) -> Check {
    let limit = LITTLE_MEMORY.min(space.total / 20);
    let advice = "commands may fail for lack of memory; fewer slots need less: {worker slots N}";
    spaced("memory", space, limit, Level::Warning, advice)
}

fn spaced(
    name: &'static str,
    space: Space,
    limit: u64,
    beyond: Level,
    advice: &'static str,
) -> Check {
    let Space { free, total } = space;
    let found = format!("{} of {} free", size::rough(free), size::rough(total));
    let bad = (free < limit).then_some((beyond, advice));
    let measure = Measure {
        value: bytes(free),
        unit: "B",
        limit: bytes(limit),
        is_floor: true,
        beyond,
    };
    Check {
        measure: Some(measure),
        ..check(name, found, bad)
    }
}

fn log(length: u64) -> Check {
    let advice = "somebody reads for too long, or no process makes checkpoints; see {doctor}";
    let bad = (length > LONG_LOG).then_some((Level::Warning, advice));
    let found = format!("{} of write-ahead log", size::rough(length));
    let check = check("log", found, bad);
    measured(check, bytes(length), "B", bytes(LONG_LOG), Level::Warning)
}

fn sync(time: Duration) -> Check {
    let advice = "the disk is slow or overloaded, and every commit at `full` waits for it";
    let bad = (time > SLOW_SYNC).then_some((Level::Warning, advice));
    let found = format!("{:.1} ms for 4 KiB", time.as_secs_f64() * 1e3);
    let (time, limit) = (time.as_secs_f64(), SLOW_SYNC.as_secs_f64());
    measured(check("sync", found, bad), time, "s", limit, Level::Warning)
}

fn hooks(hooks: &[HookReading]) -> Check {
    let running = hooks.iter().filter(|hook| !hook.is_paused);
    let last = running.max_by_key(|hook| hook.behind);
    let behind = last.map_or(Duration::ZERO, |hook| hook.behind);
    let dead: u64 = hooks.iter().map(|hook| hook.dead_letters).sum();
    let found = match last {
        Some(hook) if behind > OLD_EVENT => {
            let name = escape::line(&hook.name);
            format!("hook {name} is {} behind", moment::rough(behind))
        }
        _ => "no hook is far behind".to_owned(),
    };
    let found = match dead {
        0 => found,
        1 => format!("{found}, and there is 1 dead letter"),
        dead => format!("{found}, and there are {dead} dead letters"),
    };
    let bad = if behind > OLD_EVENT {
        let advice = "{hook list} has the reason, or nobody delivers: {hook run} does";
        Some((Level::Warning, advice))
    } else if dead > 0 {
        let advice = "{hook dead} lists them, and delivers them again or deletes them";
        Some((Level::Warning, advice))
    } else {
        None
    };
    let (behind, limit) = (behind.as_secs_f64(), OLD_EVENT.as_secs_f64());
    measured(
        check("hooks", found, bad),
        behind,
        "s",
        limit,
        Level::Warning,
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a measure is shown, and 2^53 bytes are eight pebibytes"
)]
fn bytes(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::machine::Space;
    use super::super::readings::{HookReading, OldestTask, Readings, StuckTask};
    use super::{Check, Level, judge, worst};
    use crate::task::TaskId;

    fn well() -> Readings {
        Readings {
            living: 1,
            disk: Some(Space {
                free: 5 << 30,
                total: 100 << 30,
            }),
            memory: Some(Space {
                free: 1 << 30,
                total: 4 << 30,
            }),
            sync: Some(Duration::from_millis(2)),
            ..Readings::default()
        }
    }

    fn oldest(queue: &str, age: u64, is_served: bool) -> OldestTask {
        OldestTask {
            queue: queue.to_owned(),
            handler: String::new(),
            age: Duration::from_secs(age),
            is_served,
        }
    }

    /// The only check that is not ok.
    fn bad(readings: &Readings) -> Check {
        let mut checks = judge(readings);
        assert_eq!(checks.len(), 8);
        checks.retain(|check| check.level != Level::Ok);
        assert_eq!(checks.len(), 1, "{checks:?}");
        checks.remove(0)
    }

    #[test]
    fn a_file_that_is_well_has_no_advice() {
        let readings = Readings {
            backlogs: vec![oldest("mail", 600, true), oldest("build", 60, false)],
            ..well()
        };
        let checks = judge(&readings);
        assert_eq!(worst(&checks), Level::Ok, "{checks:?}");
        assert!(checks.iter().all(|check| check.advice.is_none()));
    }

    #[test]
    fn each_reading_beyond_its_limit_is_one_bad_check() {
        let with = |change: &dyn Fn(&mut Readings)| {
            let mut readings = well();
            change(&mut readings);
            let check = bad(&readings);
            (check.name, check.level)
        };
        let warning = |name| (name, Level::Warning);
        let critical = |name| (name, Level::Critical);
        let space = |free, total| Some(Space { free, total });
        assert_eq!(
            with(&|own| own.backlogs = vec![oldest("mail", 601, true)]),
            warning("backlog")
        );
        assert_eq!(
            with(&|own| own.backlogs = vec![oldest("mail", 61, false)]),
            critical("unserved")
        );
        assert_eq!(with(&|own| own.dead = 1), warning("workers"));
        let alone = |own: &mut Readings| (own.living, own.dead) = (0, 1);
        assert_eq!(with(&alone), critical("workers"));
        assert_eq!(with(&|own| own.expired = 1), warning("leases"));
        assert_eq!(
            with(&|own| own.disk = space((1 << 30) - 1, 1 << 40)),
            critical("disk")
        );
        assert_eq!(with(&|own| own.disk = space(9, 100)), critical("disk"));
        assert_eq!(with(&|own| own.memory = space(4, 100)), warning("memory"));
        assert_eq!(with(&|own| own.log_bytes = (256 << 20) + 1), warning("log"));
        let slow = |own: &mut Readings| own.sync = Some(Duration::from_millis(251));
        assert_eq!(with(&slow), warning("sync"));
    }

    #[test]
    fn a_hook_that_is_far_behind_or_has_dead_letters_needs_a_person() {
        let judged = |hooks: Vec<HookReading>| {
            let checks = judge(&Readings { hooks, ..well() });
            let check = checks.last().unwrap();
            assert_eq!(check.name, "hooks");
            (check.level, check.found.clone())
        };
        let hook = |behind, is_paused, dead_letters| HookReading {
            name: "a\n".to_owned(),
            is_paused,
            behind: Duration::from_secs(behind),
            dead_letters,
        };
        assert_eq!(judged(vec![hook(600, false, 0)]).0, Level::Ok);
        assert_eq!(judged(vec![hook(9_000, true, 0)]).0, Level::Ok);
        let (level, found) = judged(vec![hook(601, false, 2)]);
        assert_eq!(level, Level::Warning);
        assert!(found.starts_with("hook a\\n is 10m1s behind"), "{found}");
        assert!(found.ends_with("there are 2 dead letters"), "{found}");
        assert_eq!(judged(vec![hook(0, false, 1)]).0, Level::Warning);
    }

    #[test]
    fn tasks_that_run_for_too_long_and_alerts_that_fire_are_warnings() {
        let stuck = |hours| StuckTask {
            id: TaskId(hours),
            elapsed: Duration::from_hours(hours.unsigned_abs()),
            usual: Duration::from_mins(5),
        };
        let readings = Readings {
            stuck: Some(vec![stuck(2), stuck(7)]),
            firing: Some(vec!["disk-used".to_owned(), "a\u{1b}".to_owned()]),
            ..well()
        };
        let checks = judge(&readings);
        let of = |name: &str| checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(of("stuck").level, Level::Warning);
        assert!(
            of("stuck").found.starts_with("task 7 runs for 7"),
            "{checks:?}"
        );
        assert!(of("stuck").found.ends_with("1 more run for too long"));
        assert_eq!(of("alerts").level, Level::Warning);
        assert_eq!(of("alerts").found, "disk-used, a\\x1b firing");
        let readings = Readings {
            stuck: Some(Vec::new()),
            firing: Some(Vec::new()),
            ..well()
        };
        assert_eq!(worst(&judge(&readings)), Level::Ok);
    }

    #[test]
    fn names_of_queues_cannot_control_a_terminal() {
        let readings = Readings {
            backlogs: vec![oldest("a\u{1b}[31m\n", 61, false), oldest("b", 61, false)],
            ..well()
        };
        let found = bad(&readings).found;
        assert_eq!(found, "no worker serves a\\x1b[31m\\n and 1 more");
    }

    #[test]
    fn readings_that_could_not_be_taken_are_left_out() {
        let checks = judge(&Readings::default());
        let names: Vec<_> = checks.iter().map(|check| check.name).collect();
        assert_eq!(names, ["backlog", "unserved", "workers", "leases", "log"]);
    }
}
