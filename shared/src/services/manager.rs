//! Calls of systemd's own programs.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::files::ServiceUnit;
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::text::escape;

/// Most characters of a message of systemd that are repeated.
const MOST_SAID: usize = 1_000;

/// Longest time in which systemd answers a question or a request that does not wait.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Longest time of a request that waits until services have started or stopped.
const CHANGE_TIME: Duration = Duration::from_mins(10);

/// Most bytes of the standard output of `systemctl` that are kept: ten times those of 1,000 services.
const MOST_PRINTED: u64 = 4 << 20;

/// Most bytes of its standard error that are kept.
const MOST_COMPLAINED: u64 = 16 << 10;

/// Properties that tell how a service stands.
const PROPERTIES: &str = "--property=Id,ActiveState,SubState,Result,UnitFileState,MainPID,NRestarts,\
                          MemoryCurrent,CPUUsageNSec";

/// Standing of a service, in systemd's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// State: `active`, `inactive`, `failed`, `activating` and so on.
    pub state: String,
    /// State in more detail: `running`, `dead`, `auto-restart` and so on.
    pub substate: String,
    /// Result of its last run: `success`, `exit-code`, `oom-kill` and so on.
    pub result: String,
    /// True if it is started at every boot or login.
    pub at_boot: bool,
    /// Process id of its command while it runs.
    pub pid: Option<u32>,
    /// Number of automatic restarts since it was started.
    pub restarts: Option<u64>,
    /// Memory of all its processes, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of all its processes, in microseconds.
    pub cpu_us: Option<u64>,
}

impl ServiceState {
    /// Its state in a few words: `active (running)`, `failed (exit-code)`.
    pub fn words(&self) -> String {
        let more = if self.state == "failed" {
            &self.result
        } else {
            &self.substate
        };
        if more.is_empty() {
            return self.state.clone();
        }
        format!("{} ({more})", self.state)
    }
}

/// Request to systemd about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Restart,
}

/// How these services stand, in this order: one call of `systemctl` for all.
///
/// # Errors
/// [`Error::Io`] if `systemctl` is missing, refuses, or does not answer within 5 s.
pub fn standings(scope: Scope, units: &[ServiceUnit]) -> Result<Vec<ServiceState>> {
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let mut arguments = vec!["show", "--no-pager", PROPERTIES, "--"];
    arguments.extend(units.iter().map(|unit| unit.unit.as_str()));
    let output = output_within(command("systemctl", scope).args(&arguments), ANSWER_TIME)?;
    let text = said_by(scope, &arguments, &output)?;
    let found = blocks(&text);
    let unknown = || ServiceState {
        state: "unknown".to_owned(),
        ..ServiceState::default()
    };
    let standing = |unit: &ServiceUnit| found.get(unit.unit.as_str()).cloned();
    Ok(units
        .iter()
        .map(|unit| standing(unit).unwrap_or_else(unknown))
        .collect())
}

/// The standings in the output of `systemctl show`, by unit: a block of `KEY=VALUE` lines for each.
fn blocks(text: &str) -> BTreeMap<&str, ServiceState> {
    let mut found = BTreeMap::new();
    for block in text.split("\n\n") {
        let pairs = block.lines().filter_map(|line| line.split_once('='));
        let values: BTreeMap<&str, &str> = pairs.collect();
        let text = |key| values.get(key).copied().unwrap_or_default();
        // A value that is not known is the highest number, or words.
        let number = |key| text(key).parse().ok().filter(|value| *value != u64::MAX);
        if !text("Id").is_empty() {
            let standing = ServiceState {
                state: text("ActiveState").to_owned(),
                substate: text("SubState").to_owned(),
                result: text("Result").to_owned(),
                at_boot: text("UnitFileState") == "enabled",
                pid: text("MainPID").parse().ok().filter(|pid| *pid != 0),
                restarts: number("NRestarts"),
                memory_bytes: number("MemoryCurrent"),
                cpu_us: number("CPUUsageNSec").map(|nanos| nanos / 1_000),
            };
            found.insert(text("Id"), standing);
        }
    }
    found
}

