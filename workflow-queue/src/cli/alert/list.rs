//! `alert list`: every alert with its state.

use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, escape, moment};
use queue_core::queue::{Monitored as _, Queue as _};
use serde::Serialize;
use workflow_queue::{Alert, AlertPhase, WorkflowQueue};

use super::{shown, time};

/// Show every alert with its rule and its state
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {}

#[derive(Serialize)]
struct View<'a> {
    alert: &'a str,
    kind: &'static str,
    queue: Option<&'a str>,
    over: i64,
    clear: i64,
    for_ms: i64,
    keep_ms: i64,
    state: &'static str,
    since: Option<String>,
    value: Option<i64>,
}

impl<'a> From<&'a Alert> for View<'a> {
    fn from(alert: &'a Alert) -> Self {
        let rule = &alert.rule;
        Self {
            alert: &rule.name,
            kind: rule.kind.as_str(),
            queue: rule.queue.as_deref(),
            over: rule.over,
            clear: rule.clear,
            for_ms: rule.for_ms,
            keep_ms: rule.keep_ms,
            state: alert.state.phase.as_str(),
            since: (alert.state.phase != AlertPhase::Quiet).then(|| moment::iso(alert.state.since)),
            value: alert.state.value,
        }
    }
}

const COLUMNS: [Column; 8] = [
    left("ALERT"),
    left("KIND"),
    left("QUEUE"),
    right("OVER"),
    right("FOR"),
    right("CLEAR"),
    right("KEEP"),
    left("STATE"),
];

pub(super) fn run(context: &Context<WorkflowQueue>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let alerts = queue.alerts()?;
    if context.printer.is_json() {
        return context
            .printer
            .json(&alerts.iter().map(View::from).collect::<Vec<_>>());
    }
    let now = queue.now().wall;
    let mut table = Table::new(&COLUMNS);
    for alert in &alerts {
        let rule = &alert.rule;
        let state = match alert.state.phase {
            AlertPhase::Quiet => "quiet".to_owned(),
            phase @ (AlertPhase::Pending | AlertPhase::Firing) => format!(
                "{} for {}",
                phase.as_str(),
                moment::rough(moment::away(alert.state.since, now))
            ),
        };
        table.row([
            &escape::line(&rule.name),
            rule.kind.as_str(),
            &escape::line(rule.queue.as_deref().unwrap_or("-")),
            &shown(rule.kind, rule.over),
            &time(rule.for_ms),
            &shown(rule.kind, rule.clear),
            &time(rule.keep_ms),
            &state,
        ]);
    }
    context.printer.table(&table)
}
