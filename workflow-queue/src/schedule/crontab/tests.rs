use proptest::prelude::*;

use super::{Crontab, CrontabEntry, CrontabForm, MOST_VARIABLES};

mod year;

fn user(text: &str) -> Crontab {
    Crontab::read(text.as_bytes(), &CrontabForm::User)
}

fn one(text: &str) -> CrontabEntry {
    let crontab = user(text);
    assert_eq!(crontab.refused, [], "{text}");
    crontab.entries.into_iter().next_back().unwrap()
}

fn refused(text: &str) -> String {
    let crontab = user(text);
    assert_eq!(crontab.entries, [], "{text}");
    crontab.refused.into_iter().next().unwrap().1
}

#[test]
fn times_and_commands_are_told_apart_by_blanks_of_any_kind() {
    for text in [
        "30 2 * * * ./backup --all",
        "  30\t2 *  * *\t./backup --all\r\n",
        "\u{feff}30 2 * * * ./backup --all",
        "-30 2 * * * ./backup --all",
    ] {
        let entry = one(text);
        assert_eq!(
            (entry.expression.as_str(), entry.command.as_str()),
            ("30 2 * * *", "./backup --all"),
            "{text:?}"
        );
    }
    assert_eq!(one("@daily x").expression, "@daily");
    let crontab = user("# a comment\n\n  \n\t# another\n0 0 * * * a # no comment\n");
    assert_eq!((crontab.entries.len(), crontab.refused.len()), (1, 0));
    assert_eq!(crontab.entries[0].command, "a # no comment");
    assert_eq!(crontab.entries[0].line, 5);
}

