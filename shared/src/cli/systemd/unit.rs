//! Text of the unit file. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::services::{describe, quote};

/// Values of a unit file.
pub(in super::super) struct Unit<'a> {
    /// The program's name.
    pub(in super::super) name: &'a str,
    /// The program's absolute path.
    pub(in super::super) program: &'a str,
    /// The database's absolute path.
    pub(in super::super) database: &'a str,
    /// True for the system's service manager, false for a user's.
    pub(in super::super) system: bool,
    /// True if commands run with restrictions that few of them notice.
    pub(in super::super) harden: bool,
    /// The account of a system service.
    pub(in super::super) run_as: Option<&'a str>,
    /// The worker's slots, if they are not the number of cores.
    pub(in super::super) slots: Option<u32>,
    /// Arguments that name the queues of the worker.
    pub(in super::super) served: &'a [String],
    /// Time that its worker lets tasks finish at a stop.
    pub(in super::super) grace: Duration,
    /// Further arguments of its worker.
    pub(in super::super) extra: &'a [String],
    /// One more option of its worker.
    pub(in super::super) option: Option<&'static str>,
}

/// Settings of every service. An out-of-memory kill of a task must not end the worker and all other
/// tasks with it. A command that crashes the worker is stopped by its budget of crashes, not by
/// systemd's limit on restarts. Commands notice none of these settings: they run as in a shell of
/// that account.
const SERVICE: &str = "\
Type=notify
NotifyAccess=main
Restart=always
RestartSec=2
RestartPreventExitStatus=2
WatchdogSec=60
KillMode=mixed
OOMPolicy=continue
TasksMax=infinity
";

/// Seconds after the grace time in which a worker hands its tasks back; systemd then kills what is left.
const HAND_BACK: u64 = 20;

/// Settings that commands can notice: no `sudo`, no programs of another architecture, files that
/// others cannot read.
const HARDENING: &str = "\
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// Settings that a user's service manager cannot apply without privileges.
const SYSTEM_HARDENING: &str = "\
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
";

impl Unit<'_> {
    /// The text.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that no unit file can name.
    pub(in super::super) fn render(&self) -> Result<String> {
        if self.program.contains(['$', '\n', '\r']) {
            return Err(Error::invalid(
                "systemd cannot start a program whose path contains `$` or a line end; move it",
            ));
        }
        let mut text = String::new();
        let _ = writeln!(
            text,
            "[Unit]\nDescription={} worker for {}\nStartLimitIntervalSec=0\n\n[Service]",
            self.name,
            describe(self.database)
        );
        let _ = write!(
            text,
            "ExecStart={} worker --db {}",
            quote(self.program),
            quote(self.database)
        );
        if let Some(slots) = self.slots {
            let _ = write!(text, " --slots {slots}");
        }
        for word in self.served.iter().chain(self.extra) {
            text.push(' ');
            text += &plain_or_quoted(word);
        }
        if let Some(option) = self.option {
            let _ = write!(text, " {option}");
        }
        text.push('\n');
        if let Some(account) = self.run_as {
            let _ = writeln!(text, "User={account}");
        }
        text += SERVICE;
        let stop = self.grace.as_secs().saturating_add(HAND_BACK);
        let _ = writeln!(text, "TimeoutStopSec={stop}");
        if self.harden {
            text += HARDENING;
        }
        if self.harden && self.system {
            text += SYSTEM_HARDENING;
        }
        let target = if self.system {
            "multi-user.target"
        } else {
            "default.target"
        };
        let _ = writeln!(text, "\n[Install]\nWantedBy={target}");
        Ok(text)
    }
}

