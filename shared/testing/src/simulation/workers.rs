//! Workers of a run: their starts, turns and deaths.

use std::sync::Arc;
use std::time::Duration;

use super::actor::{CallStage, Half, Pace, SimulatedKeeper, SimulatedWorker, SlowCall};
use super::chaos::Simulation;
use super::host::SimulatedHost;
use super::world::Shared;
use super::{Plant, Stalls};
use queue_core::clock::{BootTime, Clock};
use queue_core::internals::driver::{CallOf, Driver, Turn};
use queue_core::internals::lease_keeper;
use queue_core::internals::protocol::Config as WorkerConfig;
use queue_core::queue::{Queue, Serves};
use queue_core::runtime::Observer;
use queue_core::runtime::WorkerEvent;
use queue_core::sidecar::Registration;
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::Waker;
use queue_core::{ServedQueue, ServedQueues};

/// Largest number of turns that a worker may take without a wait.
const MOST_BUSY_TURNS: u32 = 2_000;

/// Adds a worker's events to the trace, without the file's path, which differs between runs.
struct Tracer {
    world: Shared,
    place: String,
}

impl Observer for Tracer {
    fn on(&mut self, event: &WorkerEvent) {
        let mut world = self.world.lock();
        if matches!(event, WorkerEvent::Recovered(_)) {
            world.counts.recoveries += 1;
        }
        if matches!(event, WorkerEvent::Ended { outcome: None, .. }) {
            world.counts.lost += 1;
        }
        let event = format!("{event:?}").replace(&self.place, "");
        world.note(format_args!("{event}"));
    }
}

