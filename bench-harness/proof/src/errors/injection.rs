//! Plays one script without errors, and then again with each error.

use queue_core::sqlite::Durability;
use queue_core::{Error, NewTask, Result};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::Tally;
use crate::digest::{complaints, digest};
use crate::disk::{Fault, Guess, Image, Kind};
use crate::test_machine::{Engine, Manner, TestMachine};
use crate::workload::{Player, Script, Step};

/// Operations that a read never performs.
const WRITING: [Kind; 5] = [
    Kind::Write,
    Kind::Full,
    Kind::Sync,
    Kind::Truncate,
    Kind::Delete,
];

/// A script, and its states without errors.
pub(super) struct Injections {
    seed: u64,
    script: Script,
    manner: Manner,
    tested: TestMachine,
    /// Content of the disk at the start of the script.
    start: Image,
    /// Digest of the rows after each call.
    states: Vec<u64>,
    /// Number of files opened again so far.
    reopened: u64,
}

/// One reopened file in this many has all its invariants verified.
const VERIFY_ONE_IN: u64 = 4;

/// Result, or a fault in words.
type Checked<T> = std::result::Result<T, String>;

/// A script played until an error struck.
struct FailedRun {
    player: Player,
    /// Index of the call that the error hit.
    call: usize,
    failed: bool,
}

impl Injections {
    pub(super) fn new(seed: u64, calls: usize) -> Result<Self> {
        let tested = TestMachine::new(seed).map_err(|error| Error::io("no folder", error))?;
        let script = Script::new(seed, calls);
        let manner = Manner {
            durability: match (seed / 3) % 2 {
                0 => Durability::Full,
                _ => Durability::Fast,
            },
            one_shot: seed % 5 != 4,
        };
        // Every fourth script also creates the file.
        let mut start = Image::default();
        if !seed.is_multiple_of(4) {
            drop(tested.open(script.engine, manner)?);
            start = tested
                .machine()
                .disk(|disk| disk.after_cut(&mut Guess::Everything));
        }
        let mut own = Self {
            seed,
            script,
            manner,
            tested,
            start,
            states: Vec::new(),
            reopened: 0,
        };
        own.states = own.play_without_faults()?;
        Ok(own)
    }

