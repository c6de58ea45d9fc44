//! Performs what the machines say, on a queue and a system, one action at a time: between any two
//! a simulation may end the worker.
//!
//! What may take long is handed out as a [`Call`] and performed without the driver. Meanwhile
//! [`Driver::attend`] goes on with everything else.

mod calls;
mod observer;
mod peers;
mod put_off;
mod starts;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use calls::{Answer, Call};
pub use calls::{AnswerOf, CallOf};
use calls::{UnderWay, request};
pub use observer::Observer;

use super::end::Unreachable;
use super::machine::Machine;
use super::overdue::Overdue;
use super::pacemaker::Pulse;
use super::protocol::{Action, Config, Event, Unrecorded, WorkerEvent};
use super::recovery::Recovery;
use super::shell::Shell;
pub use super::turn::Turn;
use crate::claim::{Claim, Claims, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::Result;
use crate::outcome::Settlement;
use crate::queue::{Queue, Serves, WorkerInfo};
use put_off::PutOff;

/// How often what has ended is asked for before somebody is told to end: each time tells of some
/// hundreds.
const LOOKS: usize = 64;
/// A start that is told so late may have been followed by its end.
const LATE_START: Duration = Duration::from_millis(5);
/// How long nothing happens at most while a call is under way.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a worker that was told to end at once may take to say goodbye.
const LEAVING: Duration = Duration::from_millis(500);

/// A worker: its machine, the recoveries it works at, its queue and its system.
#[derive(Debug)]
pub struct Driver<Q, S> {
    queue: Arc<Q>,
    shell: S,
    worker: WorkerId,
    serves: Serves,
    machine: Machine,
    recoveries: Vec<Recovery>,
    put_off: PutOff,
    overdue: Overdue,
    /// Claims for whose sake a write is to be tried.
    probe_for: Vec<Claim>,
    pending: VecDeque<Action>,
    events: Vec<Event>,
    /// What the observer is yet to be told.
    reports: Vec<WorkerEvent>,
    /// The refusals that were told lately, and when.
    refusals: Vec<(String, BootTime)>,
    call: Option<UnderWay>,
    wake_at: BootTime,
    finished: bool,
    /// It looked at its peers after its own work was done.
    looked_last: bool,
    /// Somebody's inputs may be left behind.
    sweeps_inputs: bool,
    /// The workers as they were listed last, and the change counter just before that.
    listed: Option<(i64, Vec<WorkerInfo>)>,
    /// What keeps the claims, where the engine has leases.
    pulse: Option<Pulse>,
}

impl<Q: Queue, S: Shell> Driver<Q, S> {
    /// A driver for a worker that is registered under that name.
    pub fn new(queue: Arc<Q>, shell: S, worker: WorkerId, serves: Serves, config: Config) -> Self {
        let now = queue.now();
        let queue_lease = queue.lease().unwrap_or_default();
        Self {
            queue,
            shell,
            worker,
            serves,
            machine: Machine::new(config, now),
            recoveries: Vec::new(),
            put_off: PutOff::default(),
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
            pulse: None,
        }
    }

    /// The same with claims that `pulse` keeps.
    #[must_use]
    pub fn under_leases(self, pulse: Option<Pulse>) -> Self {
        Self { pulse, ..self }
    }

    /// Whether something happened that the machine has not been told yet.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// What the observer is to be told, in order.
    pub fn reports(&mut self) -> impl Iterator<Item = WorkerEvent> {
        self.reports.drain(..)
    }

    /// What ran here and is not in the file.
    pub fn unrecorded(&self) -> Vec<Unrecorded> {
        let mut unrecorded = self.machine.unrecorded();
        let has_not_ended = |task: &&Unrecorded| task.outcome.is_none();
        let claims = unrecorded.iter().filter(has_not_ended);
        let claims: Vec<Claim> = claims.map(|task| task.claim).collect();
        if claims.is_empty() {
            return unrecorded;
        }
        for Unreachable { claim, processes } in self.shell.cannot_end(&claims) {
            let mut tasks = unrecorded.iter_mut();
            if let Some(task) = tasks.find(|task| task.claim == claim) {
                task.processes = processes;
            }
        }
        unrecorded
    }

    /// When a worker that was told to end at once has to be gone, now that nothing runs any more.
    pub fn leaves_by(&self) -> Option<BootTime> {
        let now = self.queue.now().boot;
        self.machine.is_ending().then(|| now.after(LEAVING))
    }

    /// How the worker ended.
    ///
    /// # Errors
    /// Whatever ended it before its time.
    pub fn result(&mut self) -> Result<()> {
        self.machine.take_error().map_or(Ok(()), Err)
    }

    /// Does one thing: performs one action, goes on with one recovery, or asks the machine. A call
    /// is to be performed, and [`answered`](Self::answered), before the next turn.
    pub fn turn(&mut self) -> Turn<CallOf<S>> {
        let now = self.queue.now();
        if let Some(action) = self.pending.pop_front() {
            return self.perform(now, action);
        }
        if self.finished {
            return self.leave(now);
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

    /// Does one thing that need not wait for the call under way. Finished is a worker that may not
    /// wait for it any longer.
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
        // What the file is to be told of it is decided after the call.
        self.wake_at = BootTime::default();
        if step.finished {
            Turn::Finished
        } else {
            Turn::Busy
        }
    }

    /// Takes in what the call under way came to.
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
            Answer::Heard(held) => Event::Heard(held),
            Answer::Counter(counter) => Event::Counter(counter),
            Answer::Rest(rest) => Event::Rest(rest),
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
        self.shell.wait(now, until, &mut self.events)?;
        if let Some(pulse) = &self.pulse {
            self.events.extend(pulse.news().map(Event::Told));
        }
        Ok(())
    }

    /// The system around the worker, which has ended.
    pub fn into_shell(self) -> S {
        self.shell
    }

    /// The system around the worker.
    pub fn shell_mut(&mut self) -> &mut S {
        &mut self.shell
    }

    /// What has ended by itself is not told to end, however late anybody looks. A start that is told
    /// late, as by a worker that was stopped meanwhile, brings a deadline that may be over already.
    fn take_in_ends(&mut self, now: Now) {
        let is_late = |event: &Event| matches!(event, Event::Started { at, .. } if now.boot.since(*at) > LATE_START);
        let is_due = self.machine.deadline().is_some_and(|at| at <= now.boot);
        if !is_due && !self.events.iter().any(is_late) {
            return;
        }
        for _ in 0..LOOKS {
            let before = self.events.len();
            // A wait that fails is told of by the next one.
            if self.wait(Some(now.boot)).is_err() || self.events.len() == before {
                return;
            }
        }
    }

    fn perform(&mut self, now: Now, action: Action) -> Turn<CallOf<S>> {
        // A worker that stops asks for nothing new.
        let stops = self.machine.is_stopping();
        let call = match action {
            Action::Claim { .. } if stops => return self.not_claimed(),
            Action::Claim { limit } => Call::Claim(self.request(limit)),
            Action::ListClaims => Call::ListClaims(self.worker),
            Action::Settle(settlements) => return self.settle(now, settlements, None),
            Action::SettleAndClaim { settlements, limit } => {
                let limit = (!stops).then_some(limit);
                return self.settle(now, settlements, limit);
            }
            Action::AskAfter(claims) => Call::AskAfter(claims),
            Action::ReadCounter => Call::ReadCounter,
            Action::LookForRest => Call::LookForRest(self.serves.clone()),
            Action::Start(task) => return self.start(*task, now),
            Action::LookAtPeers => return self.look_at_peers(now),
            action @ (Action::Signal { .. }
            | Action::SetIdle(_)
            | Action::Listen(_)
            | Action::PassOn
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

    /// Whether an action need not wait for a call. A signal waits for the start of its task.
    fn may_be_done(&self, action: &Action) -> bool {
        match action {
            Action::SetIdle(_) | Action::Listen(_) | Action::PassOn | Action::Report(_) => true,
            Action::Signal { claim, .. } => !self.is_to_be_started(*claim),
            Action::Claim { .. }
            | Action::ListClaims
            | Action::Settle(_)
            | Action::SettleAndClaim { .. }
            | Action::AskAfter(_)
            | Action::Start(_)
            | Action::ReadCounter
            | Action::LookAtPeers
            | Action::LookForRest => false,
        }
    }

    fn is_to_be_started(&self, claim: Claim) -> bool {
        let call = self.call.as_ref();
        let starts = |action: &Action| matches!(action, Action::Start(task) if task.claim == claim);
        call.is_some_and(|call| call.starting.contains(&claim)) || self.pending.iter().any(starts)
    }

    fn do_at_once(&mut self, action: Action) {
        match action {
            Action::Signal { claim, ending } => self.shell.signal(claim, ending),
            Action::SetIdle(idle) => self.shell.set_idle(idle),
            Action::Listen(listening) => self.shell.set_listening(listening),
            Action::PassOn => self.shell.pass_on(),
            Action::Report(event) => self.report(event),
            Action::Claim { .. }
            | Action::ListClaims
            | Action::Settle(_)
            | Action::SettleAndClaim { .. }
            | Action::AskAfter(_)
            | Action::Start(_)
            | Action::ReadCounter
            | Action::LookAtPeers
            | Action::LookForRest => self.pending.push_back(action),
        }
    }

    fn not_claimed(&mut self) -> Turn<CallOf<S>> {
        self.events.push(Event::NotClaimed { unknown: false });
        Turn::Busy
    }

    /// Records outcomes, and claims up to `limit` tasks.
    fn settle(
        &mut self,
        now: Now,
        settlements: Vec<Settlement>,
        limit: Option<usize>,
    ) -> Turn<CallOf<S>> {
        let leased = self.pulse.iter();
        let settling = leased.flat_map(|_| settlements.iter().map(|one| one.claim));
        let settling = settling.collect();
        let call = match limit {
            Some(limit) => Call::SettleAndClaim(settlements, self.request(limit)),
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

    /// The heart keeps what was claimed.
    fn keep(&self, call: &UnderWay, claims: Option<&Claims>) {
        if let (Some(pulse), Some(claims)) = (&self.pulse, claims) {
            let held: Vec<Claim> = claims.tasks.iter().map(|task| task.claim).collect();
            pulse.claimed(call.since.boot, &held);
        }
    }

    fn let_go(&self, recorded: bool, claims: &[Claim]) {
        if let (Some(pulse), true) = (&self.pulse, recorded) {
            pulse.let_go(claims);
        }
    }

    fn request(&self, limit: usize) -> crate::claim::ClaimRequest {
        request(self.worker, &self.serves, limit)
    }

    /// A worker that has drained its queue may be the last one, so it recovers the dead before it
    /// leaves. One that was told to end, or had to, leaves them to others, who begin anew.
    fn leave(&mut self, now: Now) -> Turn<CallOf<S>> {
        let stopped = self.events.iter().any(|event| matches!(event, Event::Stop));
        self.events.clear();
        if stopped || !self.machine.has_drained() {
            for recovery in self.recoveries.drain(..) {
                self.shell.release(recovery.worker(), true);
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

    fn next_wake(&self, now: Now) -> BootTime {
        let sooner = self.next_recovery(now).into_iter();
        let sooner = sooner.chain(self.overdue.look_at()).min();
        sooner.map_or(self.wake_at, |sooner| self.wake_at.min(sooner))
    }
}
