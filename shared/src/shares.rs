//! Turns of queues at the free slots of a worker. Slots that a queue keeps are for it alone, even
//! while it is empty; for each other slot the turn passes to the next queue with a waiting task, by
//! name. Priorities count only within a queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::claim::ClaimRequest;

/// Free slots that a claim may still fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Most tasks that the turns may still claim.
    limit: usize,
    /// Slots for any queue.
    shared: usize,
    /// Slots for one queue alone.
    kept: BTreeMap<Arc<str>, usize>,
    /// True if fewer slots are free than are kept, so that the keepers take turns too.
    is_short: bool,
    /// Queue that had the last turn.
    after: Option<Arc<str>>,
}

impl Shares {
    /// Shares of a request. The only queue of a request keeps no slots from others.
    pub fn of(request: &ClaimRequest) -> Self {
        let size = |reserved: u32| usize::try_from(reserved).unwrap_or(usize::MAX);
        let mut kept = BTreeMap::new();
        if request.queues.are_reserved() {
            let queues = request.queues.names().iter();
            let keepers = queues.filter(|queue| queue.reserved > 0);
            kept.extend(keepers.map(|queue| (Arc::clone(&queue.name), size(queue.reserved))));
        }
        let sum = kept
            .values()
            .fold(0_usize, |sum, own| sum.saturating_add(*own));
        Self {
            limit: 0,
            shared: request.free.saturating_sub(sum),
            is_short: sum > request.free,
            kept,
            after: request.after.clone(),
        }
    }

    /// Queue that had the last turn.
    pub fn after(&self) -> Option<&Arc<str>> {
        self.after.as_ref()
    }

    /// Lets queues with waiting tasks take turns at up to `limit` slots. `ready` is sorted.
    pub fn turns(mut self, limit: usize, ready: Vec<Arc<str>>) -> Turns {
        self.limit = limit;
        let own = |name: &Arc<str>| self.kept.get(name).copied().unwrap_or(0);
        let next = match &self.after {
            Some(after) => ready.partition_point(|name| name <= after),
            None => 0,
        };
        let queues: Vec<Turn> = ready
            .into_iter()
            .map(|name| Turn {
                kept: own(&name),
                name,
                is_open: true,
            })
            .collect();
        Turns {
            open: queues.len(),
            next,
            queues,
            shares: self,
        }
    }
}

/// Queues that take turns, each by its index in `ready`.
#[derive(Debug)]
pub struct Turns {
    shares: Shares,
    queues: Vec<Turn>,
    /// Number of queues that may have more tasks.
    open: usize,
    /// Index of the queue whose turn it is, unless it has no more tasks.
    next: usize,
}

#[derive(Debug)]
struct Turn {
    name: Arc<str>,
    kept: usize,
    is_open: bool,
}

impl Turns {
    /// Queue that may fill the next slot; `None` once no slot is free for a queue that may have more
    /// tasks. Call [`took`](Self::took) or [`ended`](Self::ended) before the next call.
    pub fn next(&self) -> Option<usize> {
        if self.shares.limit == 0 || self.open == 0 {
            return None;
        }
        let count = self.queues.len();
        let mut in_turn = (0..count).map(|step| (self.next + step) % count);
        let is_open = |at: &usize| self.queues[*at].is_open;
        let keeper = |at: &usize| is_open(at) && self.queues[*at].kept > 0;
        let keeps = !self.shares.kept.is_empty();
        let first = if keeps {
            in_turn.clone().find(keeper)
        } else {
            None
        };
        first.or_else(|| in_turn.find(is_open).filter(|_| self.shares.shared > 0))
    }

    /// Number of tasks to look for in a queue whose turn it is: its share if every open queue has
    /// tasks.
    pub fn portion(&self, queue: usize) -> usize {
        let kept = self.queues[queue].kept;
        let portion = kept.saturating_add(self.shares.shared.div_ceil(self.open.max(1)));
        portion.clamp(1, self.shares.limit.max(1))
    }

