use proptest::prelude::*;

use super::super::quoting::is_noncharacter;
use super::super::quoting::tests::{expanded, words};
use super::{Definition, Restart, Scope, check_name};

fn definition<'a>(command: &'a [String], variables: &'a [(String, String)]) -> Definition<'a> {
    Definition {
        owner: "fast-queue",
        name: "web",
        database: "/home/a/x.db",
        file: -2,
        command,
        folder: "/srv",
        variables,
        run_as: None,
        restart: Restart::OnFailure,
        memory_max: None,
        scope: Scope::User,
    }
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Values of a key.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines();
    let of_key = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    lines.filter_map(of_key).collect()
}

#[test]
fn a_unit_has_the_marks_of_its_file_and_what_was_asked_for() {
    let command = command(&[
        "/bin/sh",
        "-c",
        "exec 50% of $HOME\nUser=root; \"x\" 'y' \\",
    ]);
    let variables = [("A".to_owned(), "50% $HOME \"\n".to_owned())];
    let text = Definition {
        memory_max: Some(64 << 20),
        restart: Restart::Always,
        run_as: Some("queue"),
        folder: "/srv/50%",
        scope: Scope::System,
        ..definition(&command, &variables)
    }
    .render()
    .unwrap();
    for line in [
        "X-Queue-File=fffffffffffffffe",
        "X-Queue-Service=web",
        "Type=exec",
        "WorkingDirectory=/srv/50%%",
        "User=queue",
        "Restart=always",
        "RestartSec=1",
        "MemoryMax=67108864",
        "WantedBy=multi-user.target",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
    assert_eq!(values(&text, "User").len(), 1, "{text}");
    let exec = words(values(&text, "ExecStart")[0]);
    let read: Vec<String> = exec.iter().map(|word| expanded(word, true)).collect();
    assert_eq!(read, command);
    let set = words(values(&text, "Environment")[0]);
    assert_eq!(expanded(&set[0], false), "A=50% $HOME \"\n");
}

#[test]
fn names_that_would_be_a_path_or_an_escape_are_refused() {
    for name in ["web", "my-web_2.x", "a", "web.service"] {
        check_name(name).unwrap();
    }
    let long = "x".repeat(300);
    for name in [
        "", ".", "..", "../x", "a/b", "a b", "a\"b", "a'b", "50%", "a\nb", "-a", "ü", "a@b",
        "a\\b", ".service", &long,
    ] {
        let refused = check_name(name).unwrap_err();
        assert!(refused.contains("a service's name"), "{name}: {refused}");
    }
}

#[test]
fn values_that_systemd_does_not_take_are_refused() {
    let plain = command(&["/bin/true"]);
    let refused = |definition: Definition<'_>| definition.render().unwrap_err().to_string();
    for program in ["/a$b", "/a\"b", "/a'b", "/a\\b", "/a\nb", "/a\u{ffff}"] {
        let command = command(&[program]);
        let sentence = refused(definition(&command, &[]));
        assert!(sentence.contains("cannot start"), "{program}: {sentence}");
    }
    for folder in ["/a\nb", "/a ", "/a\\", "/a\tb", "/a\u{ffff}"] {
        let sentence = refused(Definition {
            folder,
            ..definition(&plain, &[])
        });
        assert!(sentence.contains("--cwd"), "{folder}: {sentence}");
    }
    for (name, value) in [
        ("1A", ""),
        ("A-B", ""),
        ("A", "\x1b"),
        ("A", "\r"),
        ("A", "\u{fffe}"),
    ] {
        let variables = [(name.to_owned(), value.to_owned())];
        let sentence = refused(definition(&plain, &variables));
        assert!(sentence.contains("systemd"), "{name}: {sentence}");
    }
    let long = command(&["/bin/true", &"x".repeat(1 << 20)]);
    assert!(refused(definition(&long, &[])).contains("1 MiB"));
    let small = Definition {
        memory_max: Some(4096),
        ..definition(&plain, &[])
    };
    assert!(refused(small).contains("1M"));
}

proptest! {
    #[test]
    fn no_value_adds_a_line_or_changes_another(
        arguments in prop::collection::vec("[^\0]{0,30}", 0..4),
        value in "[^\0-\x08\x0b-\x1f\x7f]{0,30}",
        database in "[^\0]{0,30}",
    ) {
        prop_assume!(!value.contains(is_noncharacter));
        let mut command = vec!["/bin/true".to_owned()];
        command.extend(arguments);
        let variables = [("NAME".to_owned(), value.clone())];
        let text = Definition {
            database: &database,
            ..definition(&command, &variables)
        }
        .render()
        .unwrap();
        let lines = text.lines().count();
        prop_assert_eq!(lines, 17);
        prop_assert!(!text.lines().any(|line| line.ends_with('\\')));
        let exec = words(values(&text, "ExecStart")[0]);
        let read: Vec<String> = exec.iter().map(|word| expanded(word, true)).collect();
        prop_assert_eq!(read, command);
        let set = words(values(&text, "Environment")[0]);
        prop_assert_eq!(expanded(&set[0], false), format!("NAME={value}"));
    }
}