/// A word of a command line, quoted if it needs to be.
fn plain_or_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    quote(word)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Unit;

    fn unit() -> Unit<'static> {
        Unit {
            name: "fast-queue",
            program: "/usr/bin/fast-queue",
            database: "/home/a/x.db",
            system: false,
            harden: false,
            run_as: None,
            slots: None,
            served: &[],
            grace: Duration::from_secs(10),
            extra: &[],
            option: None,
        }
    }

    /// The words of an `ExecStart=` line as systemd reads them (systemd.service, "Command lines").
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' {
                continue;
            }
            let mut bytes = Vec::new();
            let quoted = c == '"';
            let mut next = if quoted { chars.next() } else { Some(c) };
            while let Some(c) = next {
                match c {
                    '"' if quoted => break,
                    ' ' if !quoted => break,
                    '%' | '$' => assert_eq!(chars.next(), Some(c), "an expansion in {line}"),
                    _ => {}
                }
                if c == '\\' {
                    match chars.next().unwrap() {
                        'n' => bytes.push(b'\n'),
                        'r' => bytes.push(b'\r'),
                        't' => bytes.push(b'\t'),
                        'x' => {
                            let hex: String = chars.by_ref().take(2).collect();
                            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                        }
                        other => bytes.extend(other.to_string().bytes()),
                    }
                } else {
                    bytes.extend(c.to_string().bytes());
                }
                next = chars.next();
            }
            words.push(String::from_utf8(bytes).unwrap());
        }
        words
    }

    fn exec(text: &str) -> Vec<String> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        words(line.unwrap())
    }

    #[test]
    fn a_unit_starts_the_worker_on_its_file() {
        let text = unit().render().unwrap();
        assert_eq!(
            exec(&text),
            ["/usr/bin/fast-queue", "worker", "--db", "/home/a/x.db"]
        );
        for line in ["Type=notify", "WatchdogSec=60", "WantedBy=default.target"] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
    }

    /// systemd gave up after five crashes within ten seconds, one before the budget of a task that
    /// crashes its worker was spent: the queue stood still.
    #[test]
    fn systemd_starts_the_worker_again_however_often_it_ends() {
        let text = unit().render().unwrap();
        let unit_section = text.split("[Service]").next().unwrap();
        assert!(
            unit_section.contains("\nStartLimitIntervalSec=0\n"),
            "{text}"
        );
        assert!(text.contains("\nRestart=always\nRestartSec=2\n"), "{text}");
    }

    /// Commands that worked in a shell failed in a service: no `sudo`, other file modes, more
    /// descriptors than `select` takes.
    #[test]
    fn only_a_hardened_unit_changes_what_commands_may_do() {
        for system in [false, true] {
            let text = |harden| {
                let unit = Unit {
                    system,
                    harden,
                    ..unit()
                };
                unit.render().unwrap()
            };
            let noticed = [
                "UMask",
                "NoNew",
                "Lock",
                "Limit",
                "Restrict",
                "SystemCall",
                "Protect",
                "Private",
            ];
            let sets = |text: &str, names: &[&str]| {
                let mut lines = text.lines().filter(|line| !line.starts_with("StartLimit"));
                lines.any(|line| names.iter().any(|name| line.starts_with(name)))
            };
            assert!(!sets(&text(false), &noticed), "{}", text(false));
            assert!(sets(&text(true), &["NoNewPrivileges=yes"]));
            assert!(!sets(&text(true), &["LimitNOFILE"]));
            assert_eq!(sets(&text(true), &["ProtectClock=yes"]), system);
        }
    }

    #[test]
    fn a_hardened_system_unit_has_an_account_and_more_protection() {
        let text = Unit {
            system: true,
            harden: true,
            run_as: Some("queue"),
            slots: Some(4),
            ..unit()
        }
        .render()
        .unwrap();
        for line in [
            "User=queue",
            "ProtectClock=yes",
            "WantedBy=multi-user.target",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
        assert_eq!(exec(&text)[4..], ["--slots", "4"]);
    }

    #[test]
    fn additional_arguments_are_quoted() {
        let added = ["--lease", "1m", "3", "50% of $HOME\nUser=root", ""];
        let text = Unit {
            extra: &added.map(str::to_owned),
            ..unit()
        }
        .render()
        .unwrap();
        assert_eq!(exec(&text)[4..], added);
        assert!(text.contains("\nTimeoutStopSec=30\n"));
        assert!(text.contains(" --lease 1m 3 \"50%% of $$HOME\\nUser=root\" \"\"\n"));
    }

    #[test]
    fn values_cannot_add_directives() {
        let text = Unit {
            database: "/tmp/x\nUser=root\n%h $HOME \"q\" 'a' \\",
            served: &[
                "--queue".to_owned(),
                "q\r\nExecStartPre=/bin/false".to_owned(),
            ],
            ..unit()
        }
        .render()
        .unwrap();
        assert_eq!(exec(&text)[3], "/tmp/x\nUser=root\n%h $HOME \"q\" 'a' \\");
        assert!(
            !text.lines().any(|line| line.starts_with("User=")),
            "{text}"
        );
        assert!(
            !text.lines().any(|line| line.starts_with("ExecStartPre=")),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.ends_with('\\')), "{text}");
    }
}
