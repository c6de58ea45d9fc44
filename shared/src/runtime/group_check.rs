//! Checks for the remaining processes of a command that was killed.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process_group};

use super::orphans::{ListedProcess, ProcFs, Processes as _};

/// Checks after which a process that was sent KILL has gone, or is blocked by a disk and executes
/// nothing more.
const DYING_CHECKS: u32 = 10;

/// Checks of one command's process group.
#[derive(Debug, Default)]
pub(super) struct GroupCheck {
    count: u32,
    /// Processes that cannot be ended, as reported last.
    told: Vec<u32>,
}

/// Result of a check.
pub(super) enum GroupState {
    /// No process is left that executes anything.
    Gone,
    /// The remaining processes go in a moment.
    Dying,
    /// Live processes that cannot be ended; `None` if they are the ones reported last.
    Unreachable(Option<Vec<u32>>),
}

impl GroupCheck {
    pub(super) fn check(&mut self, group: Pid) -> GroupState {
        self.count += 1;
        if !group_exists(group) {
            return GroupState::Gone;
        }
        if self.count < DYING_CHECKS {
            return GroupState::Dying;
        }
        let left = match ProcFs.list() {
            Ok(list) => unreachable(&list, group),
            // The processes cannot be listed, so the group's id stands for them.
            Err(_) => vec![group_id(group)],
        };
        if left.is_empty() {
            return GroupState::Gone;
        }
        let is_new = left != self.told;
        self.told.clone_from(&left);
        GroupState::Unreachable(is_new.then_some(left))
    }
}

/// Returns true if the group has a process. Its id is not reused before.
pub(super) fn group_exists(group: Pid) -> bool {
    test_kill_process_group(group) != Err(Errno::SRCH)
}

/// Id of a process group, which is its leader's process id as well.
pub(super) fn group_id(group: Pid) -> u32 {
    group.as_raw_nonzero().get().unsigned_abs()
}

/// Returns the processes of the command's session that this user cannot end.
pub(super) fn unreachable(list: &[ListedProcess], group: Pid) -> Vec<u32> {
    let own = group_id(group);
    let members = list.iter().filter(|one| one.session == own && one.runs);
    let left = members.filter(|one| !ProcFs.is_reachable(one));
    left.map(|one| one.pid).collect()
}
