//! Delivery to a program: the event is its standard input, and its exit code the answer.

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::parcel::Parcel;
use crate::runtime::bounded::{Bounded, BoundedEnd};
use crate::runtime::spawn::Status;
use crate::text::moment;

/// Fields of an event that the program finds in its environment too, empty if the event has none.
const FIELDS: [(&str, &str); 5] = [
    ("QUEUE_TASK_ID", "task"),
    ("QUEUE_ATTEMPT", "attempt"),
    ("QUEUE_STATE", "state"),
    ("QUEUE_EXIT_CODE", "exit_code"),
    ("QUEUE_SIGNAL", "signal"),
];

/// Runs the program of a hook for one event.
///
/// # Errors
/// The reason why it did not take the event.
pub(super) fn run(
    parcel: &Parcel<'_>,
    (argv, folder): (&[String], Option<&str>),
    stop: &AtomicBool,
) -> Result<(), String> {
    let variables = variables(parcel);
    let bounded = Bounded {
        argv,
        folder: folder.map(Path::new),
        variables: &variables,
        input: parcel.body.as_bytes(),
        limit: parcel.limit,
        stop,
    };
    match bounded.run()? {
        BoundedEnd::Ended {
            status: Status::Exited(0),
            ..
        } => Ok(()),
        BoundedEnd::Ended { status, output } => {
            let output = String::from_utf8_lossy(&output);
            let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
            Err(match last {
                Some(line) => format!("it ended with {status}: {line}"),
                None => format!("it ended with {status}"),
            })
        }
        BoundedEnd::TimedOut => Err(format!(
            "it was ended after {}",
            moment::rough(parcel.limit)
        )),
        BoundedEnd::Stopped => Err("it was ended with its deliverer".to_owned()),
    }
}

fn variables(parcel: &Parcel<'_>) -> Vec<(&'static str, OsString)> {
    let event: serde_json::Value = serde_json::from_str(parcel.body).unwrap_or_default();
    let field = |name: &str| {
        let value = &event["data"][name];
        let text = value.as_str().map(str::to_owned);
        let number = value.as_i64().map(|number| number.to_string());
        text.or(number).unwrap_or_default()
    };
    let mut variables: Vec<(&'static str, OsString)> = vec![
        ("QUEUE_HOOK", parcel.hook.into()),
        ("QUEUE_EVENT_ID", parcel.id.into()),
        ("QUEUE_EVENT_TYPE", parcel.kind.into()),
        ("QUEUE_DB", parcel.database.into()),
    ];
    let fields = FIELDS
        .iter()
        .map(|(variable, name)| (*variable, field(name).into()));
    variables.extend(fields);
    variables
}
