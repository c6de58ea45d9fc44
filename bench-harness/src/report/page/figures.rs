//! Figures beside their bars.

use std::fmt::Write as _;

use super::html::{inline, percent, text};
use crate::report::document::Document;
use crate::report::{Bar, Figure, Judgement};

/// One row per figure, with one column per engine.
pub(super) fn html(document: &Document) -> String {
    let engines = document.engines();
    let mut rows =
        "<div class=\"figures\">\n<div class=\"figure head\"><span>open a figure to see how it was measured</span>".to_owned();
    for engine in &engines {
        let _ = write!(rows, "<span>{engine}</span>");
    }
    rows.push_str("</div>\n");
    for name in document.figure_names() {
        let _ = writeln!(rows, "<div class=\"figure\"><h3>{}</h3>", inline(name));
        for engine in &engines {
            rows += &document.figure(*engine, name).map_or_else(
                || "<div class=\"judged none\">–</div>\n".to_owned(),
                |one| judged(engine.as_str(), &one.figure),
            );
        }
        rows.push_str("</div>\n");
    }
    rows.push_str("</div>\n");
    rows
}

/// A figure of an engine.
fn judged(engine: &str, figure: &Figure) -> String {
    let (class, word) = match (figure.judgement(), figure.value) {
        (Judgement::Held, _) => ("ok", "met"),
        (Judgement::Missed, _) => ("miss", "missed"),
        (Judgement::NotJudged, None) => ("slow", "not measured"),
        (Judgement::NotJudged, Some(_)) => ("slow", "not judged"),
    };
    let notes = figure.notes();
    let notes = if notes.is_empty() {
        "no further notes".to_owned()
    } else {
        notes
    };
    format!(
        "<details class=\"judged {class}\"><summary><span class=\"engine\">{engine}</span>\
         <b>{}</b> <span class=\"limit\">{}</span> <span class=\"pill {class}\">{word}</span>{}\
         </summary><p>{}</p></details>\n",
        text(&figure.shown()),
        figure.bar,
        gauge(figure),
        inline(&notes)
    )
}

/// The value on a scale whose middle is the bar, with its range; the shaded half misses the bar.
fn gauge(figure: &Figure) -> String {
    let (bar, missing) = match figure.bar {
        Bar::AtLeast(bar) => (bar, 0),
        Bar::AtMost(bar) => (bar, 50),
    };
    let Some(value) = figure.value.filter(|_| bar > 0.0) else {
        return String::new();
    };
    let place = |value: f64| percent(value / bar / 2.0);
    let (min, median, max) = (place(value.min), place(value.median), place(value.max));
    format!(
        "<svg class=\"gauge\" width=\"100%\" height=\"14\" aria-hidden=\"true\">\
         <rect class=\"track\" x=\"0\" y=\"4\" width=\"100%\" height=\"6\" rx=\"3\"/>\
         <rect class=\"beyond\" x=\"{missing}%\" y=\"4\" width=\"50%\" height=\"6\"/>\
         <line class=\"range\" x1=\"{min}%\" x2=\"{max}%\" y1=\"7\" y2=\"7\"/>\
         <line class=\"limit\" x1=\"50%\" x2=\"50%\" y1=\"0\" y2=\"14\"/>\
         <circle cx=\"{median}%\" cy=\"7\" r=\"4\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::{gauge, html};
    use crate::report::document::tests::document;
    use crate::report::{Bar, Figure};

    #[test]
    fn a_figure_says_whether_it_meets_its_bar() {
        let page = html(&document());
        assert!(page.contains("class=\"pill miss\">missed<"), "{page}");
        assert!(page.contains("0.400 × raw"), "{page}");
    }

    #[test]
    fn a_gauge_has_the_bar_in_its_middle() {
        let figure = Figure::value("wakeup", 150.0, "us", Bar::AtMost(100.0));
        assert!(gauge(&figure).contains("circle cx=\"75.00%\""));
        let none = Figure::value("busy errors", 0.0, "", Bar::AtMost(0.0));
        assert_eq!(gauge(&none), "");
    }
}
