//! The repairs of `doctor --repair`, each reported as a finding.

use std::collections::BTreeSet;

use super::super::program::{Access, Context};
use super::super::restore::returned;
use super::super::{select, tasks};
use super::{MOST_RUNNING, ok};
use crate::claim::WorkerId;
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::{Finding, ListQuery, Queue};
use crate::runtime::recover::{recover_dead, recover_expired};
use crate::runtime::recover_once;
use crate::runtime::recovery::Recovered;
use crate::sidecar::Sidecar;
use crate::sqlite::{CORE, Database};
use crate::state::State;

/// Makes all repairs that are possible; later ones depend on earlier ones.
pub(super) fn repair<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    unregistered: bool,
) -> Result<Vec<Finding>> {
    let mut recovered = recover_once(queue)?;
    recovered.extend(recover_expired(queue)?);
    if unregistered {
        recovered.extend(recover_unregistered(queue)?);
    }
    let mut findings: Vec<Finding> = recovered.iter().map(of_worker).collect();
    for one in queue.repair()? {
        let deed = format!("computed anew in {} rows: {}", one.rows, one.name);
        findings.push(ok("repaired", deed));
    }
    let database = Database::open(
        queue.coordination().location().path(),
        context.options(Access::Write)?,
        &[CORE],
    )?;
    let emptied = if database.empty_log()? {
        "emptied the write-ahead log"
    } else {
        "left the write-ahead log as it is: another process reads or writes"
    };
    findings.push(ok("repaired", emptied.to_owned()));
    Ok(findings)
}

/// Finding about the tasks and commands of a dead worker.
fn of_worker(recovered: &Recovered) -> Finding {
    let ids = returned(std::slice::from_ref(recovered));
    let number = tasks::count(ids.len() as u64);
    let mut deed = format!("worker {}: returned {number}", recovered.worker);
    if !ids.is_empty() {
        deed = format!("{deed} ({})", select::show(&ids));
    }
    let finding = ok(
        "repaired",
        format!("{deed}, ended {} processes", recovered.ended),
    );
    let left: Vec<String> = recovered.unreachable.iter().map(u32::to_string).collect();
    Finding {
        problem: (!left.is_empty()).then(|| {
            let kept: Vec<_> = recovered.kept.iter().map(|claim| claim.task).collect();
            let kept = match kept.len() {
                0 => String::new(),
                number => format!(
                    "; {} ({}) stay with it as long as they run",
                    tasks::count(number as u64),
                    select::show(&kept[..number.min(20)])
                ),
            };
            format!(
                "some of its processes could not be ended: pid {}; end them yourself{kept}",
                left.join(", ")
            )
        }),
        ..finding
    }
}

/// Returns the tasks claimed by programs that are no registered workers.
fn recover_unregistered<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let running = queue.list(
        &ListQuery::new()
            .states([State::Running])
            .limit(MOST_RUNNING),
    )?;
    // Read afterwards, since a worker registers before it claims.
    let registered: BTreeSet<WorkerId> = queue.workers()?.iter().map(|one| one.id).collect();
    let holders: BTreeSet<WorkerId> = running.iter().filter_map(|task| task.worker).collect();
    let unknown = holders.difference(&registered);
    let sidecar = Sidecar::at(queue.coordination().folder());
    unknown
        .map(|worker| {
            let worker = (*worker, Origin::Here);
            recover_dead(queue, &sidecar, worker, Vec::new())
        })
        .collect()
}
