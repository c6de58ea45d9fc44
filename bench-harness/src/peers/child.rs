//! Other programs: each runs in its own process group, for a limited time, with its output in files, so
//! that no process it leaves behind blocks the harness.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use queue_core::cli::escape;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::Result;

/// Number of bytes read from the end of an output.
const KEPT: u64 = 64 * 1024;
/// Number of bytes shown of an error.
const SHOWN: usize = 300;

/// Runs `command` on `input` and returns the end of its standard output, at most 64 KiB.
///
/// When it cannot be started, has not ended within `limit`, or does not exit 0. In every case the rest
/// of its process group is killed.
/// that is left of its process group is killed.
pub(super) fn run(command: &mut Command, input: &str, limit: Duration) -> Result<String> {
    tail(&mut output(command, input, limit)?)
}

/// Runs `command` and counts a word in its whole standard output, of any length.
///
/// # Errors
/// As [`run`].
pub(super) fn count(command: &mut Command, word: &str, limit: Duration) -> Result<usize> {
    let mut stdout = output(command, "", limit)?;
    stdout.rewind()?;
    let lines = BufReader::new(stdout).split(b'\n');
    let counts = lines.map(|line| Ok(String::from_utf8_lossy(&line?).matches(word).count()));
    counts.sum()
}

/// Runs `command` with its standard output in a file.
fn output(command: &mut Command, input: &str, limit: Duration) -> Result<File> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command
        .stdin(file_of(input)?)
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?);
    let status = wait(command, limit)
        .map_err(|error| format!("{name} could not be run: {error}"))?
        .ok_or_else(|| {
            let seconds = limit.as_secs_f64();
            format!("{name} had not ended after {seconds} s and was killed")
        })?;
    if status.success() {
        return Ok(stdout);
    }
    let said = tail(&mut stderr)?;
    Err(format!("{name} ended with {status}: {}", last_words(&said)).into())
}

/// Waits for the process; `None` if it had to be killed.
fn wait(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut child = command.process_group(0).spawn()?;
    let pid = Pid::from_child(&child);
    let ended = ends_within(pid, limit);
    // The child is not reaped yet, so its group id is still its own.
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait()?;
    Ok(ended?.then_some(status))
}

fn ends_within(pid: Pid, limit: Duration) -> Result<bool> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let mut watched = [PollFd::new(&pidfd, PollFlags::IN)];
    let limit = Timespec::try_from(limit)?;
    loop {
        match poll(&mut watched, Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

fn file_of(input: &str) -> Result<Stdio> {
    if input.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

fn tail(file: &mut File) -> Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(KEPT)))?;
    let mut bytes = Vec::new();
    file.take(KEPT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line with content, made safe to show.
fn last_words(said: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty());
    shown(line.unwrap_or("no output"))
}

/// Escapes untrusted text for a line: short, without terminal control sequences.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.trim().chars().take(SHOWN).collect();
    escape::line(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{count, run};

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_reads_its_input_and_its_output_is_returned() {
        let said = run(&mut shell("cat; echo done"), "line\n", AMPLE).unwrap();
        assert_eq!(said, "line\ndone\n");
    }

    #[test]
    fn words_are_counted_in_all_of_an_output() {
        let script = "seq 1 20000 | sed 's/$/ Success Success/'; printf 'no newline Success'";
        let found = count(&mut shell(script), "Success", AMPLE).unwrap();
        assert_eq!(found, 40_001);
    }

    #[test]
    fn the_last_line_of_a_failed_program_is_shown_without_control_characters() {
        let script = "printf 'first\\nbad \\033[31mthing\\n\\n' >&2; exit 3";
        let error = run(&mut shell(script), "", AMPLE).unwrap_err().to_string();
        assert!(
            error.ends_with("exit status: 3: bad \\x1b[31mthing"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_all_it_started() {
        // `sleep` adds up its arguments, so the second number can serve as a mark.
        let mark = format!("0.{}", std::process::id());
        let script = format!("sleep 600 {mark} & sleep 600 {mark}");
        let error = run(&mut shell(&script), "", Duration::from_millis(500)).unwrap_err();
        assert!(error.to_string().contains("had not ended"), "{error}");
        let marked = || {
            let processes = std::fs::read_dir("/proc")?.flatten();
            let lines = processes.map(|one| std::fs::read(one.path().join("cmdline")));
            let words = |line: &[u8]| {
                line.split(|&byte| byte == 0)
                    .any(|word| word == mark.as_bytes())
            };
            Ok(lines.flatten().any(|line| words(&line)))
        };
        crate::measure::wait_until("its processes are gone", || marked().map(|left| !left))
            .unwrap();
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program"), "", AMPLE).unwrap_err();
        assert!(
            error.to_string().starts_with("no-such-program could not"),
            "{error}"
        );
    }
}
