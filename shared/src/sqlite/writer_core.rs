//! State that the callers of the writer and its lock thread share: whose turn the connection is, and
//! the transaction of one turn, which has the operation of its leader and those that join it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::{Checkpointer, take_frames};
use super::combine::{Action, Answer, Event, Next, Refusal, Role, Turn, Turns};
use super::fault::{Fault, SharedError};
use super::known::Known;
use super::operation::{Adopted, AloneFailure, Call, Operation, Parked, Told, WaitingCall, lock};
use super::poison::Poison;
use super::statement;
use super::sync::channel::{Receiver, Sender};
use super::sync::{Arc, Mutex};
use super::writer_lock::WriterLock;
use crate::error::Result;

const BEGIN: &str = statement(include_str!("../../queries/begin.sql"));
pub(super) const COMMIT: &str = statement(include_str!("../../queries/commit.sql"));
const ROLLBACK: &str = statement(include_str!("../../queries/rollback.sql"));

/// Statements around an operation that is not a lone statement.
pub(super) const TRANSACTION: [&str; 2] = [BEGIN, COMMIT];

/// Function that executes BEGIN or COMMIT.
pub(super) type Perform = fn(&Connection, &str) -> rusqlite::Result<()>;

/// State that callers and the lock thread share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) path: PathBuf,
    pub(super) lock_path: PathBuf,
    pub(super) lock: WriterLock,
    pub(super) busy_timeout: Duration,
    pub(super) connection: Mutex<Connection>,
    pub(super) turns: Mutex<Turns>,
    pub(super) queue: Sender<Arc<dyn WaitingCall>>,
    pub(super) queued: Receiver<Arc<dyn WaitingCall>>,
    pub(super) poison: Arc<Poison>,
    pub(super) checkpointer: Option<Checkpointer>,
    /// Frames in the log after the last commit, if there is no checkpointer.
    pub(super) frames: AtomicU32,
    pub(super) known: Known,
    /// Function through which the simulation makes its faults.
    pub(super) perform: Perform,
}

pub(super) enum Arrived<T, F> {
    Leads(Call<T, F>),
    Waits(Arc<Parked<T, F>>),
}

impl Core {
    /// Closes the file, once no thread writes to it.
    pub(super) fn close(&self) {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.close();
        }
        if let Ok(nothing) = Connection::open_in_memory() {
            *lock(&self.connection) = nothing;
        }
    }

    pub(super) fn arrive<T, F>(&self, call: Call<T, F>) -> Arrived<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T> + Send + 'static,
    {
        let mut turns = lock(&self.turns);
        match turns.arrive() {
            Role::Lead => Arrived::Leads(call),
            Role::Follow => {
                let job = Arc::new(Parked::new(call));
                // Sent under the lock, so that the channel holds as many as `turns` counts.
                if self.queue.send(job.clone()).is_err() {
                    unreachable!("both ends of the channel are here");
                }
                Arrived::Waits(job)
            }
        }
    }

    /// Passes the lead on, or frees the connection.
    pub(super) fn leave(&self) {
        while let Some(next) = self.successor() {
            if next.lead() {
                return;
            }
        }
    }

    /// Next leader, if a caller waits.
    fn successor(&self) -> Option<Arc<dyn WaitingCall>> {
        let mut turns = lock(&self.turns);
        match turns.leave() {
            Next::Free => None,
            Next::HandOver => self.queued.try_recv().ok(),
        }
    }

    /// Leads on the lock thread, beginning with `job`, until no caller waits.
    pub(super) fn lead_contended(&self, job: Arc<dyn WaitingCall>) {
        let mut next = Some(job);
        while let Some(job) = next {
            if self.lock.exclusive().is_ok() && job.take() {
                let joined = self.turn(&mut Adopted(&*job));
                self.lock.release();
                next = self.successor();
                job.wake();
                for job in joined {
                    job.wake();
                }
            } else {
                self.lock.release();
                next = self.successor();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Takes one turn on the connection, while it holds the lock between processes. Callers that
    /// joined have their answers, but stay asleep.
    pub(super) fn turn(&self, own: &mut dyn Operation) -> Vec<Arc<dyn WaitingCall>> {
        let connection = lock(&self.connection);
        let mut joined: Vec<Arc<dyn WaitingCall>> = Vec::new();
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
                Action::Tell(range, answer) => {
                    self.note(answer, source.as_ref());
                    for index in range {
                        let told = Told {
                            answer,
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

    fn begin(
        &self,
        connection: &Connection,
        source: &mut Option<SharedError>,
    ) -> Result<(), Refusal> {
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
    fn look(
        &self,
        connection: &Connection,
        source: &mut Option<SharedError>,
    ) -> Result<(), Refusal> {
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
        source: &mut Option<SharedError>,
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
    fn note(&self, answer: Answer, source: Option<&SharedError>) {
        let fatal = answer == Answer::Poisoned
            || source.is_some_and(|source| Fault::of(&source.0) == Fault::Sync);
        if fatal {
            self.poison.set(source.cloned());
        }
    }

    fn commit(
        &self,
        connection: &Connection,
        source: &mut Option<SharedError>,
    ) -> Result<(), Refusal> {
        (self.perform)(connection, COMMIT).map_err(|error| {
            let refusal = Fault::of_commit(&error);
            *source = Some(SharedError(Arc::new(error)));
            refusal
        })?;
        self.committed(connection);
        Ok(())
    }
}

/// Refusal of a transaction that did not begin. Keeps its error.
fn not_begun(error: rusqlite::Error, source: &mut Option<SharedError>) -> Refusal {
    let refusal = Fault::of_begin(&error);
    *source = Some(SharedError(Arc::new(error)));
    refusal
}

/// Rolls the transaction back, unless `SQLite` has ended it by itself. If a transaction has ended
/// with an error, it has ended all the same.
fn roll_back(connection: &Connection, source: &mut Option<SharedError>) -> Result<(), Refusal> {
    if connection.is_autocommit() {
        return Ok(());
    }
    match perform(connection, ROLLBACK) {
        Err(error) if !connection.is_autocommit() => {
            *source = Some(SharedError(Arc::new(error)));
            Err(Refusal::Fatal)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn perform(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
