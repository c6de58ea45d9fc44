//! Documents as one self-contained HTML page: no script, no font, no other file. Text is HTML, so that
//! it keeps its size on a phone; drawings are SVG that stretches.

mod bars;
mod curves;
mod figures;
pub(super) mod html;
pub(super) mod scale;

use std::fmt::Write as _;

use super::document::{Document, Failed, Kind, Table};
use super::environment::Environment;
use super::figure::Judgement;
use super::text::short;
use html::{inline, text};

const STYLE: &str = include_str!("style.css");

/// The page of several documents, in their order.
pub(super) fn page(documents: &[Document]) -> String {
    let body: String = documents.iter().map(section).collect();
    let contents = if documents.len() > 1 {
        let link = |document: &Document| {
            let (id, name) = name(document.kind);
            format!("<a href=\"#{id}\">{name}</a>")
        };
        let links: Vec<String> = documents.iter().map(link).collect();
        format!("<nav>{}</nav>\n", links.join(" "))
    } else {
        String::new()
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>fast-queue and workflow-queue, measured</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<header>\n<h1>fast-queue and workflow-queue, measured</h1>\n\
         <p>Ratios within one run are what carries from one machine to another: systems take turns, \
         and each whisker is the range of the rounds. Absolute times belong to this machine and \
         this hour.</p>\n{contents}</header>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Anchor and heading of a document.
fn name(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Compare => ("compare", "The 100 operations"),
        Kind::Suite => ("suite", "What is promised"),
        Kind::Replay => ("replay", "Recorded workflows"),
        Kind::Peers => ("peers", "Beside other programs"),
    }
}

fn section(document: &Document) -> String {
    let (id, name) = name(document.kind);
    let mut out = format!("<section id=\"{id}\">\n<h2>{name}</h2>\n");
    out += &environment(document);
    if !document.figures.is_empty() {
        out += &verdict(document);
        out += &figures::html(document);
    }
    let tables = document.tables.iter().map(table);
    let charts = document.bars.iter().map(bars::html);
    let charts = charts.chain(document.curves.iter().map(curves::html));
    let charts: String = charts.collect();
    if !charts.is_empty() {
        let _ = writeln!(out, "<div class=\"charts\">\n{charts}</div>");
    }
    out.extend(tables);
    out += &failed(&document.failed);
    out.push_str("</section>\n");
    out
}

/// Number of bars that are met.
fn verdict(document: &Document) -> String {
    let count = |judgement| document.judged(judgement).len();
    let part = |count: usize, class: &str, what: &str| {
        if count == 0 {
            return String::new();
        }
        format!("<span class=\"pill {class}\">{count} {what}</span> ")
    };
    format!(
        "<p class=\"verdict\">{}{}{}</p>\n",
        part(count(Judgement::Held), "ok", "met"),
        part(count(Judgement::Missed), "miss", "missed"),
        part(count(Judgement::NotJudged), "slow", "not judged")
    )
}

/// Environment of the measurement: a summary line, and details on demand.
fn environment(document: &Document) -> String {
    let environment = &document.environment;
    let mut rows = String::new();
    for (name, value) in facts(environment) {
        let _ = write!(rows, "<dt>{}</dt><dd>{}</dd>", text(&name), text(&value));
    }
    format!(
        "<details class=\"place\"><summary>{} · {} · {} cores · {} · 4 KiB append + fdatasync {} \
         µs</summary>\n<dl>{rows}</dl></details>\n",
        text(environment.date.get(..10).unwrap_or("no date")),
        text(&environment.cpu),
        environment.cores,
        text(&environment.file_system),
        short(document.disk_probe_us.median)
    )
}

fn facts(environment: &Environment) -> Vec<(String, String)> {
    let plain = [
        ("measured", environment.date.clone()),
        ("commit", environment.sources()),
        ("system", environment.distribution.clone()),
        ("kernel", environment.kernel.clone()),
        ("load before", environment.load.clone()),
        ("SQLite", environment.sqlite.clone()),
    ];
    let plain = plain.map(|(name, value)| (name.to_owned(), value));
    let pragmas = environment.pragmas.iter().map(|level| {
        let settings = level.settings.iter();
        let settings = settings.map(|one| format!("{} {}", one.name, one.value));
        let settings: Vec<String> = settings.collect();
        (format!("at {}", level.durability), settings.join(", "))
    });
    let versions = environment.versions.iter();
    let versions = versions.map(|one| (one.name.clone(), one.version.clone()));
    plain.into_iter().chain(pragmas).chain(versions).collect()
}

fn table(table: &Table) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", inline(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = table.rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<figure>\n<figcaption><h3>{}</h3>{}</figcaption>\n<div class=\"scroll\"><table>\n\
         <thead>{}</thead>\n<tbody>{rows}</tbody></table></div>\n</figure>\n",
        inline(&table.title),
        html::note(&table.note),
        row(&table.columns, "th"),
    )
}

fn failed(failed: &[Failed]) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let line = |one: &Failed| {
        format!(
            "<li><b>{}</b>: {}</li>\n",
            inline(&one.case),
            inline(&one.why)
        )
    };
    let lines: String = failed.iter().map(line).collect();
    format!("<div class=\"failed\"><h3>Not measured</h3>\n<ul>\n{lines}</ul></div>\n")
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::report::document::tests::document;

    #[test]
    fn a_page_is_self_contained() {
        let page = page(&[document(), document()]);
        for foreign in ["<script", "http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        for own in ["drain", "leases", "pending tasks", "the disk is full"] {
            assert!(page.contains(own), "{own}");
        }
    }

    #[test]
    fn nothing_in_a_document_becomes_markup() {
        let evil = "\"'><script>alert(1)</script>&\u{202e}";
        let mut document = document();
        let json = serde_json::to_string(&document).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&json).unwrap();
        poison(&mut value, evil);
        // A document's enums accept fixed words only, which stay.
        value["kind"] = "suite".into();
        value["figures"][0]["engine"] = "fast-queue".into();
        value["bars"][0]["better"] = "lower".into();
        document = serde_json::from_value(value).unwrap();
        let page = page(&[document]);
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("=\"\"'"), "no attribute ends early");
    }

    /// Replaces every string.
    fn poison(value: &mut serde_json::Value, by: &str) {
        match value {
            serde_json::Value::String(text) => by.clone_into(text),
            serde_json::Value::Array(all) => all.iter_mut().for_each(|one| poison(one, by)),
            serde_json::Value::Object(all) => all.values_mut().for_each(|one| poison(one, by)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            }
        }
    }
}
