//! Ageing: sets the ageing of a queue.

use queue_core::Ageing;
use queue_core::error::Result;
use queue_core::sqlite::verbs;
use queue_core::task::check_name;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Sets the ageing of a queue; `None` ends it. Returns true if that changed anything.
pub(crate) fn set_ageing(queue: &FastQueue, name: &str, ageing: Option<Ageing>) -> Result<bool> {
    check_name("a queue's name", name)?;
    let name = name.to_owned();
    queue.change(Phase::Accepting, move |connection| {
        verbs::set_ageing(connection, &name, ageing)
    })
}
