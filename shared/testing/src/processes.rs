//! Processes of the machine, read from `/proc`.

use std::path::Path;

/// A process, identified by its pid and start time: a busy machine reuses pids within a minute.
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

    /// Its program and arguments.
    pub fn arguments(&self) -> String {
        arguments(self.pid)
    }

    /// Ends it with SIGKILL.
    pub fn kill(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }

    /// True if it still exists and is not a zombie.
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

/// Program and arguments of the process of that id; empty once it has ended.
pub fn arguments(pid: u32) -> String {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline"));
    String::from_utf8_lossy(&arguments.unwrap_or_default()).replace('\0', " ")
}

/// True if the process of that id, written by a command, runs and is not a zombie.
pub fn is_running(pid: &str) -> bool {
    let found = pid.trim().parse().ok().and_then(state_and_start);
    found.is_some_and(|(state, _)| state != "Z")
}

/// The processes that have a database's mark: commands and processes they left behind.
///
/// # Errors
/// If the database's path or the list of processes cannot be read.
pub fn marked(database: &Path) -> std::io::Result<Vec<u32>> {
    let mut mark = b"QUEUE_DB=".to_vec();
    mark.extend(database.canonicalize()?.as_os_str().as_encoded_bytes());
    let has_mark = |pid: &u32| {
        // A process that has ended meanwhile has no environment.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == mark)
    };
    let entries = std::fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(has_mark).collect())
}
