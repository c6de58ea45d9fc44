//! Crontabs: the lines of a user's or of the system's, as schedules.
//!
//! Variables, `SHELL`, `HOME` and `CRON_TZ` hold for the lines below them. What no schedule can
//! express is refused with the number of its line.

use std::collections::HashMap;
use std::sync::Arc;

use queue_core::error::Result;
use queue_core::task::NewTask;

use super::NewSchedule;
use super::cron::Cron;
use super::hash::stable_hash;
use super::spec::Spec;
use crate::workflow_task::WorkflowTask;

/// Most variables that hold for a line.
pub const MOST_VARIABLES: usize = 200;

/// Number under which the hash of a line gives its name; fields of expressions have lower ones.
const NAMES: u8 = 65;

/// Variables about cron itself, which no schedule takes over.
const OF_CRON: [&str; 6] = [
    "MAILTO",
    "MAILFROM",
    "CONTENT_TYPE",
    "CONTENT_TRANSFER_ENCODING",
    "RANDOM_DELAY",
    "START_HOURS_RANGE",
];

/// Form of a crontab.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrontabForm {
    /// That of a user.
    User,
    /// That of the system, with a column for the user.
    System {
        /// The user whose lines are read. Lines of others are refused.
        user: String,
    },
}

/// A crontab that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Crontab {
    /// Its commands.
    pub entries: Vec<CrontabEntry>,
    /// Lines that are refused, each with the reason.
    pub refused: Vec<(usize, String)>,
    /// Lines that set a variable of cron itself, with its name.
    pub left_out: Vec<(usize, String)>,
}

/// Command of a crontab.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrontabEntry {
    /// Number of its line, from 1.
    pub line: usize,
    /// Name of its schedule: the same whenever the same line is read.
    pub name: String,
    /// Its cron expression.
    pub expression: String,
    /// Its command.
    pub command: String,
    /// Time zone set above it.
    pub zone: Option<String>,
    /// Shell set above it.
    pub shell: Option<String>,
    /// Home folder set above it.
    pub home: Option<String>,
    /// Variables set above it.
    pub variables: Arc<Vec<(String, String)>>,
}

impl CrontabEntry {
    /// The schedule of the line, in this time zone and this folder unless lines above it set others.
    /// A command that fails is not tried again, as under cron.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a time zone that this machine does not know.
    pub fn schedule(&self, zone: &str, home: &str) -> Result<NewSchedule> {
        let zone = self.zone.as_deref().unwrap_or(zone);
        let mut task = NewTask::shell(&self.name, &self.command);
        let options = &mut task.options;
        options.max_attempts = 1;
        options.cwd = Some(self.home.as_deref().unwrap_or(home).to_owned());
        options.shell.clone_from(&self.shell);
        options.env.clone_from(&self.variables);
        let new = NewSchedule {
            name: self.name.clone(),
            spec: Spec::cron(&self.name, &self.expression, zone)?,
            task: WorkflowTask::from(task),
        };
        super::action::check(&new.task)?;
        Ok(new)
    }
}

impl Crontab {
    /// Reads a crontab.
    pub fn read(bytes: &[u8], form: &CrontabForm) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = Reader {
            form,
            settings: Settings::default(),
            names: HashMap::new(),
            crontab: Self::default(),
        };
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let read = match std::str::from_utf8(line) {
                Ok(text) => reader.line(index + 1, text),
                Err(_) => Err("it is not valid UTF-8".to_owned()),
            };
            if let Err(reason) = read {
                reader.crontab.refused.push((index + 1, reason));
            }
        }
        reader.crontab
    }
}

/// Settings that hold for the lines below them.
#[derive(Default)]
struct Settings {
    zone: Option<String>,
    shell: Option<String>,
    home: Option<String>,
    variables: Arc<Vec<(String, String)>>,
}