    /// Operations to fail. A resident program reads through a pool, which waits in real time for a
    /// connection that the disk refuses; such failures are left to programs with a single connection.
    pub(super) fn kinds(&self) -> &'static [Kind] {
        if self.manner.one_shot {
            &Kind::ALL
        } else {
            &WRITING
        }
    }

    fn begin(&mut self) -> Player {
        self.tested.rewind();
        self.tested.boot(&self.start);
        Player::new(self.seed, self.script.engine, self.manner)
    }

    /// Plays the script on a disk without faults.
    fn play_without_faults(&mut self) -> Result<Vec<u64>> {
        let mut player = self.begin();
        let mut states = Vec::new();
        for step in &self.script.steps {
            let answer = player.play(*step, &self.tested);
            if player.opened().is_none() {
                answer?;
            }
            states.push(digest(&self.tested.look()?)?);
        }
        Ok(states)
    }

    /// Number of the script's operations of a kind.
    pub(super) fn operations(&mut self, kind: Kind) -> Result<u64> {
        let mut player = self.begin();
        let never = Fault::once(kind, u64::MAX);
        self.tested.machine().disk(|disk| disk.fail(never));
        for step in &self.script.steps {
            let answer = player.play(*step, &self.tested);
            if player.opened().is_none() {
                answer?;
            }
        }
        Ok(self.tested.machine().disk(|disk| disk.counted()))
    }

    /// Plays the script until the error strikes, and checks the result.
    pub(super) fn inject(&mut self, fault: Fault) -> Checked<Tally> {
        let injected = catch_unwind(AssertUnwindSafe(|| self.try_inject(fault)));
        injected.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(format!("a panic: {}", text.unwrap_or_default()))
        })
    }

    fn try_inject(&mut self, fault: Fault) -> Checked<Tally> {
        let Some(mut run) = self.play_until_fault(fault) else {
            return Ok(Tally::default());
        };
        let mut tally = Tally {
            injections: 1,
            failed: u64::from(run.failed),
            ..Tally::default()
        };
        let mut probes = self.probe(&mut run, fault, &mut tally)?;
        if !probes.is_empty() || fault.nth % 4 == 3 {
            probes.extend(self.write_after_mend(&run, fault)?);
        }
        // The process dies with its open files.
        self.tested.machine().disk(crate::disk::Disk::mend);
        self.tested.restart_process();
        let engine = run.player.engine();
        drop(run.player);
        let cuts = fault.nth % 2 == 1;
        if cuts {
            tally.cut = 1;
            let image = self
                .tested
                .machine()
                .disk(|disk| disk.after_cut(&mut Guess::Nothing));
            self.tested.boot(&image);
        }
        let promised = !cuts || self.manner.durability == Durability::Full;
        if probes.is_empty() && promised {
            self.compare(run.call, run.failed)?;
        }
        tally.verified = u64::from(self.reopen(engine, run.call)?);
        if promised {
            self.find(&probes)?;
        }
        Ok(tally)
    }

    fn play_until_fault(&mut self, fault: Fault) -> Option<FailedRun> {
        let mut player = self.begin();
        self.tested.machine().disk(|disk| disk.fail(fault));
        for (call, step) in self.script.steps.iter().enumerate() {
            let answer = player.play(*step, &self.tested);
            if self.tested.machine().disk(|disk| disk.struck()) > 0 {
                let failed = answer.is_err();
                return Some(FailedRun {
                    player,
                    call,
                    failed,
                });
            }
        }
        None
    }

    /// Enqueues further tasks while the disk is unchanged. After a failed sync they must be refused.
    fn probe(&self, run: &mut FailedRun, fault: Fault, tally: &mut Tally) -> Checked<Vec<String>> {
        let mut acknowledged = Vec::new();
        // A file opened anew belongs to another process.
        let step = self.script.steps[run.call];
        let same = !matches!(step, Step::Open | Step::Promote);
        let synced = fault.kind == Kind::Sync && same;
        let Some(opened) = run.player.opened() else {
            return Ok(acknowledged);
        };
        if !synced && fault.nth % 4 < 2 {
            return Ok(acknowledged);
        }
        for number in 0..2 {
            let name = format!("probe {number}");
            let task = NewTask::shell(name.clone(), "true");
            if opened.enqueue(task).is_ok() {
                acknowledged.push(name);
            }
        }
        if synced && !acknowledged.is_empty() {
            return Err("a write was acknowledged after a failed sync".to_owned());
        }
        tally.refused = u64::from(synced);
        Ok(acknowledged)
    }

    /// After the disk is mended, the process that met the error writes again and extends its leases, so
    /// none of its connections was left in a transaction. After a failed sync it never writes again.
    fn write_after_mend(&self, run: &FailedRun, fault: Fault) -> Checked<Vec<String>> {
        let step = self.script.steps[run.call];
        let Some(opened) = run.player.opened().filter(|_| fault.kind != Kind::Sync) else {
            return Ok(Vec::new());
        };
        if step == Step::Promote {
            return Ok(Vec::new());
        }
        self.tested.machine().disk(crate::disk::Disk::mend);
        let name = "probe afterwards".to_owned();
        let refused = |error: Error| {
            format!(
                "after the disk was mended, a write is refused: {}",
                readably(&error)
            )
        };
        opened
            .enqueue(NewTask::shell(name.clone(), "true"))
            .map_err(refused)?;
        let nothing = |_: &Connection| Ok(());
        opened
            .database()
            .heartbeat(Duration::from_secs(1), nothing)
            .map_err(refused)?;
        Ok(vec![name])
    }

    /// Checks that the file holds the state before or after the call.
    fn compare(&self, call: usize, failed: bool) -> Checked<()> {
        let step = self.script.steps[call];
        if failed && step.is_several() {
            return Ok(());
        }
        let connection = self.tested.look().map_err(|error| error.to_string())?;
        let state = digest(&connection).map_err(|error| error.to_string())?;
        let before = call.checked_sub(1).map(|before| self.states[before]);
        let after = self.states[call];
        if state == after || (failed && Some(state) == before) {
            return Ok(());
        }
        let answered = if failed { "failed" } else { "was acknowledged" };
        let is_before = Some(state) == before;
        Err(format!(
            "call {call} ({step:?}) {answered}, and the file {}",
            if is_before {
                "does not hold its rows"
            } else {
                "holds other rows"
            }
        ))
    }

    /// Opens the file in the next process, which must find it sound, and writes. Returns true if every
    /// invariant was verified too.
    fn reopen(&mut self, engine: Engine, call: usize) -> Checked<bool> {
        let connection = self.tested.look().map_err(|error| error.to_string())?;
        let complaints = complaints(&connection).map_err(|error| error.to_string())?;
        if !complaints.is_empty() {
            return Err(format!("damaged: {}", complaints.join("; ")));
        }
        let has_queue = digest(&connection).map_err(|error| error.to_string())? != 0;
        drop(connection);
        let opened = if self.script.steps[..=call].contains(&Step::Promote) && has_queue {
            let options = self
                .tested
                .options(self.manner)
                .map_err(|error| readably(&error))?;
            workflow_queue::promote_file(self.tested.path(), options)
                .map_err(|error| readably(&error))?;
            self.tested.open(Engine::Workflow, self.manner)
        } else {
            self.tested.open(engine, self.manner)
        };
        let opened = opened.map_err(|error| format!("not opened: {}", readably(&error)))?;
        let task = NewTask::shell("afterwards", "true");
        let written = opened.enqueue(task);
        written.map_err(|error| format!("not written: {}", readably(&error)))?;
        let verifies = self.reopened.is_multiple_of(VERIFY_ONE_IN);
        self.reopened += 1;
        if verifies {
            let broken = opened.broken();
            let broken = broken.map_err(|error| format!("not verified: {}", readably(&error)))?;
            if !broken.is_empty() {
                return Err(format!("broken invariants: {}", broken.join("; ")));
            }
        }
        Ok(verifies)
    }

    /// Checks that every acknowledged task is stored.
    fn find(&self, names: &[String]) -> Checked<()> {
        if names.is_empty() {
            return Ok(());
        }
        let connection = self.tested.look().map_err(|error| error.to_string())?;
        for name in names {
            let found = connection.query_row(
                "SELECT count(*) FROM queue_tasks WHERE name = ?1",
                [name],
                |row| row.get::<_, i64>(0),
            );
            if found.map_err(|error| error.to_string())? != 1 {
                return Err(format!("{name} was acknowledged and is lost"));
            }
        }
        Ok(())
    }
}

fn readably(error: &Error) -> String {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error} ({})", cause.unwrap_or_default())
}
