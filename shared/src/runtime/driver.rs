//! Performs what the machines say, on a queue and a system, one action at a time: between any two
//! a simulation may end the worker.

mod peers;
mod put_off;

use std::collections::VecDeque;
use std::sync::Arc;

use super::executor::Ending;
use super::machine::Machine;
use super::pacemaker::Pulse;
use super::protocol::{Action, Config, Event, WorkerEvent};
use super::recovery::Recovery;
use super::shell::Shell;
use crate::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::Result;
use crate::outcome::{Settled, Settlement};
use crate::queue::{ListQuery, Queue, Serves, WorkerInfo};
use crate::state::State;
use put_off::PutOff;

/// A worker that is never out of work looks at what happened after so many turns.
const MOST_BUSY_TURNS: usize = 256;

/// What is told how a worker fares. It runs on the worker's thread: while it works, no task is
/// started or settled.
pub trait Observer {
    /// Something happened.
    fn on(&mut self, event: &WorkerEvent);

    /// The worker is well; called at least every two seconds or so.
    fn beat(&mut self) {}
}

/// Looks at nothing.
impl Observer for () {
    fn on(&mut self, _: &WorkerEvent) {}
}

/// How a turn left things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do at once.
    Busy,
    /// Nothing to do until something happens, or until then.
    Wait(BootTime),
    /// The worker has ended.
    Finished,
}

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
    pending: VecDeque<Action>,
    events: Vec<Event>,
    wake_at: BootTime,
    finished: bool,
    /// It looked at its peers after its own work was done.
    looked_last: bool,
    /// The workers as they were listed last, and the change counter just before that.
    listed: Option<(i64, Vec<WorkerInfo>)>,
    /// What keeps the claims, where the engine has leases.
    pulse: Option<Pulse>,
}

impl<Q: Queue, S: Shell> Driver<Q, S> {
    /// A driver for a worker that is registered under that name.
    pub fn new(queue: Arc<Q>, shell: S, worker: WorkerId, serves: Serves, config: Config) -> Self {
        let now = queue.now();
        Self {
            queue,
            shell,
            worker,
            serves,
            machine: Machine::new(config, now),
            recoveries: Vec::new(),
            put_off: PutOff::default(),
            pending: VecDeque::new(),
            events: Vec::new(),
            wake_at: now.boot,
            finished: false,
            looked_last: false,
            listed: None,
            pulse: None,
        }
    }

    /// The same with claims that `pulse` keeps.
    #[must_use]
    pub fn under_leases(self, pulse: Option<Pulse>) -> Self {
        Self { pulse, ..self }
    }

    /// Runs the worker to its end.
    ///
    /// # Errors
    /// Whatever made the database or the system unusable. Its commands have ended by then.
    pub fn run(&mut self, observer: &mut impl Observer) -> Result<()> {
        let mut turns = 0;
        loop {
            match self.turn(observer) {
                Turn::Busy if turns < MOST_BUSY_TURNS => turns += 1,
                Turn::Busy => {
                    turns = 0;
                    self.wait(Some(BootTime::default()))?;
                }
                Turn::Wait(until) => {
                    turns = 0;
                    observer.beat();
                    self.wait(Some(until))?;
                }
                Turn::Finished => return self.result(),
            }
        }
    }

    /// Whether something happened that the machine has not been told yet.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether the next thing it does is to record how tasks ended.
    pub fn settles_next(&self) -> bool {
        let next = self.pending.front();
        matches!(
            next,
            Some(Action::Settle(_) | Action::SettleAndClaim { .. })
        )
    }

    /// How the worker ended.
    ///
    /// # Errors
    /// Whatever ended it before its time.
    pub fn result(&mut self) -> Result<()> {
        self.machine.take_error().map_or(Ok(()), Err)
    }

