//! Recovery of dead workers and expired claims by a program that is not a worker. Also the scan for
//! orphans, which workers use too.

use std::collections::BTreeMap;

use rustix::event::Timespec;

use super::inputs;
use super::orphans::{Orphan, OrphanEnd, ProcFs, Processes, Search};
use super::overdue::Overdue;
use super::recovery::{Recovered, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::{Error, Result, is_shortage};
use crate::queue::Queue;
use crate::sidecar::Sidecar;
use crate::sidecar::records::{self, CommandRecord, Namespace, RecordFile};
use crate::sidecar::registration::DeadLock;

/// Scans once for the processes of the search, and ends them.
///
/// # Errors
/// When the system does not list processes, or refuses to read the worker's records.
pub(crate) fn sweep(
    processes: &impl Processes,
    sidecar: &Sidecar,
    search: &mut Search,
    now: Now,
) -> Result<Sweep> {
    let commands = recorded(sidecar, search.claims())?;
    let scan = search
        .scan(processes, &commands, now.boot)
        .map_err(|error| Error::io("cannot list processes", error))?;
    complete(sidecar, &commands, &scan.found, now);
    let mut sweep = Sweep {
        hidden: scan.hidden,
        ..Sweep::default()
    };
    for found in scan.found {
        match processes.end(&found.process) {
            OrphanEnd::Killed => sweep.signalled.push(found),
            OrphanEnd::Gone => {}
            OrphanEnd::Refused(error) if is_shortage(&error) => {
                return Err(Error::io("cannot end a process", error));
            }
            OrphanEnd::Refused(_) => sweep.unreachable.push(found),
        }
    }
    Ok(sweep)
}

/// Records the sessions of commands whose worker was killed between their start and their record.
/// This happens before any process is ended, so that the rest is found by its session later.
fn complete(sidecar: &Sidecar, commands: &[CommandRecord], found: &[Orphan], now: Now) {
    for command in commands.iter().filter(|one| one.process.is_none()) {
        let leads =
            |one: &&Orphan| one.claim == command.claim && one.process.pid == one.process.session;
        // Other sessions that the command started began later.
        let leader = found
            .iter()
            .filter(leads)
            .min_by_key(|one| one.process.started);
        if let Some(leader) = leader {
            records::complete(sidecar, command.claim, leader.process.pid, now.boot);
        }
    }
}

/// Returns the live processes of a dead worker's claims that this user cannot end. Does not signal
/// them.
///
/// # Errors
/// As [`sweep`].
pub(crate) fn unreachable(sidecar: &Sidecar, claims: Vec<Claim>, now: Now) -> Result<Vec<Orphan>> {
    let commands = recorded(sidecar, &claims)?;
    let mut search = Search::new(claims, now.boot);
    let scan = search
        .scan(&ProcFs, &commands, now.boot)
        .map_err(|error| Error::io("cannot list processes", error))?;
    let mut found = scan.found;
    found.retain(|one| !ProcFs.is_reachable(&one.process));
    Ok(found)
}

/// Reads the records of the workers of these claims, as far as they are of this pid namespace.
fn recorded(sidecar: &Sidecar, claims: &[Claim]) -> Result<Vec<CommandRecord>> {
    let mut workers: Vec<WorkerId> = claims.iter().map(|claim| claim.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    let own = Namespace::own()?;
    let mut commands = Vec::new();
    for worker in workers {
        if let Some(file) = RecordFile::read(sidecar, worker)?
            && file.namespace == own
        {
            commands.extend(file.commands);
        }
    }
    Ok(commands)
}

/// Recovers every dead worker that no other process is recovering.
///
/// # Errors
/// As [`Queue::workers`] and [`Queue::reap`], and when the system refuses a lock or does not list
/// processes.
pub fn recover_once<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let mut recovered = Vec::new();
    for worker in queue.workers()? {
        if let Some(lock) = DeadLock::take(&sidecar, worker.id)? {
            let origin = queue.coordination().origin_of(&worker)?;
            recovered.push(recover_locked(queue, lock, origin)?);
        }
    }
    inputs::InputSource::sweep(queue)?;
    Ok(recovered)
}

/// Recovers a worker whose lock the caller holds. Its files are removed with its last task.
///
/// # Errors
/// As [`recover_once`].
pub(crate) fn recover_locked<Q: Queue>(
    queue: &Q,
    lock: DeadLock,
    origin: Origin,
) -> Result<Recovered> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let recovery = Recovery::new(lock.worker(), origin, queue.now());
    let recovered = recover(queue, &sidecar, recovery)?;
    if recovered.kept.is_empty() {
        lock.remove(&sidecar);
    }
    Ok(recovered)
}

