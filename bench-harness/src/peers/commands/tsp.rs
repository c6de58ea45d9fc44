//! task-spooler: a server that the first call starts, and one client process per added task.

use std::process::Command;
use std::time::Duration;

use super::{Batch, Runner};
use crate::Result;
use crate::peers::child;

pub(super) const RUNNER: Runner = Runner {
    name: "tsp",
    needs: Some(("tsp", "-V")),
    note: "task-spooler: a `tsp true` for each, then wait; output kept, the queue is in memory",
    run,
};

/// Adds `$0` commands, then waits for the last one and for those that run beside it.
const SCRIPT: &str = r#"
number=0
while [ "$number" -lt "$0" ]; do
    tsp true > /dev/null || exit 1
    number=$((number + 1))
done
tsp -w
while tsp -l | grep -q -e ' running ' -e ' queued '; do :; done
"#;

/// A server for this batch, ended on drop. It is not in the process group of the call that started it.
struct Server<'a>(&'a Batch<'a>);

impl Server<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = self.0.command(program);
        command.env("TS_SOCKET", self.0.folder.join("socket"));
        // By default the server forgets all but the last thousand ended tasks.
        command.env("TS_MAXFINISHED", (self.0.commands + 1).to_string());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let limit = Duration::from_secs(10);
        child::run(self.command("tsp").args(arguments), "", limit)
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // A server that does not answer cannot be ended.
        let _ = self.ask(&["-K"]);
    }
}

fn run(batch: &Batch<'_>) -> Result<f64> {
    let server = Server(batch);
    server.ask(&["-S", &batch.slots.to_string()])?;
    let count = batch.commands.to_string();
    let mut script = server.command("/bin/sh");
    let seconds = batch.time(script.args(["-c", SCRIPT, &count]), "")?;
    let list = server.ask(&["-l"])?;
    let column = |line: &str, index| line.split_whitespace().nth(index).map(str::to_owned);
    let succeeded = list.lines().filter(|line| {
        column(line, 1).as_deref() == Some("finished") && column(line, 3).as_deref() == Some("0")
    });
    batch.check(succeeded.count())?;
    Ok(seconds)
}
