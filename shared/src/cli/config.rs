//! `config`: shows the options that flags, variables or the configuration file set. The file gives
//! defaults of options: flags and variables come first.

use std::path::Path;

use serde::Serialize;

use super::Failure;
use super::configuration::Setting;
use super::own_variable::{variable, variable_name};
use super::program::Context;
use super::table::{Table, left, text};
use crate::queue::Queue;

/// Show the options that flags, variables and the configuration file set
///
/// The file is `$XDG_CONFIG_HOME/<PROGRAM>/config.toml`, or `~/.config/<PROGRAM>/config.toml`. It has
/// defaults for options: a flag comes first, then a variable, then the file. The file and its folder
/// must be the caller's own and writable by nobody else. `--no-config` and the environment's
/// `<PROGRAM>_NO_CONFIG=1` ignore it.
///
/// Common options stand at its top (db, output, color, durability), those of a verb in a table of
/// its name (`[worker.stop]` for `worker stop`):
///
///   color = "never"
///
///   [add-task]
///   max-attempts = 5
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Arguments {}

/// Origin of a value.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Flag,
    Variable(String),
    File(usize),
    Default,
}

#[derive(Serialize)]
struct View<'a> {
    file: Option<&'a Path>,
    exists: bool,
    options: Vec<OptionView>,
}

#[derive(Serialize)]
struct OptionView {
    verb: Option<String>,
    option: String,
    values: Vec<String>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl OptionView {
    fn new(verb: Option<&str>, option: &str, values: Vec<String>, source: Source) -> Self {
        let (word, variable, line) = match source {
            Source::Flag => ("flag", None, None),
            Source::Variable(name) => ("variable", Some(name), None),
            Source::File(line) => ("file", None, Some(line)),
            Source::Default => ("default", None, None),
        };
        Self {
            verb: verb.map(str::to_owned),
            option: option.to_owned(),
            values,
            source: word,
            variable,
            line,
        }
    }

    /// The source as people read it.
    fn origin(&self) -> String {
        match (&self.variable, self.line) {
            (Some(name), _) => format!("variable {name}"),
            (None, Some(line)) => format!("file, line {line}"),
            (None, None) => self.source.to_owned(),
        }
    }
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    let config = &context.config;
    let mut options: Vec<OptionView> = Vec::new();
    for (option, value) in context.common_values() {
        let source = source(context, option);
        options.push(OptionView::new(None, option, vec![value], source));
    }
    for one in config.settings.iter().filter(|one| one.verb.is_some()) {
        let (verb, values) = (one.verb.as_deref(), shown(one));
        let source = Source::File(one.line);
        options.push(OptionView::new(verb, &one.option, values, source));
    }
    if context.printer.is_json() {
        return context.printer.json(&View {
            file: config.path.as_deref(),
            exists: config.exists,
            options,
        });
    }
    let heading = match &config.path {
        None => "No configuration file is read.\n".to_owned(),
        Some(path) => {
            let missing = if config.exists {
                ""
            } else {
                " (there is none)"
            };
            format!(
                "{}{missing}\n",
                super::escape::line(&path.to_string_lossy())
            )
        }
    };
    context.printer.raw(heading.as_bytes())?;
    let columns = [left("VERB"), left("OPTION"), text("VALUE"), left("SOURCE")];
    let mut table = Table::new(&columns);
    for one in options {
        let origin = one.origin();
        let values = one.values.join(", ");
        let verb = one.verb.as_deref().unwrap_or_default();
        table.row([verb, &one.option, &values, &origin]);
    }
    context.printer.table(&table)
}

/// The values of a setting; of variables only the names.
fn shown(setting: &Setting) -> Vec<String> {
    let name = |value: &String| match value.split_once('=') {
        Some((name, _)) if setting.option == "env" => name.to_owned(),
        _ => value.clone(),
    };
    setting.values.iter().map(name).collect()
}

/// Origin of the value of a common option.
fn source<Q: Queue>(context: &Context<Q>, option: &str) -> Source {
    if context.flags.contains(&option) {
        return Source::Flag;
    }
    let name = option.to_uppercase();
    let program = context.program.name;
    if ["db", "output"].contains(&option) && variable(program, &name).is_some() {
        return Source::Variable(variable_name(program, &name));
    }
    if option == "db" && context.by_task {
        return Source::Variable("QUEUE_DB".to_owned());
    }
    let setting = context.config.common_setting(option);
    setting.map_or(Source::Default, |one| Source::File(one.line))
}
