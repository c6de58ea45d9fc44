//! Completion scripts in the shells they are for.

use std::io::ErrorKind;
use std::process::Stdio;

use super::program::{Sandbox, name, variable};
use crate::skipped;

/// A shell with its driver: a script that completes its first argument with the script in
/// `completions` and writes the offers to the file `offered`.
struct Shell {
    name: &'static str,
    driver: &'static str,
}

const BASH: Shell = Shell {
    name: "bash",
    driver: include_str!("bash.sh"),
};
const FISH: Shell = Shell {
    name: "fish",
    driver: include_str!("fish.fish"),
};
const ZSH: Shell = Shell {
    name: "zsh",
    driver: include_str!("zsh.zsh"),
};

/// Lines to complete, without the program's name, and words that must be offered.
const OFFERED: &[(&str, &[&str])] = &[
    ("wo", &["worker", "workers"]),
    ("add", &["add-task"]),
    ("sta", &["status", "stats"]),
    ("worker --dr", &["--drain"]),
    ("add-task --pri", &["--print", "--priority"]),
    ("stats --du", &["--durability"]),
    ("-o json li", &["list"]),
    ("--db x worker --sl", &["--slots"]),
    ("systemd in", &["install"]),
    ("systemd install --sl", &["--slots"]),
    ("help wo", &["worker", "workers"]),
    ("help systemd in", &["install"]),
    ("--output ", &["json", "table"]),
    ("list -o ", &["json", "table"]),
    ("list --durability ", &["fast", "full"]),
    ("list --state su", &["succeeded"]),
    ("retry --state ", &["failed", "cancelled", "skipped"]),
    ("list --db fo", &["folder/"]),
    ("list --db folder/o", &["folder/one.db"]),
    ("run fo", &["folder/"]),
    ("run folder/o", &["folder/one.db"]),
    ("add-task a b --cwd fo", &["folder/"]),
    ("completions fi", &["fish"]),
];

/// Lines that end in the begun id, name or queue of a task in the database, and words that must be
/// offered.
const OFFERED_FROM_THE_FILE: &[(&str, &[&str])] = &[
    ("show ", &["1", "2", "last"]),
    ("log 1 ", &["2"]),
    ("cancel ", &["2"]),
    ("retry ", &["1"]),
    ("show name:bu", &["name:build"]),
    ("show 1,", &["1,2"]),
    ("list --queue ma", &["mail"]),
    ("list --queue=ma", &["--queue=mail"]),
    ("pause ma", &["mail"]),
    ("list --name bu", &["build"]),
    ("list --columns ex", &["exit"]),
    ("list --sort to", &["took"]),
    ("--color al", &["always"]),
];

/// Lines with a value after `=`, and words that must be offered.
const OFFERED_AFTER_EQUALS: &[(&str, &[&str])] = &[
    ("list --output=j", &["--output=json"]),
    ("list --state=su", &["--state=succeeded"]),
    ("list --db=folder/o", &["--db=folder/one.db"]),
];

/// Bug: `fast-queue worker --dr` and Tab did nothing in bash. The labels of the script's two `case`
/// statements differed, so that after a verb not even options were offered. It is now made for a
/// name without a hyphen and registered for the real one.
pub fn bash_completes_verbs_options_values_and_paths() {
    completes(&BASH);
}

pub fn zsh_completes_verbs_options_values_and_paths() {
    completes(&ZSH);
}

pub fn fish_completes_verbs_options_values_and_paths() {
    completes(&FISH);
}

fn completes(shell: &Shell) {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.write("folder/one.db", "");
    sandbox.write("completions", sandbox.ok(&["completions", shell.name]));
    sandbox.write("driver", shell.driver);
    sandbox.ok(&["add-task", "fails", "exit 3", "--max-attempts", "1"]);
    sandbox.run(&["worker", "--drain"]);
    sandbox.ok(&["add-task", "build", "make", "--queue", "mail"]);
    assert!(!sandbox.read("completions").contains("<PROGRAM>"));
    let tables = [OFFERED, OFFERED_AFTER_EQUALS, OFFERED_FROM_THE_FILE];
    for (line, wanted) in tables.into_iter().flatten() {
        let line = format!("{} {line}", name());
        let Some(offered) = offered(&sandbox, shell, &line) else {
            return;
        };
        for word in *wanted {
            let found = offered.iter().any(|offer| stands_for(offer, word));
            assert!(found, "{line:?} in {}: {offered:?}", shell.name);
        }
    }
}

/// True if the offer is for that word: a shell may leave out the part before a slash or `=`, which
/// is typed already, and the slash at the end of a folder.
fn stands_for(offer: &str, word: &str) -> bool {
    let (offer, word) = (offer.trim_end_matches('/'), word.trim_end_matches('/'));
    word.strip_suffix(offer)
        .is_some_and(|before| before.is_empty() || before.ends_with(['/', '=']))
}

/// Offers of the shell at the end of a line; `None` if it is not installed.
fn offered(sandbox: &Sandbox, shell: &Shell, line: &str) -> Option<Vec<String>> {
    let _ = std::fs::remove_file(sandbox.path("offered"));
    let home = sandbox.path("");
    let is_there = std::process::Command::new(shell.name)
        .args(["-c", "exit 0"])
        .status();
    if is_there.is_err_and(|fault| fault.kind() == ErrorKind::NotFound) {
        skipped(&format!("there is no {}", shell.name));
        return None;
    }
    let mut driver = std::process::Command::new("timeout");
    driver
        .args(["60", shell.name, "./driver", line])
        .current_dir(&home)
        .env("HOME", &home)
        .env("TERM", "dumb")
        .env("PATH", path_with_program())
        .env(variable("DB"), sandbox.path("queue.db"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let offered = sandbox.read("offered");
    Some(offered.lines().map(str::to_owned).collect())
}

/// `PATH` with the program: fish completes only programs that it finds.
fn path_with_program() -> String {
    let folder = std::path::Path::new(super::program::path())
        .parent()
        .unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}
