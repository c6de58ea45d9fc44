use proptest::prelude::*;
use serde_json::{Value, json};

use super::Trace;
use crate::Result;
use crate::replay::wfformat;

/// A task with these neighbours.
fn task(id: &str, parents: &[&str], children: &[&str]) -> Value {
    json!({ "name": id, "id": id, "parents": parents, "children": children })
}

fn trace(specification: &Value, execution: &Value) -> Result<Trace> {
    let file = json!({
        "name": "a trace",
        "schemaVersion": "1.5",
        "workflow": { "specification": specification, "execution": execution },
    });
    Trace::new(wfformat::parse(file.to_string().as_bytes())?)
}

fn of_tasks(tasks: &[Value]) -> Result<Trace> {
    trace(&json!({ "tasks": tasks }), &Value::Null)
}

fn refusal(trace: Result<Trace>) -> String {
    trace.unwrap_err().to_string()
}

/// A trace with `a` before `b`.
fn pair() -> [Value; 2] {
    [task("a", &[], &["b"]), task("b", &["a"], &[])]
}

#[test]
fn a_pair_has_one_edge_and_its_runtimes() {
    let runs = json!({ "tasks": [{ "id": "b", "runtimeInSeconds": 2 }] });
    let trace = trace(&json!({ "tasks": pair() }), &runs).unwrap();
    assert_eq!(trace.order, [0, 1]);
    assert_eq!(trace.tasks[1].dependencies, [0]);
    assert_eq!(trace.tasks[1].seconds, Some(2.0));
    let said = trace.scaled(1.0).unwrap_err().to_string();
    assert!(
        said.starts_with("1 of 2 tasks have no runtimeInSeconds"),
        "{said}"
    );
    assert!(said.ends_with("the first is task 0 (\"a\")"), "{said}");
}