    /// Does one thing: performs one action, goes on with one recovery, or asks the machine.
    pub fn turn(&mut self, observer: &mut impl Observer) -> Turn {
        let now = self.queue.now();
        if let Some(action) = self.pending.pop_front() {
            self.perform(now, action, observer);
            return Turn::Busy;
        }
        if self.finished {
            return self.leave(now, observer);
        }
        if self.recover(now, observer) {
            return Turn::Busy;
        }
        if self.events.is_empty() && now.boot < self.wake_at {
            return Turn::Wait(self.next_wake(now));
        }
        let step = self.machine.step(now, self.events.drain(..));
        self.pending.extend(step.actions);
        self.finished = step.finished;
        self.wake_at = step.wake_at.unwrap_or(now.boot);
        Turn::Busy
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

    fn perform(&mut self, now: Now, action: Action, observer: &mut impl Observer) {
        let event = match action {
            Action::Claim { limit } => Event::Claimed(self.claim(now, limit)),
            Action::ListClaims => Event::OwnClaims(self.queue.claims_of(self.worker)),
            Action::Settle(settlements) => Event::Settled(self.settle(settlements)),
            Action::SettleAndClaim { settlements, limit } => {
                return self.settle_and_claim(now, settlements, limit);
            }
            Action::AskAfter(claims) => Event::Heard(self.queue.held(&claims)),
            Action::ReadCounter => Event::Counter(self.queue.change_counter()),
            Action::LookForRest => Event::Rest(self.anything_left()),
            Action::Start(task) => return self.start(*task, now),
            Action::Signal { claim, ending } => return self.shell.signal(claim, ending),
            Action::SetIdle(idle) => return self.shell.set_idle(idle),
            Action::Listen(listening) => return self.shell.set_listening(listening),
            Action::PassOn => return self.shell.pass_on(),
            Action::Report(event) => return self.report(&event, observer),
            Action::LookAtPeers => return self.look_at_peers(now, observer),
        };
        self.events.push(event);
    }

    fn claim(&self, now: Now, limit: usize) -> Result<Claims> {
        let claims = self.queue.claim(&self.request(limit))?;
        self.keep(now, &claims);
        Ok(claims)
    }

    /// The heart keeps what was claimed.
    fn keep(&self, now: Now, claims: &Claims) {
        if let Some(pulse) = &self.pulse {
            let held: Vec<Claim> = claims.tasks.iter().map(|task| task.claim).collect();
            pulse.claimed(now.boot, &held);
        }
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let Some(pulse) = &self.pulse else {
            return self.queue.settle(settlements);
        };
        let claims: Vec<Claim> = settlements.iter().map(|one| one.claim).collect();
        let settled = self.queue.settle(settlements)?;
        pulse.let_go(&claims);
        Ok(settled)
    }

    fn settle_and_claim(&mut self, now: Now, settlements: Vec<Settlement>, limit: usize) {
        let settling: Vec<Claim> = settlements.iter().map(|one| one.claim).collect();
        let request = self.request(limit);
        match self.queue.settle_and_claim(settlements, &request) {
            Ok((settled, claims)) => {
                if let Some(pulse) = &self.pulse {
                    pulse.let_go(&settling);
                }
                if let Ok(claims) = &claims {
                    self.keep(now, claims);
                }
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

    fn report(&self, event: &WorkerEvent, observer: &mut impl Observer) {
        // A claim that was lost is settled by nobody here.
        if let (WorkerEvent::Ended { claim, .. }, Some(pulse)) = (event, &self.pulse) {
            pulse.let_go(&[*claim]);
        }
        observer.on(event);
    }

    /// Starts a task, and those to be started after it that the system starts together with it, if
    /// their claims hold.
    fn start(&mut self, first: ClaimedTask, now: Now) {
        let mut tasks = vec![first];
        while tasks.len() < self.shell.together()
            && let Some(Action::Start(_)) = self.pending.front()
        {
            if let Some(Action::Start(task)) = self.pending.pop_front() {
                tasks.push(*task);
            }
        }
        let mut held = Vec::with_capacity(tasks.len());
        for task in tasks {
            let claim = task.claim;
            match self.holds(claim, now) {
                Ok(true) => {
                    held.push(task);
                    continue;
                }
                Ok(false) => self.events.push(Event::NotStarted {
                    claim,
                    error: "its lease ran out before it was started".to_owned().into(),
                }),
                Err(_) => self.events.push(Event::Unsure(claim)),
            }
            // What was prepared for it is nobody's now.
            self.shell.signal(claim, Ending::Kill);
        }
        let refused = self.shell.start_all(held, now);
        let refused = refused.into_iter();
        self.events
            .extend(refused.map(|(claim, error)| Event::NotStarted { claim, error }));
    }

    /// A worker that was stopped since its claim may have lost it: others found no process of its
    /// to end, and the task may run elsewhere by now.
    fn holds(&self, claim: Claim, now: Now) -> Result<bool> {
        let Some(pulse) = &self.pulse else {
            return Ok(true);
        };
        if pulse
            .held_until(claim)
            .is_some_and(|until| now.boot < until)
        {
            return Ok(true);
        }
        let holds = self.queue.heartbeat(&[claim])? != [Held::Lost];
        if holds {
            pulse.claimed(now.boot, &[claim]);
        }
        Ok(holds)
    }

    fn request(&self, limit: usize) -> ClaimRequest {
        ClaimRequest {
            worker: self.worker,
            limit,
            queue: self.serves.queue.clone(),
            commands: self.serves.commands,
            handlers: self.serves.handlers.clone(),
        }
    }

    /// Whether any task that this worker serves waits or runs, here or elsewhere.
    fn anything_left(&self) -> Result<bool> {
        let mut query = ListQuery {
            // A blocked task goes on by itself only while one of these is left.
            states: vec![State::Scheduled, State::Queued, State::Running],
            queue: Some(self.serves.queue.clone()),
            limit: 1,
            ..ListQuery::default()
        };
        loop {
            let tasks = self.queue.list(&query)?;
            let served =
                |task: &crate::task::Task| self.serves.covers(&task.queue, task.work.handler());
            if tasks.iter().any(served) {
                return Ok(true);
            }
            if tasks.len() < query.limit {
                return Ok(false);
            }
            query.before = tasks.last().map(|task| task.id);
            query.limit = 64;
        }
    }

    /// A worker that has drained its queue may be the last one, so it recovers the dead before it
    /// leaves. One that was told to end, or had to, leaves them to others, who begin anew.
    fn leave(&mut self, now: Now, observer: &mut impl Observer) -> Turn {
        let stopped = self.events.iter().any(|event| matches!(event, Event::Stop));
        self.events.clear();
        if stopped || !self.machine.has_drained() {
            for recovery in self.recoveries.drain(..) {
                self.shell.release(recovery.worker(), true);
            }
            return Turn::Finished;
        }
        if !std::mem::replace(&mut self.looked_last, true) {
            self.look_at_peers(now, observer);
            return Turn::Busy;
        }
        if self.recover(now, observer) {
            return Turn::Busy;
        }
        self.next_recovery(now).map_or(Turn::Finished, Turn::Wait)
    }

    fn next_wake(&self, now: Now) -> BootTime {
        let recovery = self.next_recovery(now).unwrap_or(self.wake_at);
        self.wake_at.min(recovery)
    }
}
