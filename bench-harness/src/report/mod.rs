//! Reports of measuring verbs: text of 80 columns for a terminal, and documents that can be stored and
//! shown together.

mod chart;
mod chart_text;
mod common;
pub(crate) mod document;
pub(crate) mod environment;
mod figure;
mod markdown;
mod page;
mod readme;
mod text;
mod verb;

pub(crate) use common::Common;
pub(crate) use document::{Document, Form};
pub(crate) use figure::{Bar, Figure, Judgement};
#[cfg(test)]
pub(crate) use text::WIDTH;
pub(crate) use text::{short, table, wrap};
pub(crate) use verb::{ReportArgs, run};