/// Asks systemd to start, stop or restart a service, and does not wait until it has.
///
/// # Errors
/// [`Error::Io`] if `systemctl` is missing, refuses, or does not answer within 5 s.
pub(crate) fn request(scope: Scope, verb: Verb, service: &ServiceUnit) -> Result<()> {
    let verb = match verb {
        Verb::Start => "start",
        Verb::Stop => "stop",
        Verb::Restart => "restart",
    };
    let arguments = [verb, "--no-block", "--", &service.unit];
    let output = output_within(command("systemctl", scope).args(arguments), ANSWER_TIME)?;
    said_by(scope, &arguments, &output).map(drop)
}

/// Runs `systemctl` and returns its output.
///
/// # Errors
/// [`Error::Io`] if it is missing, prints more than 4 MiB, takes longer than 10 min, or refuses; then with
/// its message.
pub(crate) fn systemctl(scope: Scope, arguments: &[&str]) -> Result<String> {
    let output = output_within(command("systemctl", scope).args(arguments), CHANGE_TIME)?;
    said_by(scope, arguments, &output)
}

/// The output of a `systemctl` with these arguments that has ended.
fn said_by(scope: Scope, arguments: &[&str], output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let user = if scope == Scope::User { " --user" } else { "" };
    let line = format!("`systemctl{user} {}` failed", arguments.join(" "));
    Err(Error::io(line, io::Error::other(said(&output.stderr))))
}

/// Runs `systemctl` to its end, for that time at most.
fn output_within(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command
        .spawn()
        .map_err(|error| missing("systemctl", error))?;
    let failed = |error: io::Error| Error::io("cannot wait for `systemctl`", error);
    let handle = Pid::from_child(&child);
    let handle = pidfd_open(handle, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
    let (sender, receiver) = channel();
    let wait = move |child: Child| {
        // Nobody listens any more to one that took too long.
        let _ = sender.send(output_of(child));
    };
    let waiter = std::thread::Builder::new().name("systemctl".to_owned());
    waiter.spawn(move || wait(child)).map_err(failed)?;
    if let Ok(ended) = receiver.recv_timeout(limit) {
        return ended.map_err(unanswered);
    }
    // It may have ended meanwhile.
    let _ = pidfd_send_signal(&handle, Signal::KILL);
    let sentence = format!("it did not answer within {} s", limit.as_secs());
    Err(unanswered(io::Error::other(sentence)))
}

fn unanswered(error: io::Error) -> Error {
    Error::io("cannot ask `systemctl`", error)
}

/// Waits for the end of a program, and reads its output. One that prints too much is ended.
fn output_of(mut child: Child) -> io::Result<Output> {
    let complaints = child.stderr.take();
    let complaints = std::thread::Builder::new()
        .name("systemctl errors".to_owned())
        .spawn(move || complaints.map_or(Ok(Vec::new()), beginning))?;
    let mut stdout = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(MOST_PRINTED + 1).read_to_end(&mut stdout)?;
    }
    if stdout.len() as u64 > MOST_PRINTED {
        child.kill()?;
        child.wait()?;
        let sentence = format!("it printed more than {} MiB", MOST_PRINTED >> 20);
        return Err(io::Error::other(sentence));
    }
    let status = child.wait()?;
    let stderr = complaints.join();
    Ok(Output {
        status,
        stdout,
        stderr: stderr.unwrap_or_else(|_| Ok(Vec::new()))?,
    })
}

/// The first bytes of the standard error. The others are read too, since the program waits for that.
fn beginning(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    pipe.by_ref().take(MOST_COMPLAINED).read_to_end(&mut kept)?;
    io::copy(&mut pipe, &mut io::sink())?;
    Ok(kept)
}

/// As [`systemctl`] with units at the end.
///
/// # Errors
/// The same.
pub(crate) fn run_systemctl(scope: Scope, verbs: &[&str], units: &[ServiceUnit]) -> Result<()> {
    let mut arguments = verbs.to_vec();
    arguments.push("--");
    arguments.extend(units.iter().map(|unit| unit.unit.as_str()));
    systemctl(scope, &arguments).map(drop)
}

