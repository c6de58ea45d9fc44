//! Settings of a task that only this program has, and that the tasks of a schedule have too.

use std::time::Duration;

use queue_core::cli::{duration, possible_values};
use workflow_queue::{KeyScope, Settings};

/// Settings of a task. A verb that flattens them has an argument or a group `keyed`.
#[derive(clap::Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct WorkflowSettings {
    /// Time that its key stays taken: as long as the task is kept (`forever`), until it has ended
    /// (`unfinished`), or for a duration from now (1h) [default: forever]
    #[arg(
        long,
        value_name = "SCOPE",
        value_parser = possible_values::of(["forever", "unfinished"], key_scope),
        hide_possible_values = true,
        requires = "keyed"
    )]
    key_scope: Option<KeyScope>,

    /// Fail it unless it has started within this time after it could have
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    start_within: Option<Duration>,

    /// Fail it unless it has ended within this time after it could have started, retries included
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    finish_within: Option<Duration>,

    /// The key whose limit it falls under; see `limit`
    #[arg(long, value_name = "KEY")]
    limit_key: Option<String>,
}

impl WorkflowSettings {
    /// Applies the settings that were given, and leaves the others as they are.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(scope) = self.key_scope {
            settings.key_scope = scope;
        }
        settings.start_within = self.start_within.or(settings.start_within);
        settings.finish_within = self.finish_within.or(settings.finish_within);
        if let Some(key) = &self.limit_key {
            settings.limit_key = Some(key.clone().into_bytes());
        }
    }
}

/// Reads the time that a key stays taken.
pub(crate) fn key_scope(text: &str) -> Result<KeyScope, String> {
    match text {
        "forever" => Ok(KeyScope::Forever),
        "unfinished" => Ok(KeyScope::WhileUnfinished),
        period => duration::parse(period)
            .map(KeyScope::For)
            .map_err(|_| "it is `forever`, `unfinished` or a duration such as 1h".to_owned()),
    }
}
