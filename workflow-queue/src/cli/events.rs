//! `events`: the event log, in order, and new events as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use queue_core::cli::event_view::{CloudEvent, EventView, details};
use queue_core::cli::json;
use queue_core::cli::select::{self, Selector};
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{
    Access, Context, Failure, Format, escape, moment, note, number, possible_values,
};
use queue_core::queue::Queue as _;
use workflow_queue::{Cursor, Event, EventFollower, EventKind, TaskId, WorkflowQueue};

use super::status::past;

/// Show what happened to tasks, queues, schedules and workers, the oldest first
///
/// Every event has a position, its cursor, which -o json shows. `--since CURSOR` goes on after it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = types())]
pub(crate) struct Arguments {
    /// Go on with new events as they come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,

    /// Only events of these tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(long, value_name = "ID", value_parser = select::parse)]
    task: Vec<Vec<Selector>>,

    /// Only events of tasks of this queue, and of the queue itself
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Only events of this type, such as task.failed, or of all that begin so, such as task; several are
    /// separated by commas
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_delimiter = ',',
        value_parser = possible_values::of(words(), kinds),
        hide_possible_values = true
    )]
    kinds: Vec<Vec<EventKind>>,

    /// From this time on, such as 2h (ago) or 18:00, or after this cursor; else the last ones
    #[arg(long, value_name = "TIME|CURSOR")]
    since: Option<String>,

    /// Show so many of the last events [default: 20, or all with --since]
    #[arg(short = 'n', long, value_name = "N", value_parser = number::within(0..=u32::MAX))]
    lines: Option<u32>,

    /// Form of the output: a table, JSON or `CloudEvents` 1.0, one event a line
    #[arg(
        short,
        long,
        value_name = "FORM",
        value_parser = possible_values::of(["table", "json", "cloudevents"], form),
        help_heading = "Common options"
    )]
    output: Option<Format>,
}

/// Events shown unless a number is given.
const LINES: u32 = 20;
/// Events that are printed at once.
const AT_ONCE: usize = 1_000;
/// Interval at which a follower looks for events that no wake told it of.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const COLUMNS: [Column; 4] = [left("TIME"), left("EVENT"), right("TASK"), left("DETAILS")];

/// The names of all kinds, and the words that they begin with.
pub(super) fn words() -> Vec<&'static str> {
    let names = EventKind::ALL.iter().map(|kind| kind.name());
    let groups = names
        .clone()
        .filter_map(|name| Some(name.split_once('.')?.0));
    let all: BTreeSet<&str> = names.chain(groups).collect();
    all.into_iter().collect()
}

/// The names of all kinds, a line for each group.
fn types() -> String {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in EventKind::ALL {
        // Those of later versions have no name of their own.
        if let Some((group, name)) = kind.name().split_once('.') {
            groups.entry(group).or_default().push(name);
        }
    }
    let mut text = "Types:".to_owned();
    for (group, names) in groups {
        let _ = write!(text, "\n  {group}: {}", names.join(", "));
    }
    text
}

pub(super) fn kinds(word: &str) -> Result<Vec<EventKind>, String> {
    let is_meant = |kind: &EventKind| {
        let name = kind.name();
        name == word || name.split_once('.').is_some_and(|(group, _)| group == word)
    };
    let found: Vec<EventKind> = EventKind::ALL.iter().copied().filter(is_meant).collect();
    if found.is_empty() {
        return Err("it is no type of event; `events --help` lists them".to_owned());
    }
    Ok(found)
}

fn form(word: &str) -> Result<Format, String> {
    match word {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        "cloudevents" => Ok(Format::CloudEvents),
        _ => Err("a form is `table`, `json` or `cloudevents`".to_owned()),
    }
}

/// The events that are asked for.
struct Filter<'a> {
    tasks: Option<BTreeSet<TaskId>>,
    queue: Option<&'a str>,
    kinds: Vec<EventKind>,
}

