//! Processes of the machine, as `/proc` tells of them.

use std::path::Path;

/// A process, told by when it started from a later one of the same id: a busy machine goes round
/// its ids within a minute.
pub struct Process {
    pid: u32,
    started: String,
}

impl Process {
    /// The process that has that id now.
    pub fn of(pid: u32) -> Self {
        let (_, started) = state_and_start(pid).expect("the process exists");
        Self { pid, started }
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The program it runs, and what that was called with.
    pub fn arguments(&self) -> String {
        arguments(self.pid)
    }

    /// Ends it, whatever it is at.
    pub fn kill(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }

    /// Whether it still exists and is no zombie.
    pub fn is_running(&self) -> bool {
        state_and_start(self.pid)
            .is_some_and(|(state, started)| state != "Z" && started == self.started)
    }
}

/// Fields 3 and 22 of `/proc/PID/stat`; the second, the name, may contain anything.
fn state_and_start(pid: u32) -> Option<(String, String)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ').map(str::to_owned);
    Some((fields.next()?, fields.nth(18)?))
}

/// What the process of that id was called with, its program first; empty once it has ended.
pub fn arguments(pid: u32) -> String {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline"));
    String::from_utf8_lossy(&arguments.unwrap_or_default()).replace('\0', " ")
}

/// Whether the process of that id, as a command wrote it, runs; a zombie does not.
pub fn is_running(pid: &str) -> bool {
    let found = pid.trim().parse().ok().and_then(state_and_start);
    found.is_some_and(|(state, _)| state != "Z")
}

/// The processes that carry a database's mark: commands, and whatever they left behind.
///
/// # Errors
/// If the database's path or the list of processes cannot be read.
pub fn marked(database: &Path) -> std::io::Result<Vec<u32>> {
    let mut mark = b"QUEUE_DB=".to_vec();
    mark.extend(database.canonicalize()?.as_os_str().as_encoded_bytes());
    let has_mark = |pid: &u32| {
        // One that has ended meanwhile has nothing to be read.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == mark)
    };
    let entries = std::fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(has_mark).collect())
}