    /// Most slots that a queue may fill.
    pub fn most(&self, queue: usize) -> usize {
        let slots = self.queues[queue].kept.saturating_add(self.shares.shared);
        slots.min(self.shares.limit)
    }

    /// Takes in that the queue filled a slot.
    pub fn took(&mut self, queue: usize) {
        let count = self.queues.len();
        let turn = &mut self.queues[queue];
        self.shares.limit = self.shares.limit.saturating_sub(1);
        if turn.kept > 0 {
            turn.kept -= 1;
            self.shares.kept.insert(Arc::clone(&turn.name), turn.kept);
            if !self.shares.is_short {
                return;
            }
        } else {
            self.shares.shared = self.shares.shared.saturating_sub(1);
        }
        self.shares.after = Some(Arc::clone(&turn.name));
        self.next = (queue + 1) % count;
    }

    /// Takes in that the queue has no more tasks.
    pub fn ended(&mut self, queue: usize) {
        let turn = &mut self.queues[queue];
        self.open -= usize::from(std::mem::take(&mut turn.is_open));
    }

    /// True if only the kept slots of other queues end the turns: a queue may have more tasks, and
    /// fewer than allowed were claimed.
    pub fn is_left(&self) -> bool {
        self.shares.limit > 0 && self.open > 0
    }

