//! GNU parallel.

use super::Runner;

pub(super) const RUNNER: Runner = Runner {
    name: "parallel",
    needs: Some(("parallel", "--version")),
    note: "`parallel -j SLOTS`; output grouped, keeps nothing without --joblog",
    run: |batch| {
        let slots = batch.slots.to_string();
        let mut command = batch.command("parallel");
        // parallel writes to the home folder.
        command.env("HOME", batch.folder).args(["-j", &slots]);
        batch.time(&mut command, &batch.lines())
    },
};
