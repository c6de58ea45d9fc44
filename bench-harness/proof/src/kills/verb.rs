//! Randomly generated processes to be killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use fastrand::Rng;

use super::journal::{Entry, Journal};
use super::ledger::Ledger;
use crate::Result;
use crate::process::program::{own, word};
use crate::process::{Program, ScratchFolder};

/// A process to be started.
#[derive(Debug)]
pub(super) struct Verb {
    /// Its command.
    pub(super) command: Command,
    /// Text for its standard input.
    pub(super) input: String,
    /// The tasks whose ids it prints, in this order.
    pub(super) names: Vec<String>,
    /// Journal entry to append before the start.
    pub(super) tell: Option<Entry>,
    /// Longest time until the kill.
    pub(super) longest: Duration,
}

/// The kinds of processes, with their shares in percent.
const SHARES: [(Kind, u32); 9] = [
    (Kind::Worker, 34),
    (Kind::Add, 22),
    (Kind::Produce, 14),
    (Kind::AddMany, 10),
    (Kind::Cancel, 5),
    (Kind::Retry, 5),
    (Kind::RetryAll, 3),
    (Kind::Reprioritize, 3),
    (Kind::Prune, 4),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Worker,
    Add,
    Produce,
    AddMany,
    Cancel,
    Retry,
    RetryAll,
    Reprioritize,
    Prune,
}

/// Generator of random verbs for one database.
#[derive(Debug)]
pub(super) struct VerbGenerator<'a> {
    /// The database.
    pub(super) scratch: &'a ScratchFolder,
    /// Journal to which its commands append.
    pub(super) journal: &'a Journal,
    /// Program whose verbs are generated.
    pub(super) program: Program,
    /// Duration of an undisturbed `add-task`.
    pub(super) undisturbed: Duration,
}

impl VerbGenerator<'_> {
    /// Generates the next process. Its tasks are in the ledger before it starts.
    ///
    /// # Errors
    /// When a program is missing.
    pub(super) fn generate(&self, rng: &mut Rng, ledger: &mut Ledger) -> Result<Verb> {
        let mut lot = rng.u32(0..100);
        let mut kind = Kind::Worker;
        for (of, share) in SHARES {
            kind = of;
            if lot < share {
                break;
            }
            lot -= share;
        }
        let some_id = pick(rng, ledger);
        match kind {
            Kind::Worker => self.worker(rng),
            Kind::Add => self.add(rng, ledger),
            Kind::Produce => self.produce(rng, ledger),
            Kind::AddMany => self.add_many(rng, ledger),
            Kind::Cancel => match single(rng, ledger) {
                Some(id) => self.short(&["cancel", &id.to_string()], Some(Entry::Cancel(id))),
                None => self.add(rng, ledger),
            },
            Kind::Retry => match some_id {
                Some(id) => self.short(&["retry", &id.to_string()], Some(Entry::Reopen(Some(id)))),
                None => self.add(rng, ledger),
            },
            Kind::RetryAll => {
                let states = ["failed", "cancelled"];
                let state = states[rng.usize(0..states.len())];
                self.short(&["retry", "--state", state], Some(Entry::Reopen(None)))
            }
            Kind::Reprioritize => match some_id {
                Some(id) => self.short(&["reprioritize", &id.to_string(), "7"], None),
                None => self.add(rng, ledger),
            },
            Kind::Prune => self.short(&["prune", "--keep", "20"], None),
        }
    }

    fn worker(&self, rng: &mut Rng) -> Result<Verb> {
        let slots = rng.usize(1..=6).to_string();
        let mut verb = self.short(&["worker", "--slots", &slots], None)?;
        verb.command.stderr(self.journal.append()?);
        verb.longest = self.undisturbed * 8;
        Ok(verb)
    }

    fn add(&self, rng: &mut Rng, ledger: &mut Ledger) -> Result<Verb> {
        let name = format!("one-{}", ledger.singles.len());
        ledger.singles.push(name.clone());
        let command = self.task(rng);
        let mut arguments = vec!["add-task", &name, &command, "--print", "id"];
        arguments.extend(BUDGETS);
        let mut verb = self.short(&arguments, None)?;
        verb.names.push(name);
        Ok(verb)
    }

    fn add_many(&self, rng: &mut Rng, ledger: &mut Ledger) -> Result<Verb> {
        let batch = ledger.batches.len();
        let names: Vec<String> = (0..rng.usize(2..40))
            .map(|one| format!("many-{batch}-{one}"))
            .collect();
        ledger.batches.push(names.clone());
        let mut arguments = vec!["enqueue", "--stdin", "--print", "id"];
        arguments.extend(BUDGETS);
        let mut verb = self.short(&arguments, None)?;
        for name in &names {
            let line = serde_json::json!({"name": name, "command": self.task(rng)});
            verb.input += &line.to_string();
            verb.input.push('\n');
        }
        verb.command.stdin(Stdio::piped());
        verb.names = names;
        Ok(verb)
    }

    /// A process that enqueues one task after another through the library.
    fn produce(&self, rng: &mut Rng, ledger: &mut Ledger) -> Result<Verb> {
        let count = rng.usize(5..30);
        let first = ledger.singles.len();
        let names: Vec<String> = (first..first + count)
            .map(|one| format!("one-{one}"))
            .collect();
        ledger.singles.extend(names.clone());
        let mut command = Command::new(own()?);
        command.args(["child", "produce", "--program", self.program.name()]);
        command.args([
            "--durability",
            word(self.scratch.durability),
            "--command",
            &self.task(rng),
        ]);
        command.arg(self.scratch.database()).args(&names);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(Verb {
            command,
            input: String::new(),
            names,
            tell: None,
            longest: self.undisturbed * 3,
        })
    }

    fn short(&self, arguments: &[&str], tell: Option<Entry>) -> Result<Verb> {
        Ok(Verb {
            command: self.scratch.command(self.program, arguments)?,
            input: String::new(),
            names: Vec::new(),
            tell,
            longest: self.undisturbed * 3 / 2,
        })
    }

    /// Most tasks are short and succeed; some fail, and some are long enough to be killed.
    fn task(&self, rng: &mut Rng) -> String {
        let body = if rng.u8(0..8) == 0 { "sleep 0.02" } else { ":" };
        let code = u8::from(rng.u8(0..10) == 0);
        self.journal.command(body, code)
    }
}

/// The first verdict ends a task, so that only a kill or a `retry` explains another run; kills may hit
/// the same task any number of times.
const BUDGETS: [&str; 4] = ["--max-attempts", "1", "--max-crashes", "1000000"];

/// A random acknowledged task.
fn pick(rng: &mut Rng, ledger: &Ledger) -> Option<i64> {
    let known = &ledger.acknowledged;
    (!known.is_empty()).then(|| known[rng.usize(0..known.len())].0)
}

/// A random one among the newest tasks enqueued one at a time. They may not have run yet, and batches
/// are left complete.
fn single(rng: &mut Rng, ledger: &Ledger) -> Option<i64> {
    let newest = ledger.acknowledged.iter().rev().take(50);
    let singles: Vec<i64> = newest
        .filter(|(_, name)| name.starts_with("one-"))
        .map(|(id, _)| *id)
        .collect();
    (!singles.is_empty()).then(|| singles[rng.usize(0..singles.len())])
}
