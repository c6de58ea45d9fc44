//! xargs.

use super::Runner;

pub(super) const RUNNER: Runner = Runner {
    name: "xargs",
    needs: Some(("xargs", "--version")),
    note: "`xargs -n 1 -P SLOTS /bin/sh -c true`; keeps nothing",
    run: |batch| {
        let slots = batch.slots.to_string();
        let arguments = ["-n", "1", "-P", &slots, "/bin/sh", "-c", "true"];
        batch.time(batch.command("xargs").args(arguments), &batch.lines())
    },
};