impl<Q: Queue> Simulation<'_, Q> {
    /// Lets all workers look for events.
    pub(super) fn wake_all(&mut self) {
        self.workers.iter_mut().for_each(SimulatedWorker::wake);
    }

    /// Starts a worker of some of the queues, if there may be one more.
    pub(super) fn start_some_worker(&mut self) {
        if self.workers.len() < self.config.workers {
            let slots = 1 + self.draw(4);
            let served = self.some_queues(slots);
            let drain = self.draw(4) == 0;
            self.start_worker(served, slots, drain);
        }
    }

    /// Queues that a worker with so many slots can serve: one, several or all, of which some keep
    /// slots. One slot at least is for all of them.
    fn some_queues(&mut self, slots: u32) -> ServedQueues {
        let queues: Vec<String> = self
            .extension
            .queues()
            .iter()
            .map(|&queue| queue.to_owned())
            .collect();
        let one = self.draw_index(queues.len());
        if queues.len() == 1 || self.draw(2) == 0 {
            return queues[one].as_str().into();
        }
        let mut left = slots - 1;
        let mut named = Vec::new();
        for (at, name) in queues.iter().enumerate() {
            if at == one || self.draw(2) == 0 {
                let reserved = self.draw(left + 1);
                left -= reserved;
                named.push(ServedQueue::new(name.as_str()).reserving(reserved));
            }
        }
        if self.draw(3) == 0 {
            ServedQueues::all(named)
        } else {
            ServedQueues::named(named)
        }
    }

    pub(super) fn start_worker(&mut self, queues: ServedQueues, slots: u32, drain: bool) {
        let process = self.draw_index(self.queues.len());
        let queue = Arc::clone(&self.queues[process]);
        let serves = Serves::new(queues.clone()).commands(true);
        // A worker that cannot register ends. Others sweep its files.
        let Ok(registration) = Registration::new(&*queue, slots, serves.clone()) else {
            return;
        };
        let id = registration.info().id;
        let sidecar = Sidecar::at(queue.coordination().folder());
        let host = SimulatedHost {
            registration,
            world: self.world.clone(),
            clock: Arc::clone(&self.clock),
            waker: Arc::new(Waker::new(sidecar.clone())),
            sidecar,
            listening: None,
            greeted: Vec::new(),
            dead: Vec::new(),
            stops: 0,
        };
        let config = WorkerConfig {
            slots: usize::try_from(slots).unwrap_or(1),
            drain,
            grace: Duration::from_millis(400),
            poll: Duration::from_millis(self.config.poll_ms),
            ..WorkerConfig::default()
        };
        {
            let mut world = self.world.lock();
            world.note(format_args!("worker {id} of {queues} with {slots} slots"));
            world.born(id);
        }
        let (leases, keeper) = queue.lease().map_or((None, None), |lease| {
            let (leases, keeper) = lease_keeper::pair(Arc::clone(&queue), lease).unwrap();
            let pace = Pace::default();
            (Some(leases), Some(SimulatedKeeper { keeper, pace }))
        });
        self.workers.push(SimulatedWorker {
            id,
            process,
            served: queues,
            driver: Driver::new(queue, host, id, serves, config).under_leases(leases),
            call: None,
            own: Pace::default(),
            busy_turns: 0,
            keeper,
        });
    }

    pub(super) fn kill(&mut self) {
        if let Some(position) = self.pick(self.workers.len()) {
            self.kill_worker(position);
        }
    }

    pub(super) fn kill_worker(&mut self, position: usize) {
        let worker = self.workers.swap_remove(position);
        let mut world = self.world.lock();
        world.counts.kills += 1;
        world.note(format_args!("killed {}", worker.id));
        let watchers: Vec<_> = self.workers.iter().map(|worker| worker.id).collect();
        world.died(worker.id, &watchers);
        if world.plant(Plant::NobodyDies) {
            self.undead.push(worker.driver);
        }
    }

    pub(super) fn suspend(&mut self) {
        let until = self.stopped_until();
        let leases = self.queues[0].lease().is_some();
        let half = match self.config.stalls {
            Stalls::WorkersAlone => Some(Half::Worker),
            Stalls::Any if leases => {
                [None, Some(Half::Worker), Some(Half::LeaseKeeper)][self.draw_index(3)]
            }
            Stalls::Any => None,
        };
        if let Some(position) = self.pick(self.workers.len()) {
            self.workers[position].stop(half, until);
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(position) = self.pick(self.workers.len()) {
            self.workers[position].driver.host_mut().stops += 1;
        }
    }

    /// Gives one worker or lease keeper a turn. If none has anything to do, advances time.
    pub(super) fn turn(&mut self) {
        let now = self.clock.now().boot;
        let ended = self.world.lock().with_ended(now);
        let mut ready = Vec::new();
        for (position, worker) in self.workers.iter_mut().enumerate() {
            worker.go_on(now);
            ready.extend(worker.ready(now, &ended).map(|half| (position, half)));
        }
        match self.pick(ready.len()).map(|lot| ready[lot]) {
            Some((position, Half::Worker)) => self.burst_of(position),
            Some((position, Half::LeaseKeeper)) => self.turn_of_keeper(position),
            None => self.pass_time(now),
        }
        self.restart_the_dead();
        if self.draw(8) == 0 {
            self.clock.advance(Duration::from_millis(1));
        }
    }

    fn turn_of_keeper(&mut self, position: usize) {
        self.world.lock().counts.turns += 1;
        let worker = &mut self.workers[position];
        if worker.keeper.as_mut().is_some_and(SimulatedKeeper::turn) {
            self.wake_all();
        }
    }

    /// Gives a worker a few turns.
    fn burst_of(&mut self, position: usize) {
        let turns = 1 + self.draw(self.config.burst);
        let mut busy = 0;
        while busy < turns && self.turn_of(position) {
            busy += 1;
        }
        if busy > 0 {
            self.wake_all();
        }
    }

    /// Returns true if the worker is to be stopped between its decision and its settle.
    fn stops_before(&self, position: usize, call: &CallOf<SimulatedHost>) -> bool {
        let share = self.config.stops_at_settle;
        share > 0
            && !self.world.lock().draining
            && self.workers[position].call.is_none()
            && call.settles()
            && self.draw(1000) < share
    }

    fn stopped_until(&self) -> BootTime {
        let time = Duration::from_millis(u64::from(self.draw(self.config.stopped_ms)));
        self.clock.now().boot.after(time)
    }

    /// Gives a worker one turn. Returns true if it has more to do.
    fn turn_of(&mut self, position: usize) -> bool {
        self.world.lock().counts.turns += 1;
        let now = self.clock.now().boot;
        let worker = &mut self.workers[position];
        if let Some(call) = worker.call.take_if(|call| call.returns_at <= now) {
            let answer = match call.stage {
                CallStage::Begun(call) => call.perform(&*self.queues[worker.process]),
                CallStage::Done(answer) => answer,
            };
            worker.driver.answered(answer);
            return true;
        }
        let waits = worker.call.is_some();
        let turn = if waits {
            match worker.driver.attend() {
                Turn::Busy => Turn::Busy,
                Turn::Wait(until) => Turn::Wait(until),
                // The real program would end here; a simulated worker waits for its call.
                Turn::Finished => Turn::Wait(BootTime(i64::MAX)),
            }
        } else {
            worker.driver.turn()
        };
        self.trace(position);
        match turn {
            Turn::Busy => self.is_busy(position),
            Turn::Call(call) => self.perform(position, call),
            Turn::Wait(until) => {
                self.wait(position, until);
                false
            }
            Turn::Finished => {
                self.finish(position);
                false
            }
        }
    }

    fn is_busy(&mut self, position: usize) -> bool {
        let worker = &mut self.workers[position];
        worker.busy_turns += 1;
        if worker.busy_turns == MOST_BUSY_TURNS {
            let what = format!("{} never comes to rest", worker.id);
            self.world.lock().violated(what);
        }
        true
    }

    /// Performs a call, or makes it a slow one, while the worker goes on with other events.
    fn perform(&mut self, position: usize, call: CallOf<SimulatedHost>) -> bool {
        if self.stops_before(position, &call) {
            self.slow_down(position, CallStage::Begun(call));
            let until = self.stopped_until();
            self.workers[position].stop(None, until);
            return false;
        }
        let slow = !self.world.lock().draining && self.draw(1000) < self.config.slow_calls;
        // A started command exists at once, however long its program takes to load. Claims are seen
        // by others before the call returns.
        if slow && (call.claims() || (!call.starts() && self.draw(2) == 0)) {
            self.slow_down(position, CallStage::Begun(call));
            return self.is_busy(position);
        }
        let answer = call.perform(&*self.queues[self.workers[position].process]);
        if slow {
            self.slow_down(position, CallStage::Done(answer));
        } else {
            self.workers[position].driver.answered(answer);
        }
        self.is_busy(position)
    }

    fn slow_down(&mut self, position: usize, stage: CallStage) {
        let longest = self.config.usual_ms.saturating_mul(2).max(1);
        let takes = Duration::from_millis(self.world.lock().rng.u64(0..longest));
        let returns_at = self.clock.now().boot.after(takes);
        let worker = &mut self.workers[position];
        let done = matches!(stage, CallStage::Done(_));
        let what = format_args!(
            "{} waits for a call until {}, done {done}",
            worker.id, returns_at.0
        );
        self.world.lock().note(what);
        worker.call = Some(SlowCall { returns_at, stage });
    }

    fn wait(&mut self, position: usize, until: BootTime) {
        let worker = &mut self.workers[position];
        worker.busy_turns = 0;
        if let Err(error) = worker.driver.wait(Some(until)) {
            let what = format!("a wait failed: {error}");
            self.world.lock().violated(what);
        }
        if !worker.driver.has_events() {
            worker.own.waits_until = Some(until);
        }
    }

    /// Adds a worker's reports to the trace.
    fn trace(&mut self, position: usize) {
        let mut tracer = Tracer {
            world: self.world.clone(),
            place: self.path.display().to_string(),
        };
        for event in self.workers[position].driver.reports() {
            tracer.on(&event);
        }
    }

    fn finish(&mut self, position: usize) {
        let mut worker = self.workers.swap_remove(position);
        let result = worker.driver.result();
        let now = self.clock.now().boot;
        let queue = Arc::clone(&self.queues[worker.process]);
        let left = self.world.lock().left_by(worker.id, now);
        {
            let mut world = self.world.lock();
            world.note(format_args!("{} ended, ok {}", worker.id, result.is_ok()));
            if left > 0 {
                world.violated(format!("{} ended and left {left} executions", worker.id));
            }
        }
        // A worker that cannot deregister is recovered as if it had died.
        let _ = worker.driver.into_host().0.registration.close(&*queue);
        let watchers: Vec<_> = self.workers.iter().map(|worker| worker.id).collect();
        self.world.lock().died(worker.id, &watchers);
        if self.config.platform_faults > 0 && result.is_err() {
            // A service manager restarts the process.
            self.restart(worker.process);
        }
        self.wake_all();
    }

    /// Advances time to the next turn or end.
    fn pass_time(&mut self, now: BootTime) {
        let waits = self.workers.iter().filter_map(|worker| worker.next(now));
        let next = waits.chain(self.world.lock().next_end(now)).min();
        let next = next.unwrap_or_else(|| now.after(Duration::from_millis(500)));
        let time = next.since(now).max(Duration::from_millis(1));
        if self.world.lock().is_idle() {
            self.idle_ms += u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        }
        self.clock.advance(time);
    }
}