    /// Shares that are left.
    pub fn end(self) -> Shares {
        self.shares
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::Shares;
    use crate::claim::{ClaimRequest, WorkerId};
    use crate::served::{ServedQueue, ServedQueues};

    fn request(queues: &[(String, u32)], free: usize, limit: usize) -> ClaimRequest {
        let queue =
            |(name, reserved): &(String, u32)| ServedQueue::new(name.as_str()).reserving(*reserved);
        ClaimRequest::new(WorkerId(1), limit)
            .queues(ServedQueues::named(queues.iter().map(queue)))
            .free(free)
            .commands(true)
    }

    /// Takes tasks out of `waiting` by turns. Returns the queues in the order of the slots they
    /// filled, the queue of the last turn, and true if tasks were left.
    fn fill(
        request: &ClaimRequest,
        waiting: &mut BTreeMap<String, usize>,
    ) -> (Vec<String>, Option<Arc<str>>, bool) {
        let ready: Vec<Arc<str>> = waiting
            .iter()
            .filter(|(_, tasks)| **tasks > 0)
            .map(|(name, _)| Arc::from(name.as_str()))
            .collect();
        let mut turns = Shares::of(request).turns(request.limit, ready.clone());
        let mut order = Vec::new();
        while let Some(at) = turns.next() {
            assert!((1..=request.limit).contains(&turns.portion(at)));
            assert!((turns.portion(at)..=request.limit).contains(&turns.most(at)));
            let tasks = waiting.get_mut(&*ready[at]).unwrap();
            if *tasks == 0 {
                turns.ended(at);
            } else {
                *tasks -= 1;
                turns.took(at);
                order.push(ready[at].to_string());
            }
        }
        let left = turns.is_left();
        (order, turns.end().after().cloned(), left)
    }

    fn waiting(queues: &[(&str, usize)]) -> BTreeMap<String, usize> {
        let owned = |(name, tasks): &(&str, usize)| ((*name).to_owned(), *tasks);
        queues.iter().map(owned).collect()
    }

    fn named(queues: &[(&str, u32)]) -> Vec<(String, u32)> {
        let owned = |(name, reserved): &(&str, u32)| ((*name).to_owned(), *reserved);
        queues.iter().map(owned).collect()
    }

    #[test]
    fn two_slots_are_kept_for_a_queue_even_while_it_is_empty() {
        let served = named(&[("build", 0), ("mail", 2)]);
        let mut tasks = waiting(&[("build", 9), ("mail", 0)]);
        let (order, after, left) = fill(&request(&served, 4, 4), &mut tasks);
        assert_eq!(order, ["build", "build"]);
        assert_eq!((after.as_deref(), left), (Some("build"), true));
        tasks.insert("mail".to_owned(), 3);
        let (order, after, left) = fill(&request(&served, 4, 4), &mut tasks);
        assert_eq!(order, ["mail", "mail", "build", "mail"]);
        assert_eq!((after.as_deref(), left), (Some("mail"), false));
    }

    #[test]
    fn the_turn_passes_from_claim_to_claim() {
        let served = named(&[("c", 0), ("a", 0), ("b", 0)]);
        let mut tasks = waiting(&[("a", 100), ("b", 2), ("c", 2)]);
        let mut request = request(&served, 1, 1);
        let mut order = Vec::new();
        for _ in 0..6 {
            let (taken, after, _) = fill(&request, &mut tasks);
            order.extend(taken);
            request.after = after;
        }
        assert_eq!(order.concat(), "abcabc");
    }

    #[test]
    fn a_claim_of_one_of_many_free_slots_takes_a_shared_one() {
        let served = named(&[("build", 0), ("mail", 2)]);
        let mut tasks = waiting(&[("build", 9), ("mail", 0)]);
        let (order, _, left) = fill(&request(&served, 4, 1), &mut tasks);
        assert_eq!((order.concat().as_str(), left), ("build", false));
    }

    #[test]
    fn queues_with_slots_of_their_own_take_turns_while_slots_are_short() {
        let served = named(&[("a", 1), ("b", 1), ("c", 0)]);
        let mut tasks = waiting(&[("a", 9), ("b", 9), ("c", 9)]);
        let mut request = request(&served, 1, 1);
        let mut order = Vec::new();
        for _ in 0..4 {
            let (taken, after, _) = fill(&request, &mut tasks);
            order.extend(taken);
            request.after = after;
        }
        assert_eq!(order.concat(), "abab");
    }

    proptest! {
        #[test]
        fn slots_go_to_their_queues_and_then_by_turns(
            queues in proptest::collection::btree_map("[a-e]", (0_u32..4, 0_usize..9), 1..5),
            free in 0_usize..12,
            limit in 0_usize..12,
            after in proptest::option::of("[a-e]"),
        ) {
            let served: Vec<_> =
                queues.iter().map(|(name, (own, _))| (name.clone(), *own)).collect();
            let mut tasks: BTreeMap<_, _> =
                queues.iter().map(|(name, (_, tasks))| (name.clone(), *tasks)).collect();
            let before = tasks.clone();
            let mut request = request(&served, free, limit.min(free));
            request.after = after.as_deref().map(Arc::from);
            let (order, _, left) = fill(&request, &mut tasks);
            let count = |name: &String| order.iter().filter(|own| *own == name).count();
            let kept = |own: u32| if queues.len() > 1 { own as usize } else { 0 };
            prop_assert!(order.len() <= request.limit);
            // No queue takes a slot that another one keeps.
            let beyond: usize = queues
                .iter()
                .map(|(name, (own, _))| count(name).saturating_sub(kept(*own)))
                .sum();
            let sum: usize = queues.values().map(|(own, _)| kept(*own)).sum();
            prop_assert!(beyond <= free.saturating_sub(sum));
            // No slot stays free that a waiting task may have.
            let waits = |name: &String| tasks[name] > 0;
            if order.len() < request.limit {
                for (name, (own, _)) in &queues {
                    prop_assert!(!waits(name) || count(name) >= kept(*own));
                    prop_assert!(!waits(name) || beyond == free.saturating_sub(sum));
                }
                prop_assert!(left || !queues.keys().any(waits));
            }
            // Among queues that keep nothing, each with tasks has a turn before any has two more.
            for (one, (own, _)) in queues.iter().filter(|(_, (own, _))| kept(*own) == 0) {
                for (other, _) in queues.iter().filter(|(_, (own, _))| kept(*own) == 0) {
                    let starves = waits(one) && count(other) > count(one) + 1;
                    prop_assert!(!starves, "{one} of {own} waits for {other}: {order:?}");
                }
            }
            let taken: usize = before.values().sum::<usize>() - tasks.values().sum::<usize>();
            prop_assert_eq!(taken, order.len());
        }
    }
}
