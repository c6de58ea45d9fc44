//! Looks at what is left of a command that was killed.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process_group};

use super::orphans::{ProcFs, Process as Listed, Processes as _};

/// What was sent KILL has gone after so many looks, or waits for a disk and executes nothing more.
const DYING_LOOKS: u32 = 10;

/// The looks at what is left of a command that was killed.
#[derive(Debug, Default)]
pub(super) struct Looks {
    count: u32,
    /// The processes that cannot be ended, as told last.
    told: Vec<u32>,
}

/// What a look came to.
pub(super) enum Look {
    /// Nobody is left who executes anything.
    Over,
    /// What is left goes in a moment.
    Dying,
    /// Processes live that cannot be ended. They are told, if they are not the ones told last.
    Survive(Option<Vec<u32>>),
}

impl Looks {
    pub(super) fn look(&mut self, group: Pid) -> Look {
        self.count += 1;
        if !is_left(group) {
            return Look::Over;
        }
        if self.count < DYING_LOOKS {
            return Look::Dying;
        }
        let left = match ProcFs.list() {
            Ok(list) => unreachable(&list, group),
            // Nobody can say who is left, so that the group is named by its number.
            Err(_) => vec![number(group)],
        };
        if left.is_empty() {
            return Look::Over;
        }
        let is_new = left != self.told;
        self.told.clone_from(&left);
        Look::Survive(is_new.then_some(left))
    }
}

/// Whether anybody is left. A group's number is nobody else's as long as that is so.
pub(super) fn is_left(group: Pid) -> bool {
    test_kill_process_group(group) != Err(Errno::SRCH)
}

/// The number of a process group, which its leader has too.
pub(super) fn number(group: Pid) -> u32 {
    group.as_raw_nonzero().get().unsigned_abs()
}

/// Those of the command's session that this user cannot end.
pub(super) fn unreachable(list: &[Listed], group: Pid) -> Vec<u32> {
    let own = number(group);
    let members = list.iter().filter(|one| one.session == own && one.runs);
    let left = members.filter(|one| !ProcFs.is_reachable(one));
    left.map(|one| one.pid).collect()
}
