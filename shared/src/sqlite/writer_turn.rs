//! One turn on the connection: the transaction of the leader's operation and of those that join it.

use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::checkpointer::take_frames;
use super::combine::{Action, Event, Refusal, Turn, Verdict};
use super::fault::{Fault, Shared};
use super::operation::{AloneFailure, Job, Operation, Told, lock};
use super::statement;
use super::sync::Arc;
use super::writer::Core;

const BEGIN: &str = statement(include_str!("../../queries/begin.sql"));
pub(super) const COMMIT: &str = statement(include_str!("../../queries/commit.sql"));
const ROLLBACK: &str = statement(include_str!("../../queries/rollback.sql"));

/// Statements around an operation that is not a lone statement.
pub(super) const TRANSACTION: [&str; 2] = [BEGIN, COMMIT];

impl Core {
    /// Takes one turn on the connection, while it holds the lock between processes. Callers that
    /// joined have their verdicts, but stay asleep.
    pub(super) fn turn(&self, own: &mut dyn Operation) -> Vec<Arc<dyn Job>> {
        let connection = lock(&self.connection);
        let mut joined: Vec<Arc<dyn Job>> = Vec::new();
        let mut source = None;
        // A poisoned writer refuses at BEGIN.
        let alone = own.is_statement() && !self.poison.is_set() && lock(&self.turns).nobody_waits();
        let (mut turn, mut action) = if alone { Turn::alone() } else { Turn::start() };
        loop {
            let event = match action {
                Action::RunAlone => Event::RanAlone(self.run_alone(own, &connection, &mut source)),
                Action::Begin => Event::Began(self.begin(&connection, &mut source)),
                Action::Gather => {
                    let most = lock(&self.turns).take();
                    joined.extend(self.queued.try_iter().take(most).filter(|job| job.take()));
                    Event::Joined(joined.len())
                }
                Action::Run(index) => {
                    let ran = match index.checked_sub(1) {
                        None => own.run(&connection),
                        Some(index) => joined[index].run(&connection),
                    };
                    // An operation that lost its transaction and went on has written outside it.
                    let lost = ran.is_ok() && connection.is_autocommit();
                    Event::Ran(if lost { Err(Refusal::Error) } else { ran })
                }
                Action::Commit => Event::Committed(self.commit(&connection, &mut source)),
                Action::RollBack => Event::RolledBack(roll_back(&connection, &mut source)),
                Action::Tell(range, verdict) => {
                    self.note(verdict, source.as_ref());
                    for index in range {
                        let told = Told {
                            verdict,
                            source: source.clone(),
                        };
                        match index.checked_sub(1) {
                            None => own.tell(told),
                            Some(index) => joined[index].tell(told),
                        }
                    }
                    Event::Told
                }
                Action::End => return joined,
            };
            action = turn.step(event);
        }
    }

    fn begin(&self, connection: &Connection, source: &mut Option<Shared>) -> Result<(), Refusal> {
        if self.poison.is_set() {
            *source = self.poison.source();
            return Err(Refusal::Fatal);
        }
        let mut begun = (self.perform)(connection, BEGIN).map_err(|error| not_begun(error, source));
        if begun.is_ok() {
            begun = self.look(connection, source);
        }
        if begun.is_err() {
            roll_back(connection, source)?;
        }
        begun
    }

    /// Refuses a file that a newer program has migrated.
    fn look(&self, connection: &Connection, source: &mut Option<Shared>) -> Result<(), Refusal> {
        match self.known.look(connection) {
            Ok(None) => Ok(()),
            Ok(Some(newer)) => Err(Refusal::Newer(newer)),
            Err(error) => Err(not_begun(error, source)),
        }
    }

    fn run_alone(
        &self,
        operation: &mut dyn Operation,
        connection: &Connection,
        source: &mut Option<Shared>,
    ) -> Result<(), Option<Refusal>> {
        while let Err(failure) = operation.run_alone(connection) {
            match failure {
                AloneFailure::Own => return Err(None),
                AloneFailure::Refused(refusal, error) => {
                    *source = Some(error);
                    return Err(Some(refusal));
                }
                // It was undone before its commit, and can run again.
                AloneFailure::Unseen => self.look(connection, source)?,
            }
        }
        self.committed(connection);
        Ok(())
    }

    fn committed(&self, connection: &Connection) {
        match &self.checkpointer {
            Some(checkpointer) => checkpointer.committed(connection),
            None => self.keep_frames(),
        }
    }

    pub(super) fn keep_frames(&self) {
        self.frames.store(take_frames(), Ordering::Relaxed);
    }

    /// Ends all writing of this process if the disk did not confirm a write, or if a transaction
    /// cannot be ended.
    fn note(&self, verdict: Verdict, source: Option<&Shared>) {
        let fatal = verdict == Verdict::Poisoned
            || source.is_some_and(|source| Fault::of(&source.0) == Fault::Sync);
        if fatal {
            self.poison.set(source.cloned());
        }
    }

    fn commit(&self, connection: &Connection, source: &mut Option<Shared>) -> Result<(), Refusal> {
        (self.perform)(connection, COMMIT).map_err(|error| {
            let refusal = Fault::of_commit(&error);
            *source = Some(Shared(Arc::new(error)));
            refusal
        })?;
        self.committed(connection);
        Ok(())
    }
}

/// Refusal of a transaction that did not begin. Keeps its error.
fn not_begun(error: rusqlite::Error, source: &mut Option<Shared>) -> Refusal {
    let refusal = Fault::of_begin(&error);
    *source = Some(Shared(Arc::new(error)));
    refusal
}

/// Rolls the transaction back, unless `SQLite` has ended it by itself. If a transaction has ended
/// with an error, it has ended all the same.
fn roll_back(connection: &Connection, source: &mut Option<Shared>) -> Result<(), Refusal> {
    if connection.is_autocommit() {
        return Ok(());
    }
    match perform(connection, ROLLBACK) {
        Err(error) if !connection.is_autocommit() => {
            *source = Some(Shared(Arc::new(error)));
            Err(Refusal::Fatal)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn perform(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