/// Recovers a worker that the caller knows to be dead. Also ends the processes of `further` claims,
/// which are not in the file. Its records are in `sidecar`.
///
/// # Errors
/// As [`recover_once`].
pub(crate) fn recover_dead<Q: Queue>(
    queue: &Q,
    sidecar: &Sidecar,
    (worker, origin): (WorkerId, Origin),
    further: Vec<Claim>,
) -> Result<Recovered> {
    let recovery = Recovery::new(worker, origin, queue.now()).and_of(further);
    recover(queue, sidecar, recovery)
}

/// Returns claims whose leases have run out, after ending their processes. If there are any, this
/// takes a third of the lease, in which their workers may still extend them.
///
/// # Errors
/// As [`recover_once`], and when the file takes no write.
pub(crate) fn recover_expired<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let mut of_worker: BTreeMap<WorkerId, Vec<Claim>> = BTreeMap::new();
    for claim in long_overdue(queue)? {
        of_worker.entry(claim.worker).or_default().push(claim);
    }
    let sidecar = Sidecar::at(queue.coordination().folder());
    let recover = |(worker, claims)| {
        let recovery = Recovery::of_expired(worker, claims, queue.now());
        recover(queue, &sidecar, recovery)
    };
    of_worker.into_iter().map(recover).collect()
}

/// Returns the overdue claims, once each is known to have expired.
fn long_overdue<Q: Queue>(queue: &Q) -> Result<Vec<Claim>> {
    let mut overdue = Overdue::new(queue.lease().unwrap_or_default());
    loop {
        let found = queue.expired()?;
        let over = overdue.found(&found);
        if over.len() == found.len() {
            return Ok(over);
        }
        let began = queue.now().boot;
        queue.probe(&found)?;
        let now = queue.now();
        overdue.wrote(began, now.boot);
        sleep(now, overdue.look_at().unwrap_or(now.boot));
    }
}

/// Waits until `until`, unless interrupted.
fn sleep(now: Now, until: BootTime) {
    let pause = until.since(now.boot);
    let timeout = Timespec {
        tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: pause.subsec_nanos().into(),
    };
    let _ = rustix::event::poll(&mut [], Some(&timeout));
}

fn recover<Q: Queue>(queue: &Q, sidecar: &Sidecar, mut recovery: Recovery) -> Result<Recovered> {
    loop {
        let now = queue.now();
        let action = recovery.next(now);
        let look = |search: &mut Search| sweep(&ProcFs, sidecar, search, now);
        match (answer(queue, &mut recovery, action, look), action) {
            // The caller may try again.
            (
                Some(
                    RecoveryAnswer::Swept(Err(error))
                    | RecoveryAnswer::Reaped(Err(error @ Error::Shortage { .. })),
                ),
                _,
            ) => return Err(error),
            (Some(answer), _) => recovery.answer(queue.now(), answer),
            // The machine decides again after any return.
            (None, RecoveryAction::Wait(until)) => sleep(now, until),
            (None, _) => return recovery.into_result(),
        }
    }
}

fn list_claims<Q: Queue>(queue: &Q, worker: WorkerId) -> RecoveryAnswer {
    let listed = queue.claims_of(worker);
    if listed.as_ref().is_ok_and(Vec::is_empty)
        && let Ok(workers) = queue.workers()
        && workers.iter().all(|one| one.id != worker)
    {
        return RecoveryAnswer::Left;
    }
    RecoveryAnswer::Listed(listed)
}

/// Performs the action of a recovery with this sweep. Returns its answer; `None` for a wait, and at
/// the end.
pub(super) fn answer<Q: Queue>(
    queue: &Q,
    recovery: &mut Recovery,
    action: RecoveryAction,
    sweep: impl FnOnce(&mut Search) -> Result<Sweep>,
) -> Option<RecoveryAnswer> {
    Some(match action {
        RecoveryAction::ListClaims => list_claims(queue, recovery.worker()),
        RecoveryAction::Check => {
            RecoveryAnswer::Held(held_expired(queue, recovery.search().claims()))
        }
        RecoveryAction::Sweep => RecoveryAnswer::Swept(sweep(recovery.search())),
        RecoveryAction::Reap => RecoveryAnswer::Reaped(match recovery.expired() {
            Some(claims) => queue.expire(&claims),
            None => queue.reap_except(recovery.worker(), recovery.kept()),
        }),
        RecoveryAction::Wait(_) | RecoveryAction::Release => return None,
    })
}

/// The state of expired claims. One that its worker extended after all counts as lost.
fn held_expired<Q: Queue>(queue: &Q, claims: &[Claim]) -> Result<Vec<Held>> {
    let mut held = queue.held(claims)?;
    let over = queue.expired()?;
    for (claim, held) in claims.iter().zip(&mut held) {
        if !over.contains(claim) {
            *held = Held::Lost;
        }
    }
    Ok(held)
}
