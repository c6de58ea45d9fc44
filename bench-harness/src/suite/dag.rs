//! A workflow of many tasks, inserted at once and drained in batches without running commands.

use queue_core::sqlite::Durability;

use super::context::{Context, database};
use super::findings::Findings;
use crate::Result;
use crate::measure::{Spread, Stopwatch, count, interleaved};
use crate::report::document::{BarEntry, Bars, Better};
use crate::report::{Bar, Figure, short};
use crate::systems::raw_dag::RawDag;
use crate::systems::{Engine as _, EngineName, Library, Workflow};
use crate::workload::{Dag, DagSystem, drain};

/// Number of tasks claimed and settled at a time.
const BATCH: usize = 100;

/// Name of a graph, and the time limit of its insert in seconds.
struct Graph {
    dag: Dag,
    name: &'static str,
    seconds: f64,
}

/// Sample of one system on a new file.
#[derive(Clone, Copy, Debug)]
struct Sample {
    insert_seconds: f64,
    inserted_per_second: f64,
    drained_per_second: f64,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let graph = if context.quick {
        Graph {
            dag: Dag::Layers {
                layers: 20,
                width: 1_000,
            },
            name: "DAG of 20k tasks, 96k edges",
            seconds: 0.4,
        }
    } else {
        Graph {
            dag: Dag::Layers {
                layers: 100,
                width: 1_000,
            },
            name: "DAG of 100k tasks, 500k edges",
            seconds: 2.0,
        }
    };
    figures(context, &graph)
}

fn figures(context: &Context, graph: &Graph) -> Result<Vec<Figure>> {
    let samples = interleaved(
        context.rounds(),
        vec![
            Box::new(|| raw(context, &graph.dag)),
            Box::new(|| own(context, &graph.dag)),
        ],
    )?;
    let inserts = |index: usize| column(&samples[index], |sample| sample.insert_seconds);
    let drains = |index: usize| column(&samples[index], |sample| sample.drained_per_second);
    let [raw_drains, own_drains] = [0, 1].map(drains);
    Ok(vec![
        Figure::ratio(
            format!("{}, insert", graph.name),
            Spread::of(&inserts(1)),
            "s",
            Bar::AtMost(graph.seconds),
        )
        .beside(format!(
            "{} edges in one transaction; bare statements {} s",
            graph.dag.edges(),
            short(Spread::of(&inserts(0)).median)
        )),
        Figure::ratio(
            format!("{}, drain", graph.name),
            Spread::of_ratios(&own_drains, &raw_drains),
            "× raw",
            Bar::AtLeast(0.5),
        )
        .beside(format!(
            "{BATCH} at a time; bare statements with a counter {}/s, workflow-queue {}/s with \
             leases and recorded attempts",
            short(Spread::of(&raw_drains).median),
            short(Spread::of(&own_drains).median)
        )),
    ])
}

fn column(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Vec<f64> {
    samples.iter().map(of).collect()
}

/// The bare statements on a new file.
fn raw(context: &Context, dag: &Dag) -> Result<Sample> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    sample(&RawDag::open(&path, Durability::Fast)?, dag)
}

/// The engine on a new file.
fn own(context: &Context, dag: &Dag) -> Result<Sample> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    sample(&Library::<Workflow>::open(&path, Durability::Fast)?, dag)
}

/// Insert and drain times of DAGs of other shapes.
pub(super) fn chart(context: &Context, _engines: &[EngineName]) -> Result<Findings> {
    let tasks = context.either(2_000, 100_000);
    let layers = Dag::Layers {
        layers: tasks / 1_000,
        width: 1_000,
    };
    let shapes = [
        ("chain", Dag::Chain(tasks)),
        ("one before all", Dag::FanOut(tasks)),
        ("all before one", Dag::FanIn(tasks)),
        ("layers of a thousand", layers),
    ];
    let (mut inserts, mut drains) = (Vec::new(), Vec::new());
    for (name, dag) in shapes {
        let samples = interleaved(
            context.either(1, 5),
            vec![
                Box::new(|| raw(context, &dag)),
                Box::new(|| own(context, &dag)),
            ],
        )?;
        for (system, samples) in ["raw", Workflow::NAME.as_str()].iter().zip(&samples) {
            let entry = |of: fn(&Sample) -> f64| BarEntry {
                label: format!("{name}, {system}"),
                value: Spread::of(&column(samples, of)),
                note: format!("{} edges", short(count(dag.edges()))),
            };
            inserts.push(entry(|sample| sample.inserted_per_second));
            drains.push(entry(|sample| sample.drained_per_second));
        }
    }
    let chart = |what: &str, note: String, bars| Bars {
        title: format!("DAGs of {} tasks, {what}", short(count(tasks))),
        unit: "tasks/s".to_owned(),
        better: Better::Higher,
        note,
        bars,
    };
    let drained = format!("{BATCH} at a time where so many can run: of a chain one at a time");
    Ok(Findings {
        bars: vec![
            chart("insert", "in one transaction".to_owned(), inserts),
            chart("drain", drained, drains),
        ],
        ..Findings::default()
    })
}

fn sample(system: &impl DagSystem, dag: &Dag) -> Result<Sample> {
    let prepared = system.prepare(dag);
    let watch = Stopwatch::start();
    system.insert(prepared)?;
    let insert_seconds = watch.seconds();
    let watch = Stopwatch::start();
    let done = drain(system, BATCH)?;
    let seconds = watch.seconds();
    if done != dag.len() {
        return Err(format!("{done} of {} tasks of the DAG were drained", dag.len()).into());
    }
    Ok(Sample {
        insert_seconds,
        inserted_per_second: count(done) / insert_seconds,
        drained_per_second: count(done) / seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::{Context, Dag, Graph, figures};

    #[test]
    fn both_figures_of_a_dag_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            folder: folder.path().to_owned(),
            quick: true,
        };
        let graph = Graph {
            dag: Dag::Layers {
                layers: 3,
                width: 120,
            },
            name: "DAG",
            seconds: 2.0,
        };
        let figures = figures(&context, &graph).unwrap();
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["DAG, insert", "DAG, drain"]);
        for figure in figures {
            assert!(figure.value.unwrap().min > 0.0, "{figure:?}");
        }
    }
}
