//! `queues`: the limits of queues, beside what both programs list.

use queue_core::cli::queues;
use queue_core::cli::table::{Column, right};
use queue_core::error::Result;
use serde::Serialize;
use workflow_queue::{Limit, LimitKind, WorkflowQueue};

use super::limit;

/// The limits of all queues.
pub(crate) struct Limits(Vec<Limit>);

#[derive(Serialize)]
pub(crate) struct Fields {
    concurrency: Option<u32>,
    rate: Option<limit::RateView>,
}

impl queues::Extra<WorkflowQueue> for Limits {
    type Fields = Fields;

    const COLUMNS: &'static [Column] = &[right("CONCURRENCY"), right("RATE")];

    fn read(queue: &WorkflowQueue) -> Result<Self> {
        queue.limits().map(Self)
    }

    fn names(&self) -> Vec<&str> {
        let names = self.0.iter().filter_map(|limit| match &limit.kind {
            LimitKind::Queue(name) => Some(name.as_str()),
            LimitKind::Key(_) => None,
        });
        names.collect()
    }

    fn facts(&self, queue: &str) -> (Fields, Vec<String>) {
        let is_its =
            |limit: &&Limit| matches!(&limit.kind, LimitKind::Queue(name) if name == queue);
        let limit = self.0.iter().find(is_its);
        let concurrency = limit.and_then(|limit| limit.concurrency);
        let rate = limit.and_then(|limit| limit.rate);
        let cells = vec![
            limit::shown(concurrency),
            rate.map_or_else(|| "-".to_owned(), limit::show_rate),
        ];
        let fields = Fields {
            concurrency,
            rate: rate.map(limit::RateView::from),
        };
        (fields, cells)
    }
}