#[test]
fn variables_hold_for_the_lines_below_them() {
    let text = "0 1 * * * first
PATH=/usr/bin:/bin
SHELL = /bin/bash
CRON_TZ=\"Europe/Berlin\"
'GREETING' = ' two words '
HOME=/srv
0 2 * * * second
PATH=/opt/bin
SHELL=
CRON_TZ=
0 3 * * * third";
    let crontab = user(text);
    let [first, second, third] = crontab.entries.as_slice() else {
        panic!("{crontab:?}");
    };
    assert_eq!(first.variables.len(), 0);
    assert_eq!(
        (&first.zone, &first.shell, &first.home),
        (&None, &None, &None)
    );
    let pairs = |entry: &CrontabEntry| -> Vec<String> {
        let each = entry.variables.iter();
        each.map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    assert_eq!(
        pairs(second),
        ["PATH=/usr/bin:/bin", "GREETING= two words ", "HOME=/srv"]
    );
    assert_eq!(second.zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(second.shell.as_deref(), Some("/bin/bash"));
    assert_eq!(second.home.as_deref(), Some("/srv"));
    assert_eq!(pairs(third)[2], "PATH=/opt/bin");
    assert_eq!((&third.zone, &third.shell), (&None, &None));
    let schedule = second.schedule("UTC", "/home/anna").unwrap();
    assert_eq!(schedule.spec.zone_name(), "Europe/Berlin");
    assert_eq!(schedule.task.task.options.cwd.as_deref(), Some("/srv"));
    let schedule = first.schedule("UTC", "/home/anna").unwrap();
    assert_eq!(schedule.spec.zone_name(), "UTC");
    assert_eq!(
        schedule.task.task.options.cwd.as_deref(),
        Some("/home/anna")
    );
    assert_eq!(schedule.task.task.options.max_attempts, 1);
}

#[test]
fn a_percent_sign_is_written_with_a_backslash() {
    assert_eq!(one(r"0 0 * * * date +\%F\%T").command, "date +%F%T");
    assert_eq!(one(r"0 0 * * * echo \\n").command, r"echo \\n");
    assert!(refused("0 0 * * * mail -s x%hello").contains("bare %"));
    assert!(refused("0 0 * * * %").contains("bare %"));
}

#[test]
fn lines_that_no_schedule_expresses_are_refused_by_their_number() {
    for (text, part) in [
        ("@reboot x", "start of the machine"),
        ("@every_minute x", "--every 90m"),
        ("@sometimes x", "short forms"),
        ("0 0 * * *", "no command"),
        ("0 0 * * * \t", "no command"),
        ("0 0 * *", "fewer than five"),
        ("@daily", "no command"),
        ("0 0 31 2 * x", "never comes"),
        ("5/15 * * * * x", "a step needs a range"),
        ("22-2 * * * * x", "run backwards"),
        ("H * * * * x", "name of a schedule"),
        ("hello world", "fewer than five"),
        ("0 25 * * * x", "field for the hour"),
    ] {
        assert!(refused(text).contains(part), "{text}: {}", refused(text));
    }
    let crontab = user("0 0 * * * a\n@reboot b\n0 0 * * * c\n");
    assert_eq!((crontab.entries.len(), crontab.refused[0].0), (2, 2));
    let crontab = Crontab::read(b"0 0 * * * \xff\n0 0 * * * b", &CrontabForm::User);
    assert_eq!(crontab.refused, [(1, "it is not valid UTF-8".to_owned())]);
    assert_eq!(crontab.entries.len(), 1);
    let unknown = one("CRON_TZ=Mars/Base\n0 0 * * * x").schedule("UTC", "/");
    assert!(unknown.unwrap_err().to_string().contains("Mars/Base"));
}

#[test]
fn variables_of_cron_itself_are_named() {
    let crontab = user("MAILTO=\"\"\nRANDOM_DELAY=10\n0 0 * * * x\n");
    assert_eq!(
        crontab.left_out,
        [(1, "MAILTO".to_owned()), (2, "RANDOM_DELAY".to_owned())]
    );
    assert_eq!(crontab.entries[0].variables.len(), 0);
}

#[test]
fn lines_of_other_users_of_the_system_are_refused() {
    let form = CrontabForm::System {
        user: "root".to_owned(),
    };
    let text = b"17 * * * * root cd / && run-parts /etc/cron.hourly
0 0 * * * www-data ./clean\n@daily\troot x\n0 0 * * * root\n";
    let crontab = Crontab::read(text, &form);
    let commands: Vec<&str> = crontab
        .entries
        .iter()
        .map(|one| one.command.as_str())
        .collect();
    assert_eq!(commands, ["cd / && run-parts /etc/cron.hourly", "x"]);
    assert!(crontab.refused[0].1.contains("belongs to `www-data`"));
    assert_eq!(crontab.refused[1].0, 4);
}

#[test]
fn the_name_of_a_line_depends_on_its_content_and_not_on_what_is_around_it() {
    let before = user("0 1 * * * /opt/tools/back.sh -v\n0 2 * * * b\n0 2 * * * b\n");
    let after = user(
        "PATH=/x\n# new\n0 2 * * * b\n9 9 * * * c\n0 1 * * * /opt/tools/back.sh -v\n0 2 * * * b\n",
    );
    let names = |crontab: &Crontab| {
        let mut names: Vec<String> = crontab.entries.iter().map(|one| one.name.clone()).collect();
        names.sort();
        names
    };
    let (before, mut after) = (names(&before), names(&after));
    after.retain(|name| !name.starts_with("c-"));
    assert_eq!(before, after);
    assert!(before[0].starts_with("b-") && before[1] == format!("{}-2", before[0]));
    assert!(before[2].starts_with("back.sh-"));
}

#[test]
fn ten_thousand_lines_have_ten_thousand_names() {
    let line = |n| format!("{} {} * * * job {n}", n % 60, n / 60 % 24);
    let lines: Vec<String> = (0..10_000).map(line).collect();
    let crontab = user(&lines.join("\n"));
    let names: std::collections::HashSet<&str> = crontab
        .entries
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!((names.len(), crontab.refused.len()), (10_000, 0));
}

#[test]
fn the_number_of_variables_is_bounded() {
    let lines: Vec<String> = (0..=MOST_VARIABLES).map(|n| format!("A{n}=1")).collect();
    let crontab = user(&lines.join("\n"));
    assert_eq!(crontab.refused.len(), 1);
    assert_eq!(crontab.refused[0].0, MOST_VARIABLES + 1);
}

proptest! {
    #[test]
    fn every_line_is_an_entry_a_setting_or_refused_once(
        lines in prop::collection::vec("[-*0-9a-zA-Z@#=%\\\\\"' \t/,]{0,40}", 0..20)
    ) {
        let crontab = user(&lines.join("\n"));
        let mut numbers: Vec<usize> = crontab.entries.iter().map(|one| one.line).collect();
        numbers.extend(crontab.refused.iter().map(|(line, _)| *line));
        numbers.extend(crontab.left_out.iter().map(|(line, _)| *line));
        numbers.sort_unstable();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(numbers.iter().all(|number| (1..=lines.len()).contains(number)));
        for entry in &crontab.entries {
            prop_assert!(entry.schedule("UTC", "/").is_ok(), "{entry:?}");
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for form in [CrontabForm::User, CrontabForm::System { user: "root".to_owned() }] {
            Crontab::read(&bytes, &form);
        }
    }
}
