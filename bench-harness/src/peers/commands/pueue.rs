//! pueue: a daemon that keeps its queue in a file, and one client process per added task.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Batch, Runner};
use crate::Result;
use crate::measure::wait_until;
use crate::peers::child;

pub(super) const RUNNER: Runner = Runner {
    name: "pueue",
    needs: Some(("pueue", "--version")),
    note: "a `pueue add` for each, then `pueue wait`; output kept, the queue is in a file",
    run,
};

/// Adds `$0` commands, then waits for all.
const SCRIPT: &str = r#"
number=0
while [ "$number" -lt "$0" ]; do
    pueue add true > /dev/null || exit 1
    number=$((number + 1))
done
pueue wait > /dev/null
"#;

/// Time limit for an answer of the daemon.
const PATIENCE: Duration = Duration::from_secs(10);

/// A daemon for this batch, ended on drop.
struct Daemon<'a> {
    batch: &'a Batch<'a>,
    process: Child,
}

impl<'a> Daemon<'a> {
    fn start(batch: &'a Batch<'a>) -> Result<Self> {
        let process = within(batch, "pueued")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("pueued could not be run: {error}"))?;
        let mut daemon = Self { batch, process };
        wait_until("pueued answers", || {
            if let Some(status) = daemon.process.try_wait()? {
                return Err(format!("pueued ended with {status}").into());
            }
            Ok(daemon.succeeded().is_ok())
        })?;
        Ok(daemon)
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        child::run(self.pueue().args(arguments), "", PATIENCE)
    }

    /// Number of succeeded tasks: the table has one line of some hundred bytes for each.
    fn succeeded(&self) -> Result<usize> {
        child::count(self.pueue().arg("status"), "Success", PATIENCE)
    }

    fn pueue(&self) -> Command {
        within(self.batch, "pueue")
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
            let _ = self.process.wait();
        }
    }
}

/// A client whose settings, files and socket lie in the batch's folder.
fn within(batch: &Batch<'_>, program: &str) -> Command {
    let mut command = batch.command(program);
    let homes = [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
    ];
    command.envs(homes.map(|home| (home, batch.folder)));
    command
}

fn run(batch: &Batch<'_>) -> Result<f64> {
    let daemon = Daemon::start(batch)?;
    daemon.ask(&["parallel", &batch.slots.to_string()])?;
    let count = batch.commands.to_string();
    let mut script = within(batch, "/bin/sh");
    let seconds = batch.time(script.args(["-c", SCRIPT, &count]), "")?;
    batch.check(daemon.succeeded()?)?;
    Ok(seconds)
}