/// Shows the log of services on standard output.
///
/// # Errors
/// [`Error::Io`] if `journalctl` is missing or fails.
pub(crate) fn journal(scope: Scope, arguments: &[String], units: &[ServiceUnit]) -> Result<()> {
    let mut command = command("journalctl", scope);
    command.args(["--no-pager", "--quiet"]).args(arguments);
    command.args(units.iter().map(|unit| format!("--unit={}", unit.unit)));
    let status = command
        .status()
        .map_err(|error| missing("journalctl", error))?;
    if status.success() {
        return Ok(());
    }
    let sentence = "`journalctl` failed";
    Err(Error::io(sentence, io::Error::other(status.to_string())))
}

fn command(program: &str, scope: Scope) -> Command {
    let mut command = Command::new(program);
    if scope == Scope::User {
        command.arg("--user");
    }
    command
}

fn missing(program: &str, error: io::Error) -> Error {
    let what = format!("services need systemd, and `{program}` cannot be run");
    Error::io(what, error)
}

/// The message of a program that failed, as one line of limited length.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    let mut kept: String = text.chars().take(MOST_SAID).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    if kept.is_empty() {
        return "it said nothing".to_owned();
    }
    escape::line(&kept.replace('\n', "; ")).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{blocks, output_within, said};

    #[test]
    fn one_output_tells_how_every_unit_stands() {
        let text = "Id=a.service\nActiveState=active\nSubState=running\nResult=success\n\
                    UnitFileState=enabled\nMainPID=12\nNRestarts=3\nMemoryCurrent=4096\n\
                    CPUUsageNSec=1500000\n\nId=b.service\nActiveState=failed\nSubState=failed\n\
                    Result=exit-code\nUnitFileState=\nMainPID=0\nNRestarts=0\n\
                    MemoryCurrent=[not set]\nCPUUsageNSec=18446744073709551615\n";
        let found = blocks(text);
        let running = &found["a.service"];
        assert_eq!((running.pid, running.restarts), (Some(12), Some(3)));
        assert_eq!(
            (running.memory_bytes, running.cpu_us),
            (Some(4096), Some(1_500))
        );
        assert!(running.at_boot);
        let failed = &found["b.service"];
        assert_eq!((failed.state.as_str(), failed.pid), ("failed", None));
        assert_eq!((failed.memory_bytes, failed.cpu_us), (None, None));
        assert!(!failed.at_boot);
        assert!(blocks("").is_empty() && blocks("x\n\n=\n").is_empty());
    }

    #[test]
    fn a_program_that_does_not_answer_is_ended() {
        let refused = output_within(Command::new("sleep").arg("600"), Duration::from_millis(1));
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains("did not answer"), "{sentence}");
        let output = output_within(Command::new("echo").arg("there"), Duration::from_mins(1));
        assert_eq!(output.unwrap().stdout, b"there\n");
        let missing = output_within(&mut Command::new("/none"), Duration::from_mins(1));
        let sentence = missing.unwrap_err().to_string();
        assert!(sentence.contains("need systemd"), "{sentence}");
    }

    #[test]
    fn a_program_that_prints_too_much_is_ended() {
        let shell = |script| {
            output_within(
                Command::new("sh").args(["-c", script]),
                Duration::from_mins(1),
            )
        };
        let sentence = shell("exec cat /dev/zero").unwrap_err().to_string();
        assert!(sentence.contains("more than 4 MiB"), "{sentence}");
        let output = shell("head -c 1000000 /dev/zero >&2; echo there").unwrap();
        assert_eq!(output.stdout, b"there\n");
        assert_eq!(output.stderr.len(), 16 << 10);
    }

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        assert_eq!(said(b"a\nb\x1b[31m\n"), "a; b\\x1b[31m");
        assert_eq!(said(b" \n"), "it said nothing");
        assert!(said(&[b'x'; 5_000]).chars().count() < 1_010);
    }
}