/// A file that begins with a byte order mark, as some editors write it, was refused with only "Not
/// JSON: expected value at line 1 column 1".
#[test]
fn a_byte_order_mark_is_ignored() {
    let file = json!({
        "schemaVersion": "1.5",
        "workflow": { "specification": { "tasks": pair() } },
    });
    let text = format!("\u{feff}{file}");
    let trace = Trace::new(wfformat::parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(trace.order, [0, 1]);
}

#[test]
fn runtimes_are_scaled() {
    let runs = json!({ "tasks": [
        { "id": "b", "runtimeInSeconds": 2.5 }, { "id": "a", "runtimeInSeconds": 0 },
    ] });
    let trace = trace(&json!({ "tasks": pair() }), &runs).unwrap();
    assert_eq!(trace.scaled(0.5).unwrap(), [0.0, 1.25]);
}

#[test]
fn an_edge_listed_twice_is_one_edge() {
    let tasks = [task("a", &[], &["b", "b"]), task("b", &["a", "a"], &[])];
    assert_eq!(of_tasks(&tasks).unwrap().edges(), 1);
}

#[test]
fn missing_and_duplicate_tasks_are_named() {
    assert_eq!(refusal(of_tasks(&[])), "it has no tasks");
    for (tasks, said) in [
        (
            vec![
                task("a", &[], &[]),
                task("b", &[], &[]),
                task("a", &[], &[]),
            ],
            "tasks 0 and 2 have the same id \"a\"",
        ),
        (
            vec![task("a", &["x\u{1b}"], &[])],
            "task 0 (\"a\") names the parent \"x\\u{1b}\", which is not one of its tasks",
        ),
        (
            vec![task("a", &[], &["x"])],
            "task 0 (\"a\") names the child \"x\", which is not one of its tasks",
        ),
        (
            vec![task("a", &[], &[]), task("b", &["a"], &[])],
            "task 1 (\"b\") names task 0 (\"a\") as its parent, but is not named by it as its child",
        ),
        (
            vec![task("a", &[], &["b"]), task("b", &[], &[])],
            "task 0 (\"a\") names task 1 (\"b\") as its child, but is not named by it as its parent",
        ),
    ] {
        assert_eq!(refusal(of_tasks(&tasks)), said);
    }
}

#[test]
fn a_cycle_is_named_without_the_path_to_it() {
    let own = task("a", &["a"], &["a"]);
    assert_eq!(
        refusal(of_tasks(&[own])),
        "its tasks wait for each other in a circle: task 0 (\"a\") → task 0 (\"a\")"
    );
    let tasks = [
        task("behind", &["one"], &[]),
        task("one", &["two"], &["two", "behind"]),
        task("two", &["one"], &["one"]),
    ];
    let said = refusal(of_tasks(&tasks));
    assert!(
        said.ends_with("circle: task 1 (\"one\") → task 2 (\"two\") → task 1 (\"one\")"),
        "{said}"
    );
}

#[test]
fn a_long_cycle_is_cut() {
    let names: Vec<String> = (0..1_000).map(|i| format!("t{i}")).collect();
    let of = |i: usize| names[i % 1_000].as_str();
    let tasks: Vec<Value> = (0..1_000)
        .map(|i| task(of(i), &[of(i + 1)], &[of(i + 999)]))
        .collect();
    let said = refusal(of_tasks(&tasks));
    assert!(said.contains("… 988 more") && said.len() < 400, "{said}");
}

#[test]
fn files_are_listed_once_and_known() {
    let mut reader = task("a", &[], &[]);
    reader["inputFiles"] = json!(["in"]);
    let of = |files: Value| trace(&json!({ "tasks": [reader], "files": files }), &Value::Null);
    assert!(of(json!([{ "id": "in", "sizeInBytes": 1 }])).is_ok());
    assert_eq!(
        refusal(of(json!([]))),
        "task 0 (\"a\") names the file \"in\", which is not listed"
    );
    assert_eq!(
        refusal(of(json!([{ "id": "in" }, { "id": "in" }]))),
        "files 0 and 1 have the same id \"in\""
    );
}

#[test]
fn recorded_tasks_are_known_and_their_runtimes_possible() {
    let of = |runs: Value| {
        refusal(trace(
            &json!({ "tasks": pair() }),
            &json!({ "tasks": runs }),
        ))
    };
    assert_eq!(
        of(json!([{ "id": "x" }])),
        "recorded task 0 (\"x\") is not one of its tasks"
    );
    assert!(of(json!([{ "id": "a" }, { "id": "a" }])).contains("same id"));
    for runtime in [-0.5, 1e300] {
        let said = of(json!([{ "id": "b", "runtimeInSeconds": runtime }]));
        assert!(
            said.starts_with("task 1 (\"b\") has a runtimeInSeconds of"),
            "{said}"
        );
    }
}

/// The file of a graph whose edges lead from lower to higher numbers, with its tasks in the given order
/// and with arbitrary names.
fn file(names: &[String], edges: &[(usize, usize)], order: &[usize]) -> Vec<Value> {
    let ends = |of: &dyn Fn(&(usize, usize)) -> Option<usize>| -> Vec<&str> {
        edges
            .iter()
            .filter_map(of)
            .map(|end| names[end].as_str())
            .collect()
    };
    let task_of = |own: &usize| {
        let parents = ends(&|edge| (edge.1 == *own).then_some(edge.0));
        let children = ends(&|edge| (edge.0 == *own).then_some(edge.1));
        task(&names[*own], &parents, &children)
    };
    order.iter().map(task_of).collect()
}

/// Names, edges, and an order for the file.
fn graphs() -> impl Strategy<Value = (Vec<String>, Vec<(usize, usize)>, Vec<usize>)> {
    let names = prop::collection::hash_set(any::<String>(), 2..12);
    names.prop_flat_map(|names| {
        let names: Vec<String> = names.into_iter().collect();
        let count = names.len();
        let edge = (0..count, 0..count).prop_filter_map("an edge has two ends", |(a, b)| {
            (a != b).then_some((a.min(b), a.max(b)))
        });
        let edges = prop::collection::hash_set(edge, 0..30);
        let edges = edges.prop_map(|edges| edges.into_iter().collect());
        let order = Just((0..count).collect::<Vec<usize>>()).prop_shuffle();
        (Just(names), edges, order)
    })
}

proptest! {
    #[test]
    fn the_edges_of_any_graph_are_read_in_any_order((names, edges, order) in graphs()) {
        let trace = of_tasks(&file(&names, &edges, &order)).unwrap();
        let mut read: Vec<(usize, usize)> = Vec::new();
        for (index, task) in trace.tasks.iter().enumerate() {
            prop_assert_eq!(&task.id, &names[order[index]]);
            read.extend(task.dependencies.iter().map(|on| (order[*on], order[index])));
        }
        read.sort_unstable();
        let mut edges = edges;
        edges.sort_unstable();
        prop_assert_eq!(read, edges);
        for (position, index) in trace.order.iter().enumerate() {
            for on in &trace.tasks[*index].dependencies {
                prop_assert!(trace.order[..position].contains(on));
            }
        }
    }

    #[test]
    fn an_edge_back_makes_a_cycle((names, edges, order) in graphs(), pick: prop::sample::Index) {
        prop_assume!(!edges.is_empty());
        let mut edges = edges;
        let (from, to) = edges[pick.index(edges.len())];
        edges.push((to, from));
        let said = refusal(of_tasks(&file(&names, &edges, &order)));
        prop_assert!(said.contains("circle"), "{}", said);
    }

    #[test]
    fn a_damaged_file_is_refused_or_read((names, edges, order) in graphs(), at: prop::sample::Index, byte: u8) {
        let tasks = file(&names, &edges, &order);
        let text = json!({ "schemaVersion": "1.5", "workflow": { "specification": { "tasks": tasks } } });
        let mut bytes = text.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match wfformat::parse(&bytes).and_then(Trace::new) {
            Ok(trace) => prop_assert_eq!(trace.order.len(), trace.tasks.len()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
