//! The environment of commands: the same for all, regardless of how their worker was started and how
//! many run at once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use queue_core::sqlite::Durability;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::Stopwatch;
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Descriptor limit of the worker: fewer than its slots need.
const DESCRIPTORS: &str = "100";

/// Shell code that starts a worker in unusual conditions: signals ignored and blocked, few descriptors,
/// descriptors above 2 open, and the variables that systemd sets for a service.
const UNUSUAL_START: &str = r#"
trap '' HUP PIPE USR1
ulimit -S -n "$0"
exec 7</dev/null 8</dev/null
export NOTIFY_SOCKET=/nowhere WATCHDOG_USEC=9000000 LISTEN_FDS=1 LISTEN_PID=$$
exec env --block-signal=TERM,USR2 "$@"
"#;

/// Command that records its environment. The shell under inspection opens no file meanwhile.
const COMMAND: &str = "(cat /proc/$$/stat /proc/$$/status /proc/$$/limits; ls -l /proc/$$/fd; env) \
                       > tables/$QUEUE_TASK_ID";

/// Lines of `/proc/PID/status` to compare.
const STATUS: [&str; 13] = [
    "Umask:",
    "Uid:",
    "Gid:",
    "Groups:",
    "SigPnd:",
    "ShdPnd:",
    "SigBlk:",
    "SigIgn:",
    "CapInh:",
    "CapEff:",
    "NoNewPrivs:",
    "Seccomp:",
    "Cpus_allowed:",
];

/// Variables that differ from task to task.
const OWN: [&str; 5] = [
    "QUEUE_TASK_ID=",
    "QUEUE_TASK_NAME=",
    "QUEUE_ATTEMPT=",
    "QUEUE_TOKEN=",
    "QUEUE_WORKER=",
];

/// Runs `count` tasks of each program on that many slots. Returns the number of tasks, and the
/// differences found.
///
/// # Errors
/// When a process cannot be started, or the worker fails.
pub fn run(programs: &[Program], count: usize, slots: usize) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let (mut violations, mut faults) = (0, Vec::new());
    for program in programs {
        let (exceptions, found) = compare(*program, count, slots)?;
        violations += exceptions as u64;
        let named = |fault| format!("{}: {fault}", program.name());
        faults.extend(found.into_iter().map(named));
    }
    let figure = Figure {
        what: "tasks that found one and the same environment under a low limit of descriptors"
            .to_owned(),
        count: (programs.len() * count) as u64,
        violations,
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    Ok((figure, faults))
}

/// Number of tasks that differ from the first, or all of them if the first is wrong, and the
/// differences.
fn compare(program: Program, count: usize, slots: usize) -> Result<(usize, Vec<String>)> {
    let scratch = ScratchFolder::new(None, Durability::Fast)?;
    std::fs::create_dir(scratch.file("tables"))?;
    enqueue(&scratch, program, count)?;
    work(&scratch, program, slots)?;
    let mut tables: BTreeMap<String, usize> = BTreeMap::new();
    let mut missing = 0;
    for task in 1..=count {
        match std::fs::read_to_string(scratch.file(&format!("tables/{task}"))) {
            Ok(text) => *tables.entry(table(&text)).or_default() += 1,
            Err(_) => missing += 1,
        }
    }
    let mut kinds: Vec<(String, usize)> = tables.into_iter().collect();
    kinds.sort_by_key(|(_, tasks)| std::cmp::Reverse(*tasks));
    let Some((common, tasks)) = kinds.first() else {
        return Ok((count, vec!["no task has run".to_owned()]));
    };
    let mut faults = wrong(common);
    let exceptions = if faults.is_empty() {
        count - tasks
    } else {
        count
    };
    if missing > 0 {
        faults.push(format!("{missing} tasks did not run"));
    }
    for (other, tasks) in &kinds[1..] {
        let differs = differing(common, other);
        faults.push(format!("{tasks} of {count} tasks found {differs}"));
    }
    faults.extend(scratch.broken(program)?);
    Ok((exceptions.max(usize::from(!faults.is_empty())), faults))
}

fn enqueue(scratch: &ScratchFolder, program: Program, count: usize) -> Result<()> {
    let mut add = scratch.command(program, &["add-task", "--stdin"])?;
    let mut add = Running(add.stdin(Stdio::piped()).spawn()?);
    let mut input = add.0.stdin.take().ok_or("there is no pipe")?;
    input.write_all(format!("{COMMAND}\n").repeat(count).as_bytes())?;
    drop(input);
    let output = add.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(describe_exit(&output).into())
}

