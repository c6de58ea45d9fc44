//! Options of every verb.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

use super::configuration::Config;
use super::possible_values;
use super::printer::{Coloring, Format};
use crate::sqlite::Durability;

/// Options of every verb, before or after it.
#[derive(Args, Debug)]
pub struct Common {
    /// The database file; else the environment's `<PROGRAM>_DB`, else a file under
    /// `$XDG_DATA_HOME`
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        value_hint = clap::ValueHint::FilePath,
        help_heading = "Common options"
    )]
    pub(crate) db: Option<PathBuf>,

    /// Form of the output; else the environment's `<PROGRAM>_OUTPUT`, else a table
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        help_heading = "Common options"
    )]
    pub(crate) output: Option<Format>,

    /// Colours: on a terminal unless `NO_COLOR` is set (`auto`), always or never [default: auto]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        hide_possible_values = true,
        help_heading = "Common options"
    )]
    pub(crate) color: Option<Coloring>,

    /// Durability of acknowledged changes: with `fast` they survive the crash of any process, with
    /// `full` a power cut too
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        value_parser = possible_values::of(["fast", "full"], durability),
        hide_possible_values = true,
        help_heading = "Common options"
    )]
    pub(crate) durability: Option<Durability>,

    /// Ignore the configuration file; see `config`
    #[arg(long, global = true, help_heading = "Common options")]
    pub(crate) no_config: bool,
}

impl Common {
    /// The options that were given, by name.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let all = [
            ("db", self.db.is_some()),
            ("output", self.output.is_some()),
            ("color", self.color.is_some()),
            ("durability", self.durability.is_some()),
        ];
        let given = all.into_iter().filter(|(_, is_given)| *is_given);
        given.map(|(name, _)| name).collect()
    }

    /// Takes the values of the configuration file for options that were not given.
    pub(super) fn or(self, config: &Config) -> Self {
        let word = |name| config.common(name);
        Self {
            color: self.color.or_else(|| {
                let word = word("color")?;
                Coloring::from_str(word, false).ok()
            }),
            durability: self
                .durability
                .or_else(|| durability(word("durability")?).ok()),
            ..self
        }
    }
}

fn durability(word: &str) -> Result<Durability, String> {
    match word {
        "fast" => Ok(Durability::Fast),
        "full" => Ok(Durability::Full),
        _ => Err("a durability is `fast` or `full`".to_owned()),
    }
}

/// The form that `-o`, `--output` or the environment asks for, read before the arguments are
/// parsed, so that errors in them are reported in that form too.
pub(crate) fn format_of(arguments: &[OsString], environment: Option<&str>) -> Format {
    let word = |text: &str| match text {
        // Errors beside CloudEvents are JSON too.
        "cloudevents" => Some(Format::Json),
        _ => Format::from_str(text, false).ok(),
    };
    let mut format = environment.and_then(word);
    let mut rest = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = rest.next() {
        if argument == "--" {
            break;
        }
        let value = if argument == "-o" || argument == "--output" {
            rest.next().map(std::borrow::Cow::into_owned)
        } else {
            argument
                .strip_prefix("--output=")
                .or_else(|| argument.strip_prefix("-o"))
                .map(str::to_owned)
        };
        format = value.as_deref().and_then(word).or(format);
    }
    format.unwrap_or(Format::Table)
}

/// The colours that `--color` asks for, read before the arguments are parsed: the help is coloured
/// too.
pub(crate) fn coloring_of(arguments: &[OsString], config: &Config) -> Coloring {
    let before = arguments.iter().take_while(|argument| *argument != "--");
    let words: Vec<_> = before.map(|argument| argument.to_string_lossy()).collect();
    let mut values = words.iter().enumerate().filter_map(|(index, word)| {
        if word == "--color" {
            words.get(index + 1).map(AsRef::as_ref)
        } else {
            word.strip_prefix("--color=")
        }
    });
    let last = values
        .next_back()
        .or(config.common("color"))
        .and_then(|word| Coloring::from_str(word, false).ok());
    last.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Coloring, Config, Format, coloring_of, format_of};

    #[test]
    fn the_colours_of_the_help_are_known_before_the_arguments_are_parsed() {
        let of = |line: &str| {
            let arguments: Vec<_> = line.split(' ').map(Into::into).collect();
            coloring_of(&arguments, &Config::default())
        };
        assert_eq!(of("x --help"), Coloring::Auto);
        assert_eq!(of("x --color never --help"), Coloring::Never);
        assert_eq!(of("x --color=always --help"), Coloring::Always);
        assert_eq!(of("x add -- --color=always"), Coloring::Auto);
    }

    #[test]
    fn the_form_is_known_before_the_arguments_are_parsed() {
        let of = |line: &str, environment| {
            let arguments: Vec<_> = line.split(' ').map(Into::into).collect();
            format_of(&arguments, environment)
        };
        assert_eq!(of("x list", None), Format::Table);
        assert_eq!(of("x list -o json", None), Format::Json);
        assert_eq!(of("x -ojson list", None), Format::Json);
        assert_eq!(of("x --output=json", None), Format::Json);
        assert_eq!(of("x --output json", None), Format::Json);
        assert_eq!(of("x add-task a -- -o json", None), Format::Table);
        assert_eq!(of("x list", Some("json")), Format::Json);
        assert_eq!(of("x list -o table", Some("json")), Format::Table);
    }
}
