//! Reports of changed services.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::printer::Printer;
use super::super::{Failure, escape};
use crate::services::ServiceUnit;

#[derive(Serialize)]
struct View<'a> {
    service: &'a str,
    unit: &'a str,
    change: &'static str,
}

/// Prints a line for each service, such as `Started service web`.
pub(super) fn report(
    printer: Printer,
    change: &'static str,
    units: &[ServiceUnit],
) -> Result<(), Failure> {
    let mut text = String::new();
    let (first, rest) = change.split_at(1);
    for unit in units {
        let name = escape::line(&unit.name);
        let _ = writeln!(text, "{}{rest} service {name}", first.to_uppercase());
    }
    let views: Vec<View<'_>> = units
        .iter()
        .map(|unit| View {
            service: &unit.name,
            unit: &unit.unit,
            change,
        })
        .collect();
    printer.of_done().say(text.trim_end(), &views)
}
