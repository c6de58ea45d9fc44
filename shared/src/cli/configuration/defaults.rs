//! Defaults of options, read from TOML and checked against a command line.

use std::ops::Range;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::likeness::is_like;

/// Common options that the file may set.
const COMMON: [&str; 4] = ["db", "output", "color", "durability"];

/// Verbs with the same options.
const SYNONYMS: [&str; 2] = ["add-task", "enqueue"];

/// A default of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Setting {
    /// The verb; none for a common option.
    pub(in crate::cli) verb: Option<String>,
    /// The option's long name.
    pub(in crate::cli) option: String,
    pub(in crate::cli) values: Vec<String>,
    /// The line, from 1.
    pub(in crate::cli) line: usize,
}

/// A line that is wrong, and a clause that says why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) sentence: String,
}

/// Reads the settings of a text for a command line.
///
/// # Errors
/// The first line that is wrong.
pub(super) fn parse(text: &str, command: &Command) -> Result<Vec<Setting>, Wrong> {
    let reader = Reader { text, command };
    let root = DeTable::parse(text).map_err(|error| Wrong {
        line: reader.line(error.span().unwrap_or_default()),
        sentence: error.message().replace('\n', ", "),
    })?;
    let mut settings = Vec::new();
    for (key, value) in root.get_ref() {
        if let DeValue::Table(table) = value.get_ref() {
            settings.extend(reader.verb(key.get_ref(), key.span(), table)?);
        } else {
            settings.push(reader.common(key.get_ref(), key.span(), value)?);
        }
    }
    settings.sort_by_key(|one| one.line);
    twice(&settings)?;
    Ok(settings)
}

/// Refuses an option that two tables of one verb set.
fn twice(settings: &[Setting]) -> Result<(), Wrong> {
    for (index, one) in settings.iter().enumerate() {
        let is_same = |other: &&Setting| other.verb == one.verb && other.option == one.option;
        if let Some(first) = settings[..index].iter().find(is_same) {
            let sentence = format!("{} is set on line {} already", one.option, first.line);
            let line = one.line;
            return Err(Wrong { line, sentence });
        }
    }
    Ok(())
}

/// The command line with these defaults.
pub(super) fn apply(settings: &[Setting], mut command: Command) -> Command {
    for one in settings {
        let Some(verb) = &one.verb else { continue };
        let verbs: &[&str] = if SYNONYMS.contains(&verb.as_str()) {
            &SYNONYMS
        } else {
            &[verb.as_str()]
        };
        for verb in verbs {
            let Some(found) = command.find_subcommand(verb) else {
                continue;
            };
            let Some(id) = option(found, &one.option).map(|arg| arg.get_id().clone()) else {
                continue;
            };
            let values = one.values.clone();
            command = command.mut_subcommand(verb, |verb| {
                verb.mut_arg(id, |arg| with_default(arg, values))
            });
        }
    }
    command
}

/// The option with these values as its default, which its help then names in place of the usual one.
fn with_default(arg: Arg, values: Vec<String>) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = match help.rsplit_once(" [default: ") {
        Some((front, _)) => front.to_owned(),
        None => help,
    };
    arg.help(help).default_values(values)
}

/// The option of that long name.
fn option<'a>(verb: &'a Command, long: &str) -> Option<&'a Arg> {
    let is_it = |arg: &&Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(long) || aliases.contains(&long)
    };
    verb.get_arguments().find(is_it)
}

struct Reader<'a> {
    text: &'a str,
    command: &'a Command,
}