impl Filter<'_> {
    fn chooses(&self, event: &Event) -> bool {
        let of_task =
            |tasks: &BTreeSet<TaskId>| event.task.is_some_and(|task| tasks.contains(&task));
        self.tasks.as_ref().is_none_or(of_task)
            && self.queue.is_none_or(|queue| event.is_of_queue(queue))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }

    fn is_everything(&self) -> bool {
        self.tasks.is_none() && self.queue.is_none() && self.kinds.is_empty()
    }
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    if let Some(refusal) = queue.refuses()? {
        return Err(refusal.into());
    }
    let filter = Filter {
        tasks: tasks(&queue, &arguments.task)?,
        queue: arguments.queue.as_deref(),
        kinds: arguments.kinds.concat(),
    };
    let since = arguments.since.as_deref();
    let since = since.map(|since| position(&queue, since)).transpose()?;
    let mut reader = Reader::new(&queue, filter)?;
    let mut output = Output {
        context,
        form: arguments.output.unwrap_or(context.printer.format),
        source: queue.source()?,
        zone: jiff::tz::TimeZone::system(),
        follow: arguments.follow,
        in_lines: arguments.follow,
    };
    let mut follower = match (since, arguments.lines) {
        (Some(since), None) => {
            let mut follower = queue.follow_events(since)?;
            let mut is_last = false;
            while !is_last {
                let chosen;
                (chosen, is_last) = reader.next_chosen(&mut follower)?;
                output.print(&chosen)?;
            }
            follower
        }
        (since, lines) => {
            let (follower, events) = match since {
                Some(since) => reader.all_after(since, lines)?,
                None => reader.last(lines.unwrap_or(LINES))?,
            };
            output.print(&events)?;
            follower
        }
    };
    if !arguments.follow {
        output.finish(&follower);
        return Ok(());
    }
    let mut waiter = queue.waiter();
    loop {
        let (chosen, is_last) = reader.next_chosen(&mut follower)?;
        output.print(&chosen)?;
        if is_last {
            waiter.pause(LOOK_EVERY)?;
        }
    }
}

fn tasks(
    queue: &WorkflowQueue,
    selectors: &[Vec<Selector>],
) -> Result<Option<BTreeSet<TaskId>>, Failure> {
    if selectors.is_empty() {
        return Ok(None);
    }
    let mut tasks = BTreeSet::new();
    for selector in selectors.concat() {
        // The events of a task outlive it.
        if let Selector::One(id) = selector {
            tasks.insert(id);
            continue;
        }
        select::visit(queue, &[selector], &[], |ids| {
            tasks.extend(ids);
            Ok(())
        })?;
    }
    Ok(Some(tasks))
}

/// The position that a cursor or a time means.
pub(super) fn position(queue: &WorkflowQueue, since: &str) -> Result<Cursor, Failure> {
    if let Ok(cursor) = since.parse::<Cursor>() {
        return Ok(cursor);
    }
    let other = ", or a cursor, which -o json shows";
    let at = past(("--since", since), other, queue.now().wall)?;
    Ok(queue.events_from(at)?)
}

type Placed = (Cursor, Event);

/// Reads events that are already there.
struct Reader<'q, 'a> {
    queue: &'q WorkflowQueue,
    filter: Filter<'a>,
    end: Cursor,
}

impl<'q, 'a> Reader<'q, 'a> {
    fn new(queue: &'q WorkflowQueue, filter: Filter<'a>) -> Result<Self, Failure> {
        let end = queue.events_end()?;
        Ok(Self { queue, filter, end })
    }

    /// The next chosen events, some thousand of many, and true if there are no more.
    fn next_chosen(
        &self,
        follower: &mut EventFollower<'_>,
    ) -> Result<(Vec<Placed>, bool), Failure> {
        let mut chosen = Vec::new();
        loop {
            let page = follower.next_page()?;
            note_missed(page.missed);
            let events = page.events.into_iter();
            chosen.extend(events.filter(|(_, event)| self.filter.chooses(event)));
            if page.is_last || chosen.len() >= AT_ONCE {
                return Ok((chosen, page.is_last));
            }
        }
    }