struct Reader<'a> {
    form: &'a CrontabForm,
    settings: Settings,
    /// Number of entries of each name.
    names: HashMap<String, usize>,
    crontab: Crontab,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        let text = text.trim_start_matches(BLANKS);
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        if let Some((name, value)) = setting(text) {
            return self.set(number, name, value);
        }
        let (expression, rest) = times(text)?;
        let (user, command) = match self.form {
            CrontabForm::User => (None, rest),
            CrontabForm::System { user } => {
                let (owner, command) = word(rest);
                if owner != user {
                    let owner = owner.escape_debug();
                    return Err(format!(
                        "it belongs to `{owner}`, not to `{user}`; import it as that user"
                    ));
                }
                (Some(owner), command)
            }
        };
        let command = unescaped(command)?;
        if command.trim().is_empty() {
            return Err("there is no command after the times".to_owned());
        }
        Cron::parse(&expression, None).map_err(|error| error.to_string())?;
        let name = self.name(user, &expression, &command);
        self.crontab.entries.push(CrontabEntry {
            line: number,
            name,
            expression,
            command,
            zone: self.settings.zone.clone(),
            shell: self.settings.shell.clone(),
            home: self.settings.home.clone(),
            variables: Arc::clone(&self.settings.variables),
        });
        Ok(())
    }

    fn set(&mut self, number: usize, name: &str, value: &str) -> Result<(), String> {
        let settings = &mut self.settings;
        let given = Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "CRON_TZ" => settings.zone = given,
            "SHELL" => settings.shell = given,
            _ if OF_CRON.contains(&name) => {
                self.crontab.left_out.push((number, name.to_owned()));
            }
            _ => {
                if name == "HOME" {
                    settings.home.clone_from(&given);
                }
                let variables = Arc::make_mut(&mut settings.variables);
                variables.retain(|(other, _)| other != name);
                if variables.len() >= MOST_VARIABLES {
                    return Err(format!(
                        "more than {MOST_VARIABLES} variables hold for the lines below; set them in \
                         a script"
                    ));
                }
                variables.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }

    /// Name of a line: the first word of its command, a hash of its content, and the number of its
    /// occurrence from the second on.
    fn name(&mut self, user: Option<&str>, expression: &str, command: &str) -> String {
        let content = [user.unwrap_or_default(), expression, command].join("\n");
        let hash = stable_hash(&content, NAMES) >> 16;
        let (first, _) = word(command);
        let file = first.rsplit('/').next().unwrap_or_default();
        let plain = file
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c));
        let plain: String = plain.take(30).collect();
        let word = if plain.is_empty() { "cron" } else { &plain };
        let name = format!("{word}-{hash:012x}");
        let occurrence = self.names.entry(name.clone()).or_default();
        *occurrence += 1;
        if *occurrence > 1 {
            return format!("{name}-{occurrence}");
        }
        name
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The first word of a text, and what follows the blanks after it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
    (word, rest.trim_start_matches(BLANKS))
}

/// Name and value of a line that sets a variable.
fn setting(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = unquoted(name.trim_matches(BLANKS));
    let mut characters = name.chars();
    let begins = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let is_name = begins && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name, unquoted(value.trim_matches(BLANKS))))
}

/// The text without a pair of quotes around it.
fn unquoted(text: &str) -> &str {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// The times at the beginning of a line, and the rest of it.
fn times(text: &str) -> Result<(String, &str), String> {
    // A leading `-` only keeps a line out of the log of cron.
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let mut fields = Vec::new();
    let number = if rest.starts_with('@') { 1 } else { 5 };
    while fields.len() < number {
        let (field, after) = word(rest);
        if field.is_empty() {
            return Err(
                "it has fewer than five fields for its times; write minute, hour, day of month, \
                 month and day of week"
                    .to_owned(),
            );
        }
        fields.push(field);
        rest = after;
    }
    Ok((fields.join(" "), rest))
}

/// The command with `%` for `\%`. A bare `%` would begin the standard input of the command.
fn unescaped(command: &str) -> Result<String, String> {
    let parts: Vec<&str> = command.split('%').collect();
    let Some((last, before)) = parts.split_last() else {
        return Ok(String::new());
    };
    let mut plain = String::with_capacity(command.len());
    for part in before {
        let Some(part) = part.strip_suffix('\\') else {
            return Err(
                "a bare % begins the standard input of a command; write \\% for a percent sign, or \
                 printf and a pipe for the input"
                    .to_owned(),
            );
        };
        plain.push_str(part);
        plain.push('%');
    }
    plain.push_str(last);
    Ok(plain)
}

#[cfg(test)]
mod tests;
