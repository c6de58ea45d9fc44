//! Dead workers whose tasks cannot be returned: their processes are not visible here, or cannot be
//! ended.

use std::collections::BTreeSet;

use super::super::program::Context;
use super::super::{select, tasks};
use crate::claim::{Claim, WorkerId};
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::{Finding, Queue, WorkerInfo};
use crate::runtime::recover::unreachable;
use crate::sidecar::Sidecar;
use crate::task::TaskId;

/// A finding for each dead worker that needs a person, and the workers whose processes are not
/// visible here.
pub(super) fn findings<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    dead: &[&WorkerInfo],
) -> Result<(Vec<Finding>, BTreeSet<WorkerId>)> {
    let (mut findings, mut apart) = (Vec::new(), BTreeSet::new());
    for worker in dead {
        let claims = queue.claims_of(worker.id)?;
        if claims.is_empty() {
            continue;
        }
        match queue.coordination().origin_of(worker)? {
            Origin::EarlierBoot => {}
            Origin::Elsewhere => {
                apart.insert(worker.id);
                findings.push(elsewhere(context, queue, worker, &claims));
            }
            Origin::Here => {
                let found = unreachable(
                    &Sidecar::at(queue.coordination().folder()),
                    claims,
                    queue.now(),
                )?;
                if !found.is_empty() {
                    let pids: Vec<_> = found.iter().map(|one| one.process.pid).collect();
                    let mut claims: Vec<_> = found.iter().map(|one| one.claim).collect();
                    claims.dedup();
                    findings.push(beyond_reach(worker, &claims, &pids));
                }
            }
        }
    }
    Ok((findings, apart))
}

fn elsewhere<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    worker: &WorkerInfo,
    claims: &[Claim],
) -> Finding {
    let reap = context.command(&format!("reap {} --gone", worker.id));
    let lease = match queue.lease() {
        Some(_) => "a worker returns them once their leases have run out; sooner, ",
        None => "",
    };
    Finding {
        what: "dead elsewhere".to_owned(),
        value: format!(
            "worker {} ran in another pid namespace, {} of it",
            worker.id,
            named(claims)
        ),
        problem: Some(format!(
            "its processes are not visible from here; {lease}make sure that none is left, then \
             {reap} returns the tasks"
        )),
        remedy: None,
    }
}

fn beyond_reach(worker: &WorkerInfo, claims: &[Claim], pids: &[u32]) -> Finding {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    Finding {
        what: "dead worker".to_owned(),
        value: format!("worker {} left {} running", worker.id, named(claims)),
        problem: Some(format!(
            "this user cannot end pid {}; the tasks are returned once that has ended",
            pids.join(", ")
        )),
        remedy: None,
    }
}

fn named(claims: &[Claim]) -> String {
    let ids: Vec<TaskId> = claims.iter().map(|claim| claim.task).collect();
    format!(
        "{} ({})",
        tasks::count(ids.len() as u64),
        select::show(&ids[..ids.len().min(20)])
    )
}
