//! Findings about schedules.

use super::super::moment;
use super::super::program::Context;
use crate::error::Result;
use crate::queue::{Finding, Queue};
use crate::task::Work;

/// Checks that a worker fires the schedules, and that none is set aside. A file without schedules has
/// no findings.
pub(super) fn findings<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<Vec<Finding>> {
    let standing = queue.schedule_standing()?;
    let mut findings = Vec::new();
    if let Some(next) = standing.next_at {
        let start = context.command("worker");
        findings.push(Finding {
            what: "schedules".to_owned(),
            value: format!(
                "the next fires {}",
                moment::relative(next, queue.now().wall)
            ),
            problem: queue
                .live_workers()?
                .is_empty()
                .then(|| format!("no worker is running, so none fires; {start} starts one")),
            remedy: None,
        });
    }
    findings.extend(standing.set_aside.into_iter().map(|(name, why)| {
        let argument = Work::Argv(vec![name.clone()]).display();
        let edit = context.command(&format!("schedule edit {argument}"));
        let replace = context.command(&format!("schedule add {argument} ... --replace"));
        Finding {
            what: "schedule".to_owned(),
            value: format!("{name} is set aside"),
            problem: Some(format!(
                "{why}; {edit} lets it fire once this machine can read it or, with --zone, in another \
                 time zone; {replace} gives it other times"
            )),
            remedy: None,
        }
    }));
    Ok(findings)
}
