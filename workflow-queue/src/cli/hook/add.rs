//! `hook add`: adds a hook.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use queue_core::cli::{Access, Context, Failure, duration, escape, note, possible_values};
use queue_core::error::Error;
use serde::Serialize;
use workflow_queue::{EventKind, HookSecret, HookTarget, NewHook, WorkflowQueue, can_be_chosen};

use crate::cli::events;

/// Most bytes that are read of a secret.
const SECRET: u64 = 1_000;

/// Add a hook: a program or a URL, and the events that it gets from now on
///
/// A program finds the event on its standard input, and `QUEUE_HOOK`, `QUEUE_EVENT_ID`,
/// `QUEUE_EVENT_TYPE`, `QUEUE_TASK_ID`, `QUEUE_STATE`, `QUEUE_ATTEMPT`, `QUEUE_EXIT_CODE`, `QUEUE_SIGNAL`
/// and `QUEUE_DB` in its environment. It starts in the folder from which the hook was added, without a
/// shell. A URL gets the event as the body of a POST request.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Its name, 1 to 200 bytes
    name: String,

    /// Type of its events, such as task.failed, or the beginning of several, such as task; may be
    /// repeated, and several are separated by commas
    #[arg(
        long = "on",
        value_name = "TYPE",
        required = true,
        value_delimiter = ',',
        value_parser = possible_values::of(events::words(), kinds),
        hide_possible_values = true
    )]
    kinds: Vec<Vec<EventKind>>,

    /// Only events of tasks of this queue, and of the queue itself; may be repeated
    #[arg(long, value_name = "NAME")]
    queue: Vec<String>,

    /// The URL, http or https. Its user and password are sent and never shown
    #[arg(long, conflicts_with = "argv")]
    url: Option<String>,

    /// File with the secret that signs deliveries to a URL, `-` for the standard input; it is never
    /// shown
    #[arg(long, value_name = "FILE", requires = "url")]
    secret_file: Option<PathBuf>,

    /// Longest time of a delivery, 100ms to 1h
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,

    /// The program and its arguments, started without a shell
    #[arg(last = true, value_name = "COMMAND")]
    argv: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  <PROGRAM> hook add alert --on task.failed -- ./alert
  <PROGRAM> hook add chat --on task.failed --queue mail --url https://chat.example.org/hooks/7
  <PROGRAM> hook add copy --on task --url https://example.org/in --secret-file secret";

#[derive(Serialize)]
struct View<'a> {
    hook: &'a str,
    added: bool,
}

/// The kinds that a word means. Of a group, those that a hook can be for.
fn kinds(word: &str) -> Result<Vec<EventKind>, String> {
    let mut found = events::kinds(word)?;
    if found.len() > 1 {
        found.retain(|kind| can_be_chosen(*kind));
    }
    Ok(found)
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: Arguments) -> Result<(), Failure> {
    let target = target(&arguments)?;
    let mut kinds = arguments.kinds.concat();
    kinds.sort_unstable();
    kinds.dedup();
    let secret = arguments.secret_file.as_deref().map(secret).transpose()?;
    let new = NewHook::new(&arguments.name, kinds, target)
        .queues(arguments.queue)
        .secret(secret)
        .limit(arguments.timeout);
    let queue = context.open(Access::Create)?;
    queue.hooks().add(&new)?;
    let sentence = format!(
        "Added hook {}; {}, `worker --hooks` and `serve` deliver",
        escape::line(&arguments.name),
        context.command("hook run")
    );
    let view = View {
        hook: &arguments.name,
        added: true,
    };
    context.printer.of_done().say(&sentence, &view)?;
    if let Some(program) = arguments.argv.first()
        && program.contains('/')
        && !is_executable(program)
    {
        note(&format!(
            "there is no executable file {program} here yet; deliveries fail until there is one"
        ));
    }
    Ok(())
}

fn is_executable(program: &str) -> bool {
    let found = std::fs::metadata(program);
    found.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn target(arguments: &Arguments) -> Result<HookTarget, Failure> {
    let Some(url) = &arguments.url else {
        if arguments.argv.is_empty() {
            let sentence = "a hook needs a program, such as `-- ./alert`, or a --url";
            return Err(Failure::Usage(sentence.to_owned()));
        }
        let cwd = std::env::current_dir().ok();
        let cwd = cwd.and_then(|cwd| cwd.into_os_string().into_string().ok());
        return Ok(HookTarget::Command {
            argv: arguments.argv.clone(),
            cwd,
        });
    };
    if !cfg!(feature = "webhooks") {
        let sentence = "this program was built without the feature `webhooks`; give it a command, such \
                        as curl";
        return Err(Error::invalid(sentence).into());
    }
    Ok(HookTarget::Url(url.parse()?))
}

fn secret(path: &Path) -> Result<HookSecret, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(SECRET).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(SECRET).read_to_string(&mut text))
    };
    read.map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
    Ok(text.parse()?)
}
