//! The text formats in which monitors read metrics: that of Prometheus (0.0.4) and `OpenMetrics` 1.0.

use std::fmt::Write as _;

use crate::journal::Histogram;
use crate::text::escape;

/// Text format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsFormat {
    /// Text format of Prometheus, version 0.0.4.
    #[default]
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl MetricsFormat {
    /// Content type of the format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Format that a client accepts: `OpenMetrics` if its header names it.
    pub fn accepted(accept: Option<&str>) -> Self {
        let names_it = |accept: &str| {
            accept.split(',').any(|one| {
                let mut parts = one.split(';').map(str::trim);
                let is_it = parts
                    .next()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
                let version = parts.clone().find_map(|part| part.strip_prefix("version="));
                let is_refused = parts.any(|part| part == "q=0" || part == "q=0.0");
                is_it && !is_refused && version.is_none_or(|version| version.starts_with('1'))
            })
        };
        if accept.is_some_and(names_it) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Number that rises and falls.
    Gauge,
    /// Number that only rises, until it begins anew. Its name ends in `_total`.
    Counter,
    /// Distribution of times in seconds.
    Histogram,
    /// Facts, as labels of a gauge that is 1. Its name ends in `_info`.
    Info,
}

impl MetricKind {
    /// The type as a word of the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// Family of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: MetricKind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Meaning, one sentence.
    pub help: &'static str,
}

impl Family {
    /// Its name without the ending of its type.
    fn stem(&self) -> &'static str {
        let ending = match self.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            MetricKind::Gauge | MetricKind::Histogram => "",
        };
        self.name.strip_suffix(ending).unwrap_or(self.name)
    }

    /// Base unit, if its name ends in one.
    fn unit(&self) -> Option<&'static str> {
        let mut units = ["seconds", "bytes"].into_iter();
        units.find(|unit| self.stem().ends_with(unit))
    }
}

/// Text in one of the formats.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposition {
    form: MetricsFormat,
    text: String,
}

impl Exposition {
    pub(super) fn new(form: MetricsFormat) -> Self {
        Self {
            form,
            text: String::new(),
        }
    }

