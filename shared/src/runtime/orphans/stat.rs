//! Parser of `/proc/PID/stat`.

use super::ListedProcess;
use crate::clock::BootTime;

/// Milliseconds of a clock tick: always 100 in a second, independent of the kernel's own clock.
const TICK_MS: i64 = 10;
/// Flag of a kernel thread.
const KERNEL: u64 = 0x0020_0000;

/// Parses the text; `None` if it is truncated. The name in parentheses may contain any bytes.
pub(super) fn parse(pid: u32, stat: &[u8]) -> Option<ListedProcess> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(name_end + 2..)?).ok()?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // The first of these is field 3 of the manual page.
    let field = |number: usize| fields.get(number - 3);
    let flags: u64 = field(9)?.parse().ok()?;
    let started: i64 = field(22)?.parse().ok()?;
    let is_over = matches!(*field(3)?, "Z" | "X" | "x");
    Some(ListedProcess {
        pid,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        started: BootTime(started.saturating_mul(TICK_MS)),
        runs: !is_over && flags & KERNEL == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::clock::{BootTime, Clock, SystemClock};

    #[test]
    fn a_process_name_that_looks_like_fields_is_parsed_as_a_name() {
        let stat = b"42 (a) Z 1 2 (\n) S 1 40 41 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 777 1 2\n";
        let process = parse(42, stat).unwrap();
        assert_eq!((process.group, process.session), (40, 41));
        assert_eq!(process.started, BootTime(7_770));
        assert!(process.runs);
    }

    #[test]
    fn zombies_and_kernel_threads_do_not_run() {
        let stat = |state, flags| {
            format!("42 (x) {state} 1 40 41 0 -1 {flags} 1 0 0 0 0 0 0 0 20 0 1 0 777 1 2")
        };
        let runs = |state, flags| parse(42, stat(state, flags).as_bytes()).unwrap().runs;
        assert!(!runs("Z", 4_194_304));
        assert!(!runs("I", 0x0020_8040));
        assert!(runs("D", 4_194_304));
    }

    #[test]
    fn truncated_text_is_no_process() {
        let stat = b"42 (x) S 1 40 41 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0";
        assert!((0..=stat.len()).all(|length| parse(42, &stat[..length]).is_none()));
    }

    /// Records are compared with the start times of processes, so both have to use one clock.
    #[test]
    fn start_times_of_processes_use_boot_time() {
        let before = SystemClock.now().boot;
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let after = SystemClock.now().boot;
        let stat = std::fs::read(format!("/proc/{}/stat", child.id())).unwrap();
        let started = parse(child.id(), &stat).unwrap().started;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            before.0 - 10 <= started.0 && started <= after,
            "{started:?}"
        );
    }
}
