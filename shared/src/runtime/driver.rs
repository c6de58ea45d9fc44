//! Performs the actions of the machines on a queue and a host, one at a time: between any two a
//! simulation may end the worker.
//!
//! Actions that may take long are returned as a [`Call`] and performed without the driver.
//! Meanwhile [`Driver::attend`] goes on with everything else.

mod backoff;
mod calls;
mod observer;
mod peers;
mod starts;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use calls::{Answer, Call};
pub use calls::{AnswerOf, CallOf};
use calls::{UnderWay, request};
pub use observer::Observer;

use super::end::Unreachable;
use super::host::Host;
use super::lease_keeper::LeaseHandle;
use super::machine::Machine;
use super::overdue::Overdue;
use super::protocol::{Action, ClaimSlots, Config, Event, LeftRunning, Unrecorded, WorkerEvent};
use super::recovery::Recovery;
pub use super::turn::Turn;
use crate::claim::{Claim, Claims, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::Result;
use crate::outcome::Settlement;
use crate::queue::{Queue, Serves, WorkerInfo};
use backoff::RecoveryBackoff;

/// Largest number of waits that take in ended executions before others are ended. Each wait returns
/// some hundreds.
const LOOKS: usize = 64;
/// Delay after which a start may have been followed by its end.
const LATE_START: Duration = Duration::from_millis(5);
/// Longest wait while a call is under way.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Driver of a worker: its machine, its recoveries, its queue and its host.
#[derive(Debug)]
pub struct Driver<Q, S> {
    queue: Arc<Q>,
    host: S,
    worker: WorkerId,
    serves: Serves,
    machine: Machine,
    recoveries: Vec<Recovery>,
    backoff: RecoveryBackoff,
    overdue: Overdue,
    /// Overdue claims, for which a write is to be tried.
    probe_for: Vec<Claim>,
    pending: VecDeque<Action>,
    events: Vec<Event>,
    /// Events that the observer has not received yet.
    reports: Vec<WorkerEvent>,
    /// Refusals that were reported recently, with their times.
    refusals: Vec<(String, BootTime)>,
    call: Option<UnderWay>,
    wake_at: BootTime,
    finished: bool,
    /// True once it has checked its peers after its own work was done.
    looked_last: bool,
    /// True if a dead worker's input folders may be left.
    sweeps_inputs: bool,
    /// Last list of workers, and the change counter just before it was read.
    listed: Option<(i64, Vec<WorkerInfo>)>,
    /// Leases of the held claims, if the engine has leases.
    leases: Option<LeaseHandle>,
}

impl<Q: Queue, S: Host> Driver<Q, S> {
    /// Creates a driver for the registered worker.
    pub fn new(queue: Arc<Q>, host: S, worker: WorkerId, serves: Serves, config: Config) -> Self {
        let now = queue.now();
        let queue_lease = queue.lease().unwrap_or_default();
        Self {
            queue,
            host,
            worker,
            machine: Machine::new(config, now).serving(serves.queues.clone()),
            serves,
            recoveries: Vec::new(),
            backoff: RecoveryBackoff::default(),
            overdue: Overdue::new(queue_lease),
            probe_for: Vec::new(),
            pending: VecDeque::new(),
            events: Vec::new(),
            reports: Vec::new(),
            refusals: Vec::new(),
            call: None,
            wake_at: now.boot,
            finished: false,
            looked_last: false,
            sweeps_inputs: false,
            listed: None,
            leases: None,
        }
    }

    /// Sets the leases of the worker's claims.
    #[must_use]
    pub fn under_leases(self, leases: Option<LeaseHandle>) -> Self {
        Self { leases, ..self }
    }

    /// Returns true if there are events that the machine has not taken in.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Takes the events for the observer, in order.
    pub fn reports(&mut self) -> impl Iterator<Item = WorkerEvent> {
        self.reports.drain(..)
    }

    /// Tasks that ran here and whose outcomes are not in the file.
    pub fn unrecorded(&self) -> Vec<Unrecorded> {
        let mut unrecorded = self.machine.unrecorded();
        let has_not_ended = |task: &&Unrecorded| task.outcome.is_none();
        let claims = unrecorded.iter().filter(has_not_ended);
        let claims: Vec<Claim> = claims.map(|task| task.claim).collect();
        if claims.is_empty() {
            return unrecorded;
        }
        for Unreachable { claim, processes } in self.host.cannot_end(&claims) {
            let mut tasks = unrecorded.iter_mut();
            if let Some(task) = tasks.find(|task| task.claim == claim) {
                task.processes = processes;
            }
        }
        unrecorded
    }

    /// Returns true if the worker was told to end at once.
    pub fn is_ending(&self) -> bool {
        self.machine.is_ending()
    }

    /// Result of the worker.
    ///
    /// # Errors
    /// The error that ended the worker.
    pub fn result(&mut self) -> Result<()> {
        self.machine.take_error().map_or(Ok(()), Err)
    }

    /// Takes one turn: performs one action, continues one recovery, or steps the machine. A
    /// returned call has to be performed, and [`answered`](Self::answered), before the next turn.
    pub fn turn(&mut self) -> Turn<CallOf<S>> {
        let now = self.queue.now();
        if let Some(action) = self.pending.pop_front() {
            return self.perform(now, action);
        }
        if self.finished {
            if !self.has_end() {
                return self.leave(now);
            }
            // A handler that was about to be left behind has returned.
            self.finished = false;
        }
        if let Some(turn) = self.recover(now).or_else(|| self.look_at_overdue(now)) {
            return turn;
        }
        if self.events.is_empty() && now.boot < self.wake_at {
            return Turn::Wait(self.next_wake(now));
        }
        self.take_in_ends(now);
        let step = self.machine.step(now, self.events.drain(..));
        self.pending.extend(step.actions);
        self.finished = step.finished;
        self.wake_at = step.wake_at.unwrap_or(now.boot);
        Turn::Busy
    }

    /// Takes one turn that does not depend on the call under way. Returns [`Turn::Finished`] for a
    /// worker that may not wait for the call any longer.
    pub fn attend(&mut self) -> Turn {
        let now = self.queue.now();
        let at_once = |action: &Action| self.may_be_done(action);
        if let Some(position) = self.pending.iter().position(at_once)
            && let Some(action) = self.pending.remove(position)
        {
            self.do_at_once(action);
            return Turn::Busy;
        }
        let latest = now.boot.after(LONGEST_WAIT);
        if self.finished {
            return Turn::Wait(latest);
        }
        let deadline = self.machine.deadline();
        if self.events.is_empty() && deadline.is_none_or(|at| now.boot < at) {
            return Turn::Wait(deadline.map_or(latest, |at| at.min(latest)));
        }
        self.take_in_ends(now);
        let step = self.machine.attend(now, self.events.drain(..));
        self.pending.extend(step.actions);
        // The next step, after the call, decides what to record.
        self.wake_at = BootTime::default();
        if step.finished {
            Turn::Finished
        } else {
            Turn::Busy
        }
    }

    /// Takes in the answer to the call under way.
    pub fn answered(&mut self, answer: AnswerOf<S>) {
        let Some(call) = self.call.take() else {
            return;
        };
        let event = match answer {
            Answer::Claimed(claims) => {
                self.keep(&call, claims.as_ref().ok());
                Event::Claimed(claims)
            }
            Answer::Settled(settled) => {
                self.let_go(settled.is_ok(), &call.settling);
                Event::Settled(settled)
            }
            Answer::SettledAndClaimed(answer) => return self.settled_and_claimed(&call, answer),
            Answer::OwnClaims(claims) => Event::OwnClaims(claims),
            Answer::ClaimsChecked(held) => Event::ClaimsChecked(held),
            Answer::Registered(answer) => Event::Registered(answer),
            Answer::Counter(counter) => Event::Counter(counter),
            Answer::Remaining(rest) => Event::Remaining(rest),
            Answer::Fired(next) => Event::Fired(next),
            Answer::Confirmed(tasks) => return self.confirmed(&call, tasks),
            Answer::Started(started) => return self.started(started),
            Answer::Workers(listed) => return self.listed(call.since, listed),
            Answer::Probed(probed) => return self.probed(&call, probed),
            Answer::WentOn(recovery, refused) => {
                return self.went_on(*recovery, refused);
            }
            Answer::InputsSwept => return,
        };
        self.events.push(event);
    }

    /// Waits until something happens or `until` has come.
    ///
    /// # Errors
    /// When the system refuses to wait.
    pub fn wait(&mut self, until: Option<BootTime>) -> Result<()> {
        let now = self.queue.now();
        self.host.wait(now, until, &mut self.events)?;
        if let Some(leases) = &self.leases {
            self.events.extend(leases.notices().map(Event::Lease));
        }
        Ok(())
    }

    /// Tasks whose handlers had not returned when the worker ended.
    pub fn left_running(&self) -> Vec<LeftRunning> {
        self.machine.left_running()
    }

    /// Returns the host of a worker that has ended, and the leases of the claims it still holds.
    pub fn into_host(self) -> (S, Option<LeaseHandle>) {
        (self.host, self.leases)
    }

    /// The worker's host.
    pub fn host_mut(&mut self) -> &mut S {
        &mut self.host
    }

    /// Takes in ends before deadlines are judged, so that an execution that has ended by itself is
    /// not ended, however late the worker looks. A start that is reported late, as after the worker
    /// was stopped, may bring a deadline that has passed already.
    fn take_in_ends(&mut self, now: Now) {
        let is_late = |event: &Event| matches!(event, Event::Started { at, .. } if now.boot.since(*at) > LATE_START);
        let is_due = self.machine.deadline().is_some_and(|at| at <= now.boot);
        if !is_due && !self.events.iter().any(is_late) {
            return;
        }
        for _ in 0..LOOKS {
            let before = self.events.len();
            // If a wait fails, the next one reports it.
            if self.wait(Some(now.boot)).is_err() || self.events.len() == before {
                return;
            }
        }
    }

    fn perform(&mut self, now: Now, action: Action) -> Turn<CallOf<S>> {
        // A stopping worker claims nothing.
        let stops = self.machine.is_stopping();
        let call = match action {
            Action::Claim(_) if stops => return self.not_claimed(),
            Action::Claim(slots) => Call::Claim(self.request(slots)),
            Action::ListClaims => Call::ListClaims(self.worker),
            Action::Settle(settlements) => return self.settle(now, settlements, None),
            Action::SettleAndClaim { settlements, slots } => {
                let slots = (!stops).then_some(slots);
                return self.settle(now, settlements, slots);
            }
            Action::CheckClaims(claims) => Call::CheckClaims(claims),
            Action::Register(slots) => Call::Register(self.host.resize(slots)),
            Action::ReadCounter => Call::ReadCounter,
            Action::CheckRemaining => Call::CheckRemaining(self.serves.clone()),
            Action::Fire => Call::Fire,
            Action::Start(task) => return self.start(*task, now),
            Action::LookAtPeers => return self.look_at_peers(now),
            action @ (Action::Signal { .. }
            | Action::SetIdle(_)
            | Action::Listen(_)
            | Action::WakeAnother
            | Action::Report(_)) => {
                self.do_at_once(action);
                return Turn::Busy;
            }
        };
        self.call(now, call)
    }

    fn call(&mut self, now: Now, call: CallOf<S>) -> Turn<CallOf<S>> {
        self.call_about(now, call, Vec::new(), Vec::new())
    }

    fn call_about(
        &mut self,
        since: Now,
        call: CallOf<S>,
        settling: Vec<Claim>,
        starting: Vec<Claim>,
    ) -> Turn<CallOf<S>> {
        self.call = Some(UnderWay {
            since,
            settling,
            starting,
        });
        Turn::Call(call)
    }

    /// Returns true if an action does not wait for the call under way. A signal waits for the start
    /// of its task.
    fn may_be_done(&self, action: &Action) -> bool {
        match action {
            Action::SetIdle(_) | Action::Listen(_) | Action::WakeAnother | Action::Report(_) => {
                true
            }
            Action::Signal { claim, .. } => !self.is_to_be_started(*claim),
            Action::Claim(_)
            | Action::ListClaims
            | Action::Settle(_)
            | Action::SettleAndClaim { .. }
            | Action::CheckClaims(_)
            | Action::Start(_)
            | Action::Register(_)
            | Action::ReadCounter
            | Action::LookAtPeers
            | Action::CheckRemaining
            | Action::Fire => false,
        }
    }

    fn is_to_be_started(&self, claim: Claim) -> bool {
        let call = self.call.as_ref();
        let starts = |action: &Action| matches!(action, Action::Start(task) if task.claim == claim);
        call.is_some_and(|call| call.starting.contains(&claim)) || self.pending.iter().any(starts)
    }

    fn do_at_once(&mut self, action: Action) {
        match action {
            Action::Signal {
                claim,
                ending,
                reason,
            } => self.host.signal(claim, ending, reason),
            Action::SetIdle(idle) => self.host.set_idle(idle),
            Action::Listen(listening) => self.host.set_listening(listening),
            Action::WakeAnother => self.host.wake_another(),
            Action::Report(event) => self.report(event),
            Action::Claim(_)
            | Action::ListClaims
            | Action::Settle(_)
            | Action::SettleAndClaim { .. }
            | Action::CheckClaims(_)
            | Action::Start(_)
            | Action::Register(_)
            | Action::ReadCounter
            | Action::LookAtPeers
            | Action::CheckRemaining
            | Action::Fire => self.pending.push_back(action),
        }
    }

    fn not_claimed(&mut self) -> Turn<CallOf<S>> {
        self.events.push(Event::NotClaimed { unknown: false });
        Turn::Busy
    }

    /// Records outcomes, and claims tasks for the slots.
    fn settle(
        &mut self,
        now: Now,
        settlements: Vec<Settlement>,
        slots: Option<ClaimSlots>,
    ) -> Turn<CallOf<S>> {
        let leased = self.leases.iter();
        let settling = leased.flat_map(|_| settlements.iter().map(|one| one.claim));
        let settling = settling.collect();
        let call = match slots {
            Some(slots) => Call::SettleAndClaim(settlements, self.request(slots)),
            None => Call::Settle(settlements),
        };
        self.call_about(now, call, settling, Vec::new())
    }

    fn settled_and_claimed(
        &mut self,
        call: &UnderWay,
        answer: Result<(Vec<crate::outcome::Settled>, Result<Claims>)>,
    ) {
        match answer {
            Ok((settled, claims)) => {
                self.let_go(true, &call.settling);
                self.keep(call, claims.as_ref().ok());
                self.events.push(Event::Settled(Ok(settled)));
                self.events.push(Event::Claimed(claims));
            }
            Err(error) => {
                let unknown = error.is_unknown();
                self.events.push(Event::Settled(Err(error)));
                self.events.push(Event::NotClaimed { unknown });
            }
        }
    }

    /// Adds claimed tasks to the leases.
    fn keep(&self, call: &UnderWay, claims: Option<&Claims>) {
        if let (Some(leases), Some(claims)) = (&self.leases, claims) {
            let held: Vec<Claim> = claims.tasks.iter().map(|task| task.claim).collect();
            leases.claimed(call.since.boot, &held);
        }
    }

    fn let_go(&self, recorded: bool, claims: &[Claim]) {
        if let (Some(leases), true) = (&self.leases, recorded) {
            leases.let_go(claims);
        }
    }

    fn request(&self, slots: ClaimSlots) -> crate::claim::ClaimRequest {
        request(self.worker, &self.serves, slots)
    }

    /// Finishes the worker. One that has drained its queue may be the last worker, so it recovers
    /// dead workers first. One that was stopped leaves them to others, which start again.
    fn leave(&mut self, now: Now) -> Turn<CallOf<S>> {
        let stopped = self.events.iter().any(|event| matches!(event, Event::Stop));
        self.events.clear();
        if stopped || !self.machine.has_drained() {
            for recovery in self.recoveries.drain(..) {
                self.host.release(recovery.worker(), true);
            }
            return Turn::Finished;
        }
        if !std::mem::replace(&mut self.looked_last, true) {
            return self.look_at_peers(now);
        }
        if let Some(turn) = self.recover(now) {
            return turn;
        }
        self.next_recovery(now).map_or(Turn::Finished, Turn::Wait)
    }

    fn has_end(&self) -> bool {
        let ended = |event: &Event| matches!(event, Event::Ended(_));
        self.events.iter().any(ended)
    }

    fn next_wake(&self, now: Now) -> BootTime {
        let sooner = self.next_recovery(now).into_iter();
        let sooner = sooner.chain(self.overdue.look_at()).min();
        sooner.map_or(self.wake_at, |sooner| self.wake_at.min(sooner))
    }
}
