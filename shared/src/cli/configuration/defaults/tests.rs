use clap::{Arg, ArgAction, Command, value_parser};

use super::{Setting, apply, parse};

fn command() -> Command {
    let attempts = Arg::new("max_attempts")
        .long("max-attempts")
        .value_parser(value_parser!(u32).range(1..))
        .help("Attempts [default: 3]");
    let add = Command::new("add-task")
        .arg(Arg::new("command").required(true))
        .arg(&attempts)
        .arg(
            Arg::new("merge")
                .long("merge-output")
                .action(ArgAction::SetTrue),
        )
        .arg(Arg::new("env").long("env").action(ArgAction::Append));
    let enqueue = add.clone().name("enqueue");
    Command::new("program")
        .arg(Arg::new("db").long("db").global(true))
        .arg(
            Arg::new("color")
                .long("color")
                .value_parser(["auto", "never"]),
        )
        .subcommand(add.alias("add"))
        .subcommand(enqueue)
        .subcommand(Command::new("list"))
        .subcommand(
            Command::new("worker")
                .arg(Arg::new("slots").long("slots"))
                .subcommand(Command::new("stop").arg(Arg::new("wait").long("wait"))),
        )
}

fn wrong(text: &str) -> String {
    let wrong = parse(text, &command()).unwrap_err();
    format!("{}: {}", wrong.line, wrong.sentence)
}

#[test]
fn settings_become_defaults_that_flags_replace() {
    let text = "color = 'never'\n[add]\nmax-attempts = 5\nmerge-output = true\nenv = ['A=1', 'B']";
    let settings = parse(text, &command()).unwrap();
    assert_eq!(
        settings[1],
        Setting {
            verb: Some("add-task".to_owned()),
            option: "max-attempts".to_owned(),
            values: vec!["5".to_owned()],
            line: 3,
        }
    );
    for verb in ["add-task", "add", "enqueue"] {
        let matches = apply(&settings, command()).get_matches_from(["program", verb, "x"]);
        let (_, own) = matches.subcommand().unwrap();
        assert_eq!(own.get_one::<u32>("max_attempts"), Some(&5));
        assert!(own.get_flag("merge"));
        let env: Vec<&String> = own.get_many("env").unwrap().collect();
        assert_eq!(env, ["A=1", "B"]);
    }
    let words = ["program", "add", "x", "--max-attempts", "1", "--env", "C"];
    let matches = apply(&settings, command()).get_matches_from(words);
    let (_, own) = matches.subcommand().unwrap();
    assert_eq!(own.get_one::<u32>("max_attempts"), Some(&1));
    assert_eq!(own.get_many::<String>("env").unwrap().len(), 1);
    let mut changed = apply(&settings, command());
    let help = changed.find_subcommand_mut("add").unwrap().render_help();
    assert!(help.to_string().contains("Attempts [default: 5]"), "{help}");
}

#[test]
fn a_verb_of_two_words_has_a_table_of_both() {
    let text = "[worker]\nslots = 2\n[worker.stop]\nwait = '5s'";
    let settings = parse(text, &command()).unwrap();
    let verbs: Vec<_> = settings.iter().map(|one| one.verb.as_deref()).collect();
    assert_eq!(verbs, [Some("worker"), Some("worker stop")]);
    let matches = apply(&settings, command()).get_matches_from(["program", "worker", "stop"]);
    let (_, worker) = matches.subcommand().unwrap();
    assert_eq!(worker.get_one::<String>("slots").unwrap(), "2");
    let (_, stop) = worker.subcommand().unwrap();
    assert_eq!(stop.get_one::<String>("wait").unwrap(), "5s");
}

#[test]
fn what_is_unknown_or_has_a_wrong_value_is_named_with_its_line() {
    for (text, expected) in [
        (
            "\n\ncolour = 'never'",
            "3: there is no common option colour; did you mean color?",
        ),
        (
            "max-attempts = 5",
            "1: max-attempts is an option of a verb; write it below [add-task]",
        ),
        (
            "[add-taks]\n",
            "1: there is no verb add-taks; did you mean add-task?",
        ),
        (
            "[add]\nmax-attempt = 5",
            "2: add-task has no option max-attempt; did you mean max-attempts?",
        ),
        (
            "[add]\ndb = '/x'",
            "2: db is an option of every verb; write it above all tables",
        ),
        ("[add]\ncommand = 'x'", "2: add-task has no option command"),
        (
            "db = 'x.db'",
            "1: db is a path from the root folder, beginning with /",
        ),
        (
            "[add]\nmax-attempts = 0",
            "2: invalid value '0' for '--max-attempts",
        ),
        (
            "[add]\nmax-attempts = [1, 2]",
            "2: a value is a string or a number",
        ),
        (
            "[add]\nmerge-output = 1",
            "2: merge-output is true or false",
        ),
        ("[add]\nenv = [['x']]", "2: a value is a string or a number"),
        ("[add.x]\ny = 1", "1: add-task has no option x"),
        (
            "[worker.stpo]\nwait = 1",
            "1: there is no verb worker stpo; did you mean stop?",
        ),
        (
            "[worker.stop]\nwiat = 1",
            "2: worker stop has no option wiat; did you mean wait?",
        ),
        (
            "[worker]\nwait = 1",
            "2: wait is an option of worker stop; write it below [worker.stop]",
        ),
        (
            "wait = 1",
            "1: wait is an option of a verb; write it below [worker.stop]",
        ),
        (
            "[enqueue]\nmerge-output = true\n[add]\nmerge-output = true",
            "4: merge-output is set on line 2 already",
        ),
        ("color = 'red'", "1: invalid value 'red' for '--color"),
        ("color", "1: "),
    ] {
        let sentence = wrong(text);
        assert!(sentence.starts_with(expected), "{text}: {sentence}");
    }
}