impl Reader<'_> {
    /// The line of a part of the text, from 1.
    fn line(&self, part: Range<usize>) -> usize {
        let before = self.text.get(..part.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn wrong(&self, part: Range<usize>, sentence: String) -> Wrong {
        let line = self.line(part);
        Wrong { line, sentence }
    }

    /// A common option.
    fn common(
        &self,
        key: &str,
        part: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, Wrong> {
        if !COMMON.contains(&key) {
            let mut verbs = self.command.get_subcommands();
            let sentence = match verbs.find(|verb| option(verb, key).is_some()) {
                Some(verb) => format!(
                    "{key} is an option of a verb; write it below [{}]",
                    verb.get_name()
                ),
                None => format!(
                    "there is no common option {key}{}",
                    hint(key, COMMON.iter())
                ),
            };
            return Err(self.wrong(part, sentence));
        }
        let values = self.values(value, false)?;
        if key == "db" && !values[0].starts_with('/') {
            let sentence = "db is a path from the root folder, beginning with /".to_owned();
            return Err(self.wrong(part, sentence));
        }
        self.check(self.command, key, &values, part.clone())?;
        Ok(Setting {
            verb: None,
            option: key.to_owned(),
            values,
            line: self.line(part),
        })
    }

    /// The options of a verb.
    fn verb(
        &self,
        name: &str,
        part: Range<usize>,
        table: &DeTable<'_>,
    ) -> Result<Vec<Setting>, Wrong> {
        let Some(verb) = self.command.find_subcommand(name) else {
            let verbs = self.command.get_subcommands().map(Command::get_name);
            let sentence = format!("there is no verb {name}{}", hint(name, verbs));
            return Err(self.wrong(part, sentence));
        };
        // Verbs with the same options share their settings.
        let own = if SYNONYMS.contains(&verb.get_name()) {
            SYNONYMS[0]
        } else {
            verb.get_name()
        };
        let mut settings = Vec::new();
        for (key, value) in table {
            let (long, part) = (key.get_ref(), key.span());
            let Some(arg) = option(verb, long) else {
                let sentence = if COMMON.contains(&&**long) {
                    format!("{long} is an option of every verb; write it above all tables")
                } else {
                    let options = verb.get_arguments().filter_map(Arg::get_long);
                    format!("{own} has no option {long}{}", hint(long, options))
                };
                return Err(self.wrong(part, sentence));
            };
            settings.push(self.setting(own, verb, arg, value, part)?);
        }
        Ok(settings)
    }

    fn setting(
        &self,
        own: &str,
        verb: &Command,
        arg: &Arg,
        value: &Spanned<DeValue<'_>>,
        part: Range<usize>,
    ) -> Result<Setting, Wrong> {
        let long = arg.get_long().unwrap_or_default();
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let values = if is_flag {
            let DeValue::Boolean(is_set) = value.get_ref() else {
                return Err(self.wrong(part, format!("{long} is true or false")));
            };
            vec![is_set.to_string()]
        } else {
            let takes_many = matches!(arg.get_action(), ArgAction::Append);
            let values = self.values(value, takes_many)?;
            self.check(verb, long, &values, part.clone())?;
            values
        };
        Ok(Setting {
            verb: Some(own.to_owned()),
            option: long.to_owned(),
            values,
            line: self.line(part),
        })
    }

    /// The values of an option as the command line has them.
    fn values(&self, value: &Spanned<DeValue<'_>>, takes_many: bool) -> Result<Vec<String>, Wrong> {
        if let DeValue::Array(values) = value.get_ref()
            && takes_many
            && !values.is_empty()
        {
            let nested: Result<Vec<_>, _> =
                values.iter().map(|one| self.values(one, false)).collect();
            return Ok(nested?.concat());
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Integer(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let list = if takes_many {
                    " or a list of these"
                } else {
                    ""
                };
                let sentence = format!("a value is a string or a number{list}");
                return Err(self.wrong(value.span(), sentence));
            }
        };
        Ok(vec![text])
    }

    /// Checks the values as the command line would.
    fn check(
        &self,
        verb: &Command,
        long: &str,
        values: &[String],
        part: Range<usize>,
    ) -> Result<(), Wrong> {
        let words = values.iter().map(|value| format!("--{long}={value}"));
        let words = std::iter::once(verb.get_name().to_owned()).chain(words);
        let Err(error) = verb.clone().try_get_matches_from(words) else {
            return Ok(());
        };
        // Any other error is about what else the command line would need.
        let is_about_value = matches!(
            error.kind(),
            ErrorKind::InvalidValue
                | ErrorKind::ValueValidation
                | ErrorKind::NoEquals
                | ErrorKind::WrongNumberOfValues
                | ErrorKind::TooManyValues
                | ErrorKind::TooFewValues
        );
        if !is_about_value {
            return Ok(());
        }
        let text = error.render().to_string();
        let first = text.split("\n\n").next().unwrap_or(&text);
        let words: Vec<&str> = first.split_whitespace().collect();
        let sentence = words.join(" ");
        let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
        Err(self.wrong(part, sentence.to_owned()))
    }
}

/// A question about the name that may be meant.
fn hint<'a, S: AsRef<str> + ?Sized + 'a>(
    name: &str,
    mut known: impl Iterator<Item = &'a S>,
) -> String {
    match known.find(|other| is_like(name, other.as_ref())) {
        Some(other) => format!("; did you mean {}?", other.as_ref()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
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
    }

    fn wrong(text: &str) -> String {
        let wrong = parse(text, &command()).unwrap_err();
        format!("{}: {}", wrong.line, wrong.sentence)
    }

    #[test]
    fn settings_become_defaults_that_flags_replace() {
        let text =
            "color = 'never'\n[add]\nmax-attempts = 5\nmerge-output = true\nenv = ['A=1', 'B']";
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
}