    /// The chosen events after a position, of many the last; and the reader that goes on after them.
    fn all_after(
        &mut self,
        since: Cursor,
        most: Option<u32>,
    ) -> Result<(EventFollower<'q>, Vec<Placed>), Failure> {
        let mut follower = self.queue.follow_events(since)?;
        let mut chosen = Vec::new();
        let most = most.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        loop {
            let page = follower.next_page()?;
            note_missed(page.missed);
            let events = page.events.into_iter();
            chosen.extend(events.filter(|(_, event)| self.filter.chooses(event)));
            if chosen.len() > most {
                chosen.drain(..chosen.len() - most);
            }
            if page.is_last {
                return Ok((follower, chosen));
            }
        }
    }

    /// The last chosen events: looks back further until there are enough.
    fn last(&mut self, lines: u32) -> Result<(EventFollower<'q>, Vec<Placed>), Failure> {
        let mut back = lines;
        loop {
            let since = self.queue.events_before_last(back)?;
            let (follower, chosen) = self.all_after(since, Some(lines))?;
            let enough = usize::try_from(lines).is_ok_and(|lines| chosen.len() >= lines);
            let is_all = since.seq == 0 && since.task == TaskId(0);
            if enough || is_all || self.filter.is_everything() || self.end.seq == 0 {
                return Ok((follower, chosen));
            }
            back = back.max(1_000).saturating_mul(8);
        }
    }
}

fn note_missed(missed: u64) {
    if missed > 0 {
        note(&format!(
            "{missed} events were deleted before they were read: the file retains no more"
        ));
    }
}

/// Output of events: a table for the first ones that are there, then a line each.
struct Output<'a> {
    context: &'a Context<WorkflowQueue>,
    form: Format,
    source: String,
    zone: jiff::tz::TimeZone,
    follow: bool,
    /// True if a table is printed already, or none is to be.
    in_lines: bool,
}

impl Output<'_> {
    fn print(&mut self, events: &[Placed]) -> Result<(), Failure> {
        let printer = self.context.printer;
        let mut text = String::new();
        match self.form {
            Format::Table if !self.in_lines => return self.table(events),
            Format::Table => {
                for (_, event) in events {
                    text += &self.line(event);
                }
            }
            Format::Json => {
                for (cursor, event) in events {
                    text += &line_of(&EventView::new(event, Some(*cursor)))?;
                }
            }
            Format::CloudEvents => {
                for (cursor, event) in events {
                    text += &line_of(&CloudEvent::new(&self.source, *cursor, event))?;
                }
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        if self.follow {
            return printer.stream(text.as_bytes());
        }
        printer.raw(text.as_bytes())
    }

    fn table(&mut self, events: &[Placed]) -> Result<(), Failure> {
        self.in_lines = true;
        if events.is_empty() {
            note("no events");
            return Ok(());
        }
        let mut table = Table::new(&COLUMNS);
        for (_, event) in events {
            let task = event.task.map(|task| task.to_string());
            table.row([
                &moment::shown(event.at, &self.zone),
                event.kind.name(),
                task.as_deref().unwrap_or("-"),
                &details(event),
            ]);
        }
        self.context.printer.table(&table)
    }

    fn line(&self, event: &Event) -> String {
        let task = event
            .task
            .map_or_else(|| "-".to_owned(), |task| task.to_string());
        let line = format!(
            "{}  {:<22} {task:>6}  {}",
            moment::shown(event.at, &self.zone),
            event.kind.name(),
            details(event)
        );
        format!("{}\n", escape::line(line.trim_end()))
    }

    /// Tells people how to go on after the last event.
    fn finish(&self, follower: &EventFollower<'_>) {
        if self.form == Format::Table && self.context.printer.terminal {
            note(&format!("later events: --since {}", follower.cursor()));
        }
    }
}

fn line_of(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = json::text(value).map_err(|error| Failure::Output(error.into()))?;
    Ok(text + "\n")
}
