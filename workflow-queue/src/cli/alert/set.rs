//! `alert set`: adds an alert or changes one.

use queue_core::cli::{Access, Context, Failure, duration, escape, possible_values};
use queue_core::queue::Monitored as _;
use serde::Serialize;
use workflow_queue::{Alert, AlertKind, AlertRule, WorkflowQueue};

use super::{shown, time};

/// Add an alert, or change one
///
/// What is not given stays as it is, or is none in a new alert. An alert that is changed begins quiet.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The alert; a kind is the name of an alert of that kind
    name: String,

    /// What a new alert of another name is about: unserved (queues with tasks that no worker serves),
    /// backlog-age (of the oldest queued task), queued (tasks), failure-rate (percent of the attempts of
    /// ten minutes), disk-used (percent), dead-letters (of hooks)
    #[arg(long, value_name = "KIND", value_parser = possible_values::of(kinds(), kind))]
    kind: Option<AlertKind>,

    /// Only this queue
    #[arg(long)]
    queue: Option<String>,

    /// Fire while the reading is above: 10m, 500 or 50%
    #[arg(long, value_name = "VALUE")]
    over: Option<String>,

    /// Time for which it has to be above
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    above: Option<std::time::Duration>,

    /// Clear once the reading is at or below [default: the value of --over]
    #[arg(long, value_name = "VALUE")]
    clear: Option<String>,

    /// Time for which it has to be clear
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    keep: Option<std::time::Duration>,
}

#[derive(Serialize)]
struct View<'a> {
    alert: &'a str,
    changed: bool,
}

fn kinds() -> Vec<&'static str> {
    AlertKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn kind(word: &str) -> Result<AlertKind, String> {
    AlertKind::of(word).ok_or_else(|| format!("a kind is one of {}", kinds().join(", ")))
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let before = queue.alerts()?.into_iter();
    let before = before.map(|alert: Alert| alert.rule);
    let before = before.into_iter().find(|rule| rule.name == arguments.name);
    let rule = rule(arguments, before)?;
    let changed = queue.set_alert(&rule)?;
    let name = escape::line(&rule.name);
    let over = shown(rule.kind, rule.over);
    let sentence = match rule.for_ms {
        0 => format!("Alert {name} fires over {over}"),
        above => format!("Alert {name} fires over {over} for {}", time(above)),
    };
    let view = View {
        alert: &rule.name,
        changed,
    };
    context.printer.of_done().say(&sentence, &view)
}

fn rule(arguments: &Arguments, before: Option<AlertRule>) -> Result<AlertRule, Failure> {
    let name = &arguments.name;
    let kind = arguments
        .kind
        .or(before.as_ref().map(|rule| rule.kind))
        .or(AlertKind::of(name));
    let kind = kind.ok_or_else(|| {
        let kinds = kinds().join(", ");
        Failure::Usage(format!("say what the alert is about with --kind: {kinds}"))
    })?;
    let value = |text: &Option<String>| text.as_deref().map(|text| value(kind, text)).transpose();
    let before = before.filter(|rule| rule.kind == kind);
    let over = value(&arguments.over)?;
    let over_or_before = over.or(before.as_ref().map(|rule| rule.over));
    let over_or_before = over_or_before.ok_or_else(|| {
        Failure::Usage("say when the alert fires with --over, such as --over 10m".to_owned())
    })?;
    let mut rule = before.unwrap_or_else(|| AlertRule::new(name, kind, over_or_before));
    rule.over = over_or_before;
    rule.clear = value(&arguments.clear)?.unwrap_or_else(|| rule.clear.min(rule.over));
    if let Some(queue) = &arguments.queue {
        rule.queue = Some(queue.clone());
    }
    let millis = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    rule.for_ms = arguments.above.map_or(rule.for_ms, millis);
    rule.keep_ms = arguments.keep.map_or(rule.keep_ms, millis);
    Ok(rule)
}

/// A threshold in the unit of the kind.
fn value(kind: AlertKind, text: &str) -> Result<i64, Failure> {
    let refused =
        |form: &str| Failure::Usage(format!("a threshold of {} is {form}", kind.as_str()));
    if kind.is_time() {
        let time = duration::parse(text).map_err(|_| refused("a duration, such as 10m"))?;
        return Ok(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    }
    if kind.is_percentage() {
        let number = text.strip_suffix('%').unwrap_or(text).parse();
        return number.map_err(|_| refused("a percentage, such as 50%"));
    }
    text.parse().map_err(|_| refused("a number"))
}
