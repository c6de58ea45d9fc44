//! Watchdog over the loops of a process: tells which have stopped. It counts the ticks of its owner and
//! reads no clock, so that a machine that slept, or a process that was stopped, finds no loop guilty.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Ticks without a step after which a loop has stopped: half a minute.
const MOST_TICKS: u32 = 30;

/// Watchdog. Clones watch the same loops.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    loops: Arc<Mutex<Vec<WatchedLoop>>>,
}

impl Watchdog {
    /// Interval between two ticks.
    pub const TICK: Duration = Duration::from_secs(1);

    /// Watches a loop of that name from now on. A loop that ends has stopped.
    pub fn watch(&self, name: &'static str) -> WatchedLoop {
        let watched = WatchedLoop {
            name,
            ticks: Arc::default(),
        };
        self.all(|loops| loops.push(watched.clone()));
        watched
    }

    /// Counts a tick. The owner calls this every [`TICK`](Self::TICK).
    pub fn tick(&self) {
        self.all(|loops| {
            for watched in loops {
                watched.ticks.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Names of the loops that have not moved for 30 ticks.
    pub fn stopped(&self) -> Vec<&'static str> {
        self.all(|loops| {
            let stopped = loops.iter().filter(|watched| watched.has_stopped());
            stopped.map(|watched| watched.name).collect()
        })
    }

    fn all<T>(&self, work: impl FnOnce(&mut Vec<WatchedLoop>) -> T) -> T {
        work(&mut self.loops.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Loop that a watchdog watches.
#[derive(Clone, Debug)]
pub struct WatchedLoop {
    name: &'static str,
    /// Ticks since its last step.
    ticks: Arc<AtomicU32>,
}

impl WatchedLoop {
    /// Tells that the loop has made a step. Each does so every ten seconds at least, busy or idle.
    pub fn moved(&self) {
        self.ticks.store(0, Ordering::Relaxed);
    }

    fn has_stopped(&self) -> bool {
        self.ticks.load(Ordering::Relaxed) >= MOST_TICKS
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_TICKS, Watchdog};

    #[test]
    fn a_loop_that_does_not_move_for_its_ticks_has_stopped_until_it_moves() {
        let watchdog = Watchdog::default();
        let (one, _other) = (watchdog.watch("one"), watchdog.watch("other"));
        for _ in 1..MOST_TICKS {
            watchdog.tick();
        }
        assert_eq!(watchdog.stopped(), [""; 0]);
        one.moved();
        watchdog.clone().tick();
        assert_eq!(watchdog.stopped(), ["other"]);
        for _ in 1..MOST_TICKS {
            watchdog.tick();
        }
        assert_eq!(watchdog.stopped(), ["one", "other"]);
        one.moved();
        assert_eq!(watchdog.stopped(), ["other"]);
    }

    #[test]
    fn a_loop_that_has_ended_has_stopped() {
        let watchdog = Watchdog::default();
        drop(watchdog.watch("one"));
        for _ in 0..MOST_TICKS {
            watchdog.tick();
        }
        assert_eq!(watchdog.stopped(), ["one"]);
    }
}
