//! Tasks that became ready, by the part of a queue they are in, so that a wake goes to a worker that
//! can run them.

use crate::worker_info::Serves;

/// Set of handler queues in 64 bits: contains all that were added, and hardly another one while they
/// are few. The same in all processes, because workers write theirs into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueSet(u64);

impl QueueSet {
    /// Every handler queue.
    pub const ALL: Self = Self(u64::MAX);

    /// Bits of each handler queue.
    const BITS: u32 = 4;

    /// Only this part of a queue, for one handler or for commands ('').
    pub fn only(queue: &str, handler: &str) -> Self {
        // FNV-1a; its product with an odd number spreads it over the highest bits.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = queue.bytes().chain([0]).chain(handler.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, step);
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bit = |at: u32| 1 << ((hash >> (58 - 6 * at)) & 63);
        Self((0..Self::BITS).fold(0, |bits, at| bits | bit(at)))
    }

    /// Parts that a worker serves. `None` for a worker of all queues.
    pub(crate) fn parts(serves: &Serves) -> Option<Vec<Self>> {
        if serves.queues.is_all() {
            return None;
        }
        let commands = serves.commands.then_some("");
        let handlers = serves.handlers.iter().map(String::as_str);
        let handlers: Vec<&str> = commands.into_iter().chain(handlers).collect();
        let queues = serves.queues.names().iter();
        let parts = queues.flat_map(|queue| {
            let only = |handler: &&str| Self::only(&queue.name, handler);
            handlers.iter().map(only)
        });
        Some(parts.collect())
    }

    /// The sets together.
    pub(crate) fn union(sets: &[Self]) -> Self {
        Self(sets.iter().fold(0, |bits, set| bits | set.0))
    }

    /// True if all of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// As it is stored.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// Set of stored bytes.
    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

/// Most parts of queues that are told apart. Tasks of others may be in any queue.
const MOST_PARTS: usize = 4;

/// Numbers of tasks that became ready to claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadyTasks {
    of_parts: [(QueueSet, usize); MOST_PARTS],
    anywhere: usize,
}

impl ReadyTasks {
    /// One task of this part of a queue.
    pub fn one(queue: &str, handler: &str) -> Self {
        let mut ready = Self::default();
        ready.add(QueueSet::only(queue, handler));
        ready
    }

    /// So many tasks of unknown queues.
    pub fn anywhere(tasks: usize) -> Self {
        Self {
            anywhere: tasks,
            ..Self::default()
        }
    }

    /// Adds a task of a part of a queue.
    pub fn add(&mut self, part: QueueSet) {
        let mut parts = self.of_parts.iter_mut();
        match parts.find(|(own, count)| *own == part || *count == 0) {
            Some((own, count)) => (*own, *count) = (part, *count + 1),
            None => self.anywhere += 1,
        }
    }

    /// Adds tasks of unknown queues.
    pub fn add_anywhere(&mut self, tasks: usize) {
        self.anywhere = self.anywhere.saturating_add(tasks);
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of tasks.
    pub fn len(&self) -> usize {
        let counts = self.of_parts.iter().map(|(_, count)| *count);
        counts.fold(self.anywhere, usize::saturating_add)
    }

    /// Chooses idle workers to wake for the tasks: `idle` has their sets, an empty one for a free place,
    /// in the order in which they are asked. `wake` returns false for a worker that is gone. For a task
    /// of an unknown queue, one worker of each different set is woken.
    pub(crate) fn choose(&self, idle: &[QueueSet], mut wake: impl FnMut(usize) -> bool) {
        let mut left = idle.to_vec();
        let mut wake_some = |count: usize, fits: &dyn Fn(QueueSet) -> bool| {
            let mut count = count;
            for (at, set) in left.iter_mut().enumerate() {
                if count == 0 {
                    break;
                }
                if *set != QueueSet::default() && fits(*set) {
                    count -= usize::from(wake(at));
                    *set = QueueSet::default();
                }
            }
        };
        for (part, count) in self.of_parts {
            wake_some(count, &|set| set.contains(part));
        }
        if self.anywhere > 0 {
            let mut sets: Vec<QueueSet> = Vec::new();
            for set in idle {
                if *set != QueueSet::default() && !sets.contains(set) {
                    sets.push(*set);
                    wake_some(self.anywhere, &|other| other == *set);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{QueueSet, ReadyTasks};
    use crate::served::{ServedQueue, ServedQueues};
    use crate::worker_info::Serves;

    fn woken(ready: &ReadyTasks, idle: &[QueueSet]) -> Vec<usize> {
        let mut woken = Vec::new();
        ready.choose(idle, |at| {
            woken.push(at);
            true
        });
        woken
    }

    fn set(queue: &str) -> QueueSet {
        QueueSet::only(queue, "")
    }

    #[test]
    fn a_set_contains_what_its_worker_serves_and_hardly_more() {
        let queues = ["mail", "build"].map(ServedQueue::new);
        let serves = Serves {
            queues: ServedQueues::named(queues),
            commands: true,
            handlers: vec!["resize".to_owned()],
        };
        let parts = QueueSet::parts(&serves).unwrap();
        let worker = QueueSet::union(&parts);
        for (queue, handler) in [("mail", ""), ("build", ""), ("mail", "resize")] {
            assert!(worker.contains(QueueSet::only(queue, handler)));
        }
        let others = (0..10_000).map(|number| set(&format!("queue {number}")));
        let wrong = others.filter(|other| worker.contains(*other)).count();
        assert!(wrong < 100, "{wrong} of 10,000");
        let all = Serves {
            queues: ServedQueues::all([]),
            ..serves
        };
        assert_eq!(QueueSet::parts(&all), None);
        assert!(QueueSet::ALL.contains(set("later")));
    }

    #[test]
    fn a_task_wakes_a_worker_of_its_queue() {
        let idle = [set("a"), QueueSet::default(), set("b"), QueueSet::ALL];
        assert_eq!(woken(&ReadyTasks::one("b", ""), &idle), [2]);
        assert_eq!(woken(&ReadyTasks::one("c", ""), &idle), [3]);
        let mut ready = ReadyTasks::one("b", "");
        ready.add(set("b"));
        ready.add(set("a"));
        assert_eq!(ready.len(), 3);
        assert_eq!(woken(&ready, &idle), [2, 3, 0]);
    }

    #[test]
    fn tasks_of_unknown_queues_wake_workers_of_every_set() {
        let idle = [set("a"), set("a"), set("b"), set("a")];
        assert_eq!(woken(&ReadyTasks::anywhere(1), &idle), [0, 2]);
        assert_eq!(woken(&ReadyTasks::anywhere(2), &idle), [0, 1, 2]);
        assert_eq!(woken(&ReadyTasks::anywhere(0), &idle), [0_usize; 0]);
        let mut many = ReadyTasks::default();
        for queue in 0..6 {
            many.add(set(&queue.to_string()));
        }
        assert_eq!(many.len(), 6);
        assert_eq!(woken(&many, &idle), [0, 1, 2]);
    }

    #[test]
    fn a_worker_that_is_gone_takes_no_wake_from_another() {
        let idle = [set("a"), set("a"), set("b")];
        let mut woken = Vec::new();
        ReadyTasks::one("a", "").choose(&idle, |at| {
            woken.push(at);
            at > 0
        });
        assert_eq!(woken, [0, 1]);
    }
}
