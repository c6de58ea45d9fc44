//! `edit`: changes waiting tasks.

use std::time::Duration;

use super::change_selected::{self, ChangeVerb};
use super::option_values::{at, exit_code, folder, millis, priority, shell};
use super::program::Context;
use super::select::{self, Selector};
use super::variables::variables;
use super::{Failure, duration, number};
use crate::clock::{Clock, SystemClock};
use crate::queue::{Edit, Queue};
use crate::state::State;
use crate::task::Work;

/// Change waiting tasks
///
/// What is not named stays, and so do the ids, keys and queues of the tasks, and what they wait for. A
/// task that a worker has taken is left as it is. The command of a handler's task cannot be changed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Another command line
    #[arg(long, value_name = "COMMAND", conflicts_with = "argv")]
    command: Option<String>,

    /// Another program with its arguments, started without a shell
    #[arg(last = true, value_name = "PROGRAM")]
    argv: Vec<String>,

    /// Another name
    #[arg(long)]
    name: Option<String>,

    /// Another priority; higher runs first
    #[arg(long, allow_negative_numbers = true, value_parser = priority)]
    priority: Option<i32>,

    /// Start it this long from now; 0 for at once
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        value_parser = duration::parse,
        conflicts_with = "at"
    )]
    delay: Option<Duration>,

    /// Start it at this time
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Time an attempt may take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// Let an attempt take any time
    #[arg(long, conflicts_with = "timeout")]
    no_timeout: bool,

    /// Exits and timeouts before it is failed
    #[arg(long, value_name = "NUMBER", value_parser = number::within(1..=u32::MAX))]
    max_attempts: Option<u32>,

    /// Deaths of its worker before it is failed
    #[arg(long, value_name = "NUMBER", value_parser = number::within(1..=u32::MAX))]
    max_crashes: Option<u32>,

    /// Delay before the first retry, doubling after
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    backoff: Option<Duration>,

    /// Retry only after these exit codes
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = exit_code)]
    retry_codes: Vec<i32>,

    /// Never retry after these exit codes
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = exit_code)]
    fatal_codes: Vec<i32>,

    /// The folder it runs in
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    cwd: Option<String>,

    /// The shell that runs its command with `-c`
    #[arg(long, value_name = "SHELL", conflicts_with = "argv", value_parser = shell)]
    shell: Option<String>,

    /// Set a variable of its environment to that value or the one it has here; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,

    /// Remove a variable that was set for it; may be repeated
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  <PROGRAM> edit 7 --command './build --release' --timeout 1h
  <PROGRAM> edit 3,5-8 --priority 10 --delay 0
  <PROGRAM> edit last --env LEVEL=2 --unset-env DEBUG -- ./report --all";

const VERB: ChangeVerb = ChangeVerb {
    done: "Edited",
    refused: "edited",
    states: &State::WAITING,
    already: None,
    standing: None,
};

impl Arguments {
    fn edit(&self) -> Result<Edit, Failure> {
        let now = SystemClock.now().wall;
        let run_at = match (&self.at, self.delay) {
            (Some(text), _) => Some(at(text, now)?),
            (None, delay) => delay.map(|delay| now.after(delay)),
        };
        let run_at = (self.at.is_some() || self.delay.is_some())
            .then(|| run_at.filter(|run_at| *run_at > now));
        let command = self.command.clone().map(Work::Shell);
        let argv = (!self.argv.is_empty()).then(|| Work::Argv(self.argv.clone()));
        let timeout = self.timeout.map(|timeout| Some(millis(timeout)));
        let set = variables(&self.env, false)?.into_iter();
        let set = set.map(|(name, value)| (name, Some(value)));
        let unset = self.unset_env.iter().cloned().map(|name| (name, None));
        let codes = |codes: &Vec<i32>| (!codes.is_empty()).then(|| codes.clone());
        let edit = Edit {
            name: self.name.clone(),
            work: command.or(argv),
            priority: self.priority,
            run_at,
            timeout_ms: timeout.or(self.no_timeout.then_some(None)),
            max_attempts: self.max_attempts,
            max_crashes: self.max_crashes,
            backoff_ms: self.backoff.map(millis),
            cwd: self.cwd.as_deref().map(folder).transpose()?,
            shell: self.shell.clone(),
            env: unset.chain(set).collect(),
            retry_codes: codes(&self.retry_codes),
            fatal_codes: codes(&self.fatal_codes),
        };
        if edit == Edit::default() {
            return Err(Failure::Usage(
                "there is nothing to change; name a new value, such as --command or --priority"
                    .to_owned(),
            ));
        }
        Ok(edit)
    }
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let edit = arguments.edit()?;
    change_selected::run(context, &arguments.ids.concat(), &VERB, |queue, ids| {
        queue.edit(ids, &edit)
    })
}