    /// Begins a family: its samples follow.
    pub(super) fn family(&mut self, family: &Family) {
        let help = family.help;
        let (name, kind) = match self.form {
            MetricsFormat::OpenMetrics => (family.stem(), family.kind.as_str()),
            MetricsFormat::Prometheus if family.kind == MetricKind::Info => (family.name, "gauge"),
            MetricsFormat::Prometheus => (family.name, family.kind.as_str()),
        };
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        if let (MetricsFormat::OpenMetrics, Some(unit)) = (self.form, family.unit()) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    /// Adds one sample of the family with the values of its labels.
    pub(super) fn sample(&mut self, family: &Family, labels: &[&str], value: Value) {
        self.line(family.name, family, labels, None, value);
    }

    /// Adds a histogram with the values of its labels.
    pub(super) fn histogram(&mut self, family: &Family, labels: &[&str], times: &Histogram) {
        let (bucket, name) = (format!("{}_bucket", family.name), family.name);
        let mut below = 0_u64;
        let bounds = Histogram::BOUNDS_MS.iter().copied().map(Some).chain([None]);
        for (bound, count) in bounds.zip(times.counts()) {
            below = below.saturating_add(*count);
            let le = bound.map_or_else(|| "+Inf".to_owned(), seconds);
            self.line(&bucket, family, labels, Some(&le), Value::Number(below));
        }
        let sum = Value::Micros(times.sum_us());
        self.line(&format!("{name}_sum"), family, labels, None, sum);
        let count = Value::Number(below);
        self.line(&format!("{name}_count"), family, labels, None, count);
    }

    fn line(
        &mut self,
        name: &str,
        family: &Family,
        labels: &[&str],
        le: Option<&str>,
        value: Value,
    ) {
        self.text.push_str(name);
        let pairs = family.labels.iter().copied().zip(labels.iter().copied());
        let mut before = '{';
        for (label, value) in pairs.chain(le.map(|le| ("le", le))) {
            let _ = write!(self.text, "{before}{label}=\"{}\"", quoted(value));
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = match value {
            Value::Number(number) => writeln!(self.text, " {number}"),
            Value::Micros(micros) => {
                let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
                writeln!(self.text, " {whole}.{part:06}")
            }
        };
    }

    /// The whole text.
    pub(super) fn end(mut self) -> String {
        if self.form == MetricsFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// Value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Whole number.
    Number(u64),
    /// Seconds, given in microseconds.
    Micros(u64),
}

/// Value of a label between quotes. Characters that would control a terminal are shown as codes, and a
/// backslash as two, so that two values never become one.
fn quoted(value: &str) -> String {
    let shown = value.replace('\\', "\\\\");
    let shown = escape::line(&shown);
    shown.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A bound in seconds, always with a decimal point, as `OpenMetrics` writes it.
fn seconds(millis: u64) -> String {
    let digits = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    let short = digits.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Exposition, Family, MetricKind, MetricsFormat, Value, seconds};
    use crate::journal::Histogram;

    const RUNS: Family = Family {
        name: "queue_run_seconds",
        kind: MetricKind::Histogram,
        labels: &["queue"],
        help: "Runs.",
    };
    const DONE: Family = Family {
        name: "queue_done_total",
        kind: MetricKind::Counter,
        labels: &["queue"],
        help: "Done.",
    };

    #[test]
    fn a_counter_is_named_as_each_format_wants_it() {
        let text = |form| {
            let mut text = Exposition::new(form);
            text.family(&DONE);
            text.sample(&DONE, &["a\"b\\c\nd"], Value::Number(7));
            text.end()
        };
        assert_eq!(
            text(MetricsFormat::Prometheus),
            "# HELP queue_done_total Done.\n# TYPE queue_done_total counter\n\
             queue_done_total{queue=\"a\\\"b\\\\\\\\c\\\\nd\"} 7\n"
        );
        let open = text(MetricsFormat::OpenMetrics);
        assert!(open.starts_with("# HELP queue_done Done.\n# TYPE queue_done counter\n"));
        assert!(open.ends_with("} 7\n# EOF\n"), "{open}");
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_its_count() {
        let mut times = Histogram::default();
        for time in [1_000, 6_000, 9_000_000_000] {
            times.record(time);
        }
        let mut text = Exposition::new(MetricsFormat::OpenMetrics);
        text.family(&RUNS);
        text.histogram(&RUNS, &["q"], &times);
        let text = text.end();
        for line in [
            "# UNIT queue_run_seconds seconds\n",
            "_bucket{queue=\"q\",le=\"0.005\"} 1\n",
            "_bucket{queue=\"q\",le=\"0.01\"} 2\n",
            "_bucket{queue=\"q\",le=\"7200.0\"} 2\n",
            "_bucket{queue=\"q\",le=\"+Inf\"} 3\n",
            "_sum{queue=\"q\"} 9000.007000\n",
            "_count{queue=\"q\"} 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn bounds_are_seconds_with_a_decimal_point() {
        let bounds = [5, 25, 1_000, 2_500, 7_200_000].map(seconds);
        assert_eq!(bounds, ["0.005", "0.025", "1.0", "2.5", "7200.0"]);
    }

    #[test]
    fn open_metrics_is_sent_to_those_who_accept_it() {
        for (accept, form) in [
            (None, MetricsFormat::Prometheus),
            (Some("*/*"), MetricsFormat::Prometheus),
            (Some("text/plain;version=0.0.4"), MetricsFormat::Prometheus),
            (
                Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"),
                MetricsFormat::OpenMetrics,
            ),
            (
                Some("application/openmetrics-text;q=0, */*"),
                MetricsFormat::Prometheus,
            ),
            (
                Some("application/openmetrics-text; version=2.0.0"),
                MetricsFormat::Prometheus,
            ),
        ] {
            assert_eq!(MetricsFormat::accepted(accept), form, "{accept:?}");
        }
    }
}
