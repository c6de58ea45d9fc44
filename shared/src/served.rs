//! Queues that a worker serves, and the slots it keeps for each.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::names::{DEFAULT_QUEUE, check_name, is_of_lines};

/// Queue that a worker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServedQueue {
    /// Name of the queue.
    pub name: Arc<str>,
    /// Number of slots that are kept for it, even while it is empty.
    pub reserved: u32,
}

impl ServedQueue {
    /// A queue that shares the slots with others.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            reserved: 0,
        }
    }

    /// Keeps so many slots for the queue.
    #[must_use]
    pub fn reserving(self, reserved: u32) -> Self {
        Self { reserved, ..self }
    }
}

/// The queues that a worker serves: named ones, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedQueues {
    named: Vec<ServedQueue>,
    all: bool,
}

impl ServedQueues {
    /// These queues. A name given twice counts once, with the slots of both.
    pub fn named(queues: impl IntoIterator<Item = ServedQueue>) -> Self {
        Self::of(queues, false)
    }

    /// Every queue of the file, later ones too, except those of `run`, whose lines have a worker of
    /// their own. Slots may be kept for some of them.
    pub fn all(reserving: impl IntoIterator<Item = ServedQueue>) -> Self {
        Self::of(reserving, true)
    }

    fn of(queues: impl IntoIterator<Item = ServedQueue>, all: bool) -> Self {
        let mut named: Vec<ServedQueue> = Vec::new();
        for queue in queues {
            match named.iter_mut().find(|known| known.name == queue.name) {
                Some(known) => known.reserved = known.reserved.saturating_add(queue.reserved),
                None => named.push(queue),
            }
        }
        Self { named, all }
    }

    /// True if every queue is served.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// Queues that were named, in the order given.
    pub fn names(&self) -> &[ServedQueue] {
        &self.named
    }

    /// Name of the queue, if it is the only one.
    pub fn only(&self) -> Option<&Arc<str>> {
        match self.named.as_slice() {
            [only] if !self.all => Some(&only.name),
            _ => None,
        }
    }

    /// True if the queue is served.
    pub fn covers(&self, queue: &str) -> bool {
        (self.all && !is_of_lines(queue)) || self.named.iter().any(|own| *own.name == *queue)
    }

    /// True if a queue has slots of its own that others may want.
    pub(crate) fn are_reserved(&self) -> bool {
        self.only().is_none() && self.named.iter().any(|queue| queue.reserved > 0)
    }

    /// The same queues with so many kept slots each, in their order.
    #[must_use]
    pub(crate) fn keeping(&self, reserved: &[u32]) -> Self {
        let mut queues = self.clone();
        for (queue, reserved) in queues.named.iter_mut().zip(reserved) {
            queue.reserved = *reserved;
        }
        queues
    }

    /// Checks that a worker with so many slots can serve the queues.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that no queue can have, for no queue at all, for more kept slots
    /// than there are, and for a queue that would never get a slot.
    pub fn check(&self, slots: u32) -> Result<()> {
        for queue in &self.named {
            check_name("a queue's name", &queue.name)?;
        }
        if self.named.is_empty() && !self.all {
            return Err(Error::invalid("a worker needs a queue to serve"));
        }
        let reserved: u64 = self
            .named
            .iter()
            .map(|queue| u64::from(queue.reserved))
            .sum();
        if reserved > u64::from(slots) {
            return Err(Error::invalid(format!(
                "{reserved} slots are to be kept for queues, and the worker has {slots}: keep \
                 fewer, or give it more"
            )));
        }
        let sharing = self.named.iter().find(|queue| queue.reserved == 0);
        if reserved < u64::from(slots) || (sharing.is_none() && !self.all) {
            return Ok(());
        }
        let who = match sharing {
            Some(queue) => format!("queue {}", queue.name.escape_debug()),
            None => "the other queues".to_owned(),
        };
        Err(Error::invalid(format!(
            "all {slots} slots are to be kept for other queues, so that {who} would never get one: \
             keep fewer, or give the worker more"
        )))
    }
}

impl Default for ServedQueues {
    /// The default queue.
    fn default() -> Self {
        DEFAULT_QUEUE.into()
    }
}

impl From<&str> for ServedQueues {
    fn from(name: &str) -> Self {
        Self::named([ServedQueue::new(name)])
    }
}

impl From<String> for ServedQueues {
    fn from(name: String) -> Self {
        Self::named([ServedQueue::new(name)])
    }
}

impl fmt::Display for ServedQueues {
    /// As a person reads it: `mail:2, build`, or `all, mail:2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if self.all {
            f.write_str("all")?;
            separator = ", ";
        }
        for queue in &self.named {
            f.write_str(separator)?;
            separator = ", ";
            f.write_str(&queue.name)?;
            if queue.reserved > 0 {
                write!(f, ":{}", queue.reserved)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ServedQueue, ServedQueues};

    fn queues(named: &[(&str, u32)]) -> Vec<ServedQueue> {
        let queue = |(name, reserved): &(&str, u32)| ServedQueue::new(*name).reserving(*reserved);
        named.iter().map(queue).collect()
    }

    fn refusal(served: &ServedQueues, slots: u32) -> String {
        served.check(slots).unwrap_err().to_string()
    }

    #[test]
    fn no_more_slots_are_kept_than_there_are() {
        let served = ServedQueues::named(queues(&[("mail", 2), ("build", 1)]));
        served.check(3).unwrap();
        assert!(refusal(&served, 2).contains("3 slots are to be kept"));
        let twice = ServedQueues::named(queues(&[("mail", 2), ("mail", 1)]));
        assert!(refusal(&twice, 2).contains("3 slots"), "{twice:?}");
        let many = ServedQueues::named(queues(&[("a", u32::MAX), ("b", u32::MAX)]));
        assert!(refusal(&many, u32::MAX).contains("8589934590 slots"));
    }

    #[test]
    fn a_queue_that_would_never_get_a_slot_is_refused() {
        let served = ServedQueues::named(queues(&[("mail", 2), ("build", 0)]));
        served.check(3).unwrap();
        assert!(refusal(&served, 2).contains("queue build would never get one"));
        let all = ServedQueues::all(queues(&[("mail", 2)]));
        all.check(3).unwrap();
        assert!(refusal(&all, 2).contains("the other queues would never get one"));
        assert!(refusal(&ServedQueues::named([]), 2).contains("needs a queue"));
    }

    #[test]
    fn all_queues_are_served_but_for_those_of_run() {
        let all = ServedQueues::all([]);
        assert!(all.covers("mail") && !all.covers("run:/tmp/list"));
        let own = ServedQueues::from("run:/tmp/list");
        assert!(own.covers("run:/tmp/list") && !own.covers("mail"));
        assert_eq!(own.only().map(AsRef::as_ref), Some("run:/tmp/list"));
        assert_eq!(all.only(), None);
    }

    #[test]
    fn the_queues_are_shown_as_they_are_given() {
        let named = ServedQueues::named(queues(&[("mail", 2), ("build", 0)]));
        assert_eq!(named.to_string(), "mail:2, build");
        let all = ServedQueues::all(queues(&[("mail", 2)]));
        assert_eq!(all.to_string(), "all, mail:2");
    }
}
