//! Drain phase: no more faults, and everything has to end.

use super::chaos::Simulation;
use super::faulty::all_tasks;
use queue_core::clock::BootTime;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, TaskId};

/// The file of one in so many runs is verified.
const VERIFY_ONE_IN: u64 = 8;
/// Turns between two checks that everything has ended.
const LOOK_EVERY: u64 = 16;

impl<Q: Queue> Simulation<'_, Q> {
    /// Runs the drain phase: without faults everything has to end, except tasks that the extension
    /// allows to wait.
    pub(super) fn drain(&mut self) {
        self.world.lock().draining = true;
        if self.config.platform_faults > 0 {
            self.platform.repair();
            (0..self.queues.len()).for_each(|process| self.restart(process));
        }
        for worker in &mut self.workers {
            worker.go_on(BootTime(i64::MAX));
        }
        // The result does not matter.
        let _ = self.queue().set_paused(DEFAULT_QUEUE, false);
        // Also tasks whose enqueue was never acknowledged.
        let tasks = all_tasks(&self.queues[0].inner).unwrap_or_default();
        let tasks: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        let _ = self.queue().release(&tasks);
        self.extension.drain(&self.context());
        self.wake_all();
        for turns in 0..self.config.drain {
            self.man_queues();
            self.turn();
            if self.has_failed() {
                return;
            }
            if turns % LOOK_EVERY == 0 && self.at_rest() {
                self.look();
                self.stop_everybody();
                return self.verify();
            }
        }
        self.report_stuck();
    }

    /// Starts a worker for every queue: an ended task of one may release a task of another.
    fn man_queues(&mut self) {
        let extension = std::sync::Arc::clone(&self.extension);
        for queue in extension.queues() {
            if !self
                .workers
                .iter()
                .any(|worker| worker.served.covers(queue))
            {
                let slots = 1 + self.draw(4);
                self.start_worker((*queue).into(), slots, false);
            }
        }
    }

    fn report_stuck(&mut self) {
        let rows = self.queues[0].inner.workers().unwrap_or_default();
        let mut open = Vec::new();
        for task in all_tasks(&self.queues[0].inner).unwrap_or_default() {
            if !task.state.is_terminal() {
                let registered = rows.iter().any(|row| Some(row.id) == task.worker);
                let lives = self.workers.iter().any(|own| Some(own.id) == task.worker);
                let waits = self.queues[0].inner.waits_in_file(task.id);
                open.push(format!(
                    "{} is {}, its worker registered: {registered}, alive: {lives}, {waits:?}",
                    task.id, task.state
                ));
            }
        }
        let mut world = self.world.lock();
        world.violated(format!("in the drain phase these did not end: {open:#?}"));
    }

    /// Returns true if nothing can happen any more. To count the tasks is cheaper than to read
    /// them.
    fn at_rest(&self) -> bool {
        let queue = &self.queues[0].inner;
        let Ok(stats) = queue.stats() else {
            return false;
        };
        if stats.count(State::Running) + stats.count(State::Scheduled) > 0 {
            return false;
        }
        let ended = |task: &queue_core::task::Task| {
            task.state.is_terminal()
                || (task.state.is_waiting() && self.extension.explains(queue, task))
        };
        all_tasks(queue).is_ok_and(|tasks| tasks.iter().all(ended))
    }

    /// Verifies every invariant of the file, after one in so many runs, since it takes as long as a
    /// short run.
    fn verify(&mut self) {
        if !self.world.lock().trace().is_multiple_of(VERIFY_ONE_IN) {
            return;
        }
        let verified = self.queues[0].inner.verify();
        let mut world = self.world.lock();
        world.counts.verified += 1;
        match verified {
            Ok(invariants) => {
                for one in invariants.iter().filter(|one| !one.holds()) {
                    world.violated(format!("{}: {}", one.name, one.examples.join("; ")));
                }
            }
            Err(error) => world.violated(format!("verify: {error}")),
        }
    }

    fn stop_everybody(&mut self) {
        for worker in &mut self.workers {
            worker.driver.host_mut().stops += 1;
        }
        self.wake_all();
        for _ in 0..self.config.drain {
            if self.workers.is_empty() {
                return;
            }
            self.turn();
        }
        self.world.lock().violated("workers do not stop".to_owned());
    }
}
