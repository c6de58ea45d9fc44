//! Defaults of options, read from TOML and checked against a command line.

use std::borrow::Cow;
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
    /// The words of the verb, such as `worker stop`; none for a common option.
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
            settings.extend(reader.verb((command, ""), key, table)?);
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
            let words: Vec<&str> = verb.split(' ').collect();
            command = with_setting(command, &words, one);
        }
    }
    command
}

/// The command line whose verb of those words has that default.
fn with_setting(command: Command, words: &[&str], setting: &Setting) -> Command {
    let Some((first, rest)) = words.split_first() else {
        let Some(id) = option(&command, &setting.option).map(|arg| arg.get_id().clone()) else {
            return command;
        };
        let values = setting.values.clone();
        return command.mut_arg(id, |arg| with_default(arg, values));
    };
    if command.find_subcommand(first).is_none() {
        return command;
    }
    command.mut_subcommand(first, |verb| with_setting(verb, rest, setting))
}

/// The words of a verb below these that has the option.
fn owner(command: &Command, words: &str, long: &str) -> Option<String> {
    let mut verbs = command.get_subcommands();
    let own = verbs.find(|verb| option(verb, long).is_some());
    let own = own.map(|verb| joined(words, verb.get_name()));
    own.or_else(|| {
        let mut verbs = command.get_subcommands();
        verbs.find_map(|verb| owner(verb, &joined(words, verb.get_name()), long))
    })
}

/// The words of a verb, and one more.
fn joined(words: &str, next: &str) -> String {
    let separator = if words.is_empty() { "" } else { " " };
    format!("{words}{separator}{next}")
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
            let sentence = match owner(self.command, "", key) {
                Some(words) => format!(
                    "{key} is an option of a verb; write it below {}",
                    table_of(&words)
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

    /// The options of a verb of that name, and of the verbs below it. `above` has the command that the
    /// verb belongs to, and its words.
    fn verb(
        &self,
        (above, words): (&Command, &str),
        key: &Spanned<Cow<'_, str>>,
        table: &DeTable<'_>,
    ) -> Result<Vec<Setting>, Wrong> {
        let name = key.get_ref();
        let Some(verb) = above.find_subcommand(name.as_ref()) else {
            let verbs = above.get_subcommands().map(Command::get_name);
            let hint = hint(name, verbs);
            let sentence = format!("there is no verb {}{hint}", joined(words, name));
            return Err(self.wrong(key.span(), sentence));
        };
        // Verbs with the same options share their settings.
        let own = if SYNONYMS.contains(&verb.get_name()) {
            SYNONYMS[0].to_owned()
        } else {
            joined(words, verb.get_name())
        };
        let mut settings = Vec::new();
        for (key, value) in table {
            if let DeValue::Table(below) = value.get_ref()
                && verb.has_subcommands()
            {
                settings.extend(self.verb((verb, &own), key, below)?);
                continue;
            }
            let Some(arg) = option(verb, key.get_ref()) else {
                let sentence = no_option(verb, &own, key.get_ref());
                return Err(self.wrong(key.span(), sentence));
            };
            settings.push(self.setting(&own, verb, arg, value, key.span())?);
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

/// Header of a verb's table.
fn table_of(words: &str) -> String {
    format!("[{}]", words.replace(' ', "."))
}

/// Sentence about an option that the verb of those words does not have.
fn no_option(verb: &Command, words: &str, long: &str) -> String {
    if COMMON.contains(&long) {
        return format!("{long} is an option of every verb; write it above all tables");
    }
    if let Some(owner) = owner(verb, words, long) {
        return format!(
            "{long} is an option of {owner}; write it below {}",
            table_of(&owner)
        );
    }
    let options = verb.get_arguments().filter_map(Arg::get_long);
    format!("{words} has no option {long}{}", hint(long, options))
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
mod tests;