fn work(scratch: &ScratchFolder, program: Program, slots: usize) -> Result<()> {
    let slots = slots.to_string();
    let worker = scratch.command(program, &["worker", "--drain", "--slots", &slots])?;
    let mut oddly = Command::new("/bin/sh");
    oddly
        .args(["-c", UNUSUAL_START, DESCRIPTORS])
        .arg(worker.get_program())
        .args(worker.get_args())
        .current_dir(scratch.file(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(scratch.file("worker.log"))?);
    let status = oddly.status()?;
    if status.success() {
        return Ok(());
    }
    let log = std::fs::read_to_string(scratch.file("worker.log"))?;
    let end: Vec<&str> = log.lines().rev().take(3).collect();
    Err(format!("the worker ended with {status}: {}", end.join("; ")).into())
}

/// The comparable part of a task's record, one line per item.
fn table(text: &str) -> String {
    let (stat, rest) = text.split_once('\n').unwrap_or_default();
    let mut lines = vec![session(stat)];
    for line in rest.lines() {
        let is_own = OWN.iter().any(|variable| line.starts_with(variable));
        if let Some((file, target)) = line.split_once(" -> ") {
            let number = file.rsplit(' ').next().unwrap_or_default();
            let target =
                target.trim_end_matches(|last: char| last.is_ascii_digit() || "[]".contains(last));
            lines.push(format!("descriptor {number}: {target}"));
        } else if STATUS.iter().any(|name| line.starts_with(name))
            || line.starts_with("Max ")
            || (line.contains('=') && !is_own)
        {
            lines.push(line.to_owned());
        }
    }
    lines.sort();
    lines.join("\n")
}

/// Session, process group and terminal from a line of `/proc/PID/stat`.
fn session(stat: &str) -> String {
    let pid = stat.split(' ').next().unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let fields: Vec<&str> = fields.split(' ').collect();
    let [_, _, group, session, terminal, ..] = fields[..] else {
        return "no status".to_owned();
    };
    let leads = pid == group && pid == session;
    let nice = fields.get(16).unwrap_or(&"");
    format!("session: leads {leads}, terminal {terminal}, nice {nice}")
}

/// Items that differ from `docs/reference/environment.md`.
fn wrong(table: &str) -> Vec<String> {
    let has = |wanted: &str| {
        table.lines().any(|line| {
            line.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .starts_with(wanted)
        })
    };
    let limit = format!("Max open files {DESCRIPTORS} ");
    let wanted = [
        "session: leads true, terminal 0,",
        "SigBlk: 0000000000000000",
        "SigIgn: 0000000000000000",
        "descriptor 0: /dev/null",
        "descriptor 1: pipe:",
        "descriptor 2: pipe:",
        &limit,
        "PWD=",
        "QUEUE_DB=",
    ];
    let missing = wanted.iter().filter(|wanted| !has(wanted));
    let mut faults: Vec<String> = missing.map(|one| format!("there is no {one:?}")).collect();
    for unwanted in ["NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"] {
        if has(unwanted) {
            faults.push(format!("there is {unwanted}"));
        }
    }
    let descriptors = table.lines().filter(|line| line.starts_with("descriptor "));
    if descriptors.count() != 3 {
        faults.push(format!("there are other descriptors than three: {table}"));
    }
    faults
}

/// Lines of one table that the other lacks.
fn differing(common: &str, other: &str) -> String {
    let lines = |of: &str, than: &str| {
        let than: Vec<&str> = than.lines().collect();
        let own = of.lines().filter(|line| !than.contains(line));
        own.take(5).collect::<Vec<_>>().join("; ")
    };
    format!(
        "[{}] in place of [{}]",
        lines(other, common),
        lines(common, other)
    )
}

#[cfg(test)]
mod tests {
    use super::{differing, table};

    const FOUND: &str = "7 (sh) S 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1\nName:\tsh\nSigBlk:\t00\n\
                         Max open files 100 200 files\nlr-x------ 1 a a 64 Nov 1 00:00 1 -> pipe:[123]\n\
                         HOME=/root\nQUEUE_TASK_ID=3\n";

    #[test]
    fn a_table_has_what_is_the_same_for_all_tasks() {
        let table = table(FOUND);
        assert!(
            table.contains("session: leads true, terminal 0, nice 0"),
            "{table}"
        );
        assert!(table.contains("descriptor 1: pipe:"), "{table}");
        assert!(
            table.contains("HOME=/root") && !table.contains("TASK_ID"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 5);
    }

    #[test]
    fn a_difference_names_both_values() {
        let other = table(&FOUND.replace("files 100", "files 200"));
        let told = differing(&table(FOUND), &other);
        let expected = "[Max open files 200 200 files] in place of [Max open files 100 200 files]";
        assert_eq!(told, expected);
    }
}
