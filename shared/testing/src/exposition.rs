//! A strict reader of the text formats of metrics, written from their public grammars.

use std::collections::{BTreeMap, BTreeSet};

/// Sample: its name, its labels and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A text that keeps the rules.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    pub samples: Vec<Sample>,
    /// Families by name as their metadata have it, with their types.
    pub families: BTreeMap<String, String>,
}

impl Exposition {
    /// Reads a text in the format of Prometheus, or in that of `OpenMetrics` if `is_open`.
    ///
    /// # Errors
    /// The first broken rule, with its line.
    pub fn read(text: &str, is_open: bool) -> Result<Self, String> {
        let mut body = text.strip_suffix('\n').ok_or("no line end at the end")?;
        if is_open {
            body = body.strip_suffix("\n# EOF").ok_or("no # EOF at the end")?;
        }
        let mut reader = Reader {
            is_open,
            read: Self::default(),
            family: None,
            closed: BTreeSet::new(),
            series: BTreeSet::new(),
        };
        for line in body.split('\n') {
            reader
                .line(line)
                .map_err(|rule| format!("{rule}: {line}"))?;
        }
        reader.close()?;
        Ok(reader.read)
    }

    /// Value of the sample with that name and exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: BTreeMap<String, String> = labels
            .iter()
            .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
            .collect();
        let mut samples = self.samples.iter();
        let found = samples.find(|one| one.name == name && one.labels == wanted);
        found.map(|one| one.value)
    }
}

/// Family whose samples are read.
struct Open {
    name: String,
    kind: Option<String>,
    has_unit: bool,
    samples: Vec<Sample>,
}

struct Reader {
    is_open: bool,
    read: Exposition,
    family: Option<Open>,
    closed: BTreeSet<String>,
    series: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.strip_prefix("# ") {
            Some(metadata) => self.metadata(metadata),
            None if line.is_empty() || line.starts_with('#') => {
                Err("neither sample nor metadata".into())
            }
            None => self.sample(line),
        }
    }

    fn metadata(&mut self, text: &str) -> Result<(), String> {
        let mut parts = text.splitn(3, ' ');
        let (word, name, rest) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(rest)) = (name, rest) else {
            return Err("metadata without a name or a value".into());
        };
        check_name(name, true)?;
        match word {
            Some("HELP") => {
                self.close()?;
                if rest.is_empty() || rest.contains('\\') {
                    return Err("no plain help".into());
                }
                if !self.closed.insert(name.to_owned()) {
                    return Err("a family twice".into());
                }
                self.family = Some(Open {
                    name: name.to_owned(),
                    kind: None,
                    has_unit: false,
                    samples: Vec::new(),
                });
                return Ok(());
            }
            Some("TYPE" | "UNIT") => {}
            _ => return Err("unknown metadata".into()),
        }
        let family = self.family.as_mut().filter(|one| one.name == name);
        let family = family.ok_or("metadata of another family")?;
        if !family.samples.is_empty() {
            return Err("metadata behind samples".into());
        }
        if word == Some("UNIT") {
            if !self.is_open || family.has_unit || !name.ends_with(&format!("_{rest}")) {
                return Err("a unit in the wrong place".into());
            }
            family.has_unit = true;
            return Ok(());
        }
        let kinds: &[&str] = if self.is_open {
            &["gauge", "counter", "histogram", "info"]
        } else {
            &["gauge", "counter", "histogram"]
        };
        if family.kind.is_some() || !kinds.contains(&rest) {
            return Err("a second or an unknown type".into());
        }
        if rest == "counter" && name.ends_with("_total") == self.is_open {
            return Err("a counter's name".into());
        }
        family.kind = Some(rest.to_owned());
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, read_labels(labels)?),
            None => (series, BTreeMap::new()),
        };
        check_name(name, true)?;
        if !self.series.insert(format!("{name} {labels:?}")) {
            return Err("a series twice".into());
        }
        let value: f64 = value.parse().map_err(|_| "no number")?;
        if !value.is_finite() || value < 0.0 {
            return Err("not a finite number from 0".into());
        }
        let family = self.family.as_mut().ok_or("a sample without a family")?;
        let kind = family.kind.as_deref().ok_or("a family without a type")?;
        let ending = name
            .strip_prefix(family.name.as_str())
            .ok_or("another family's sample")?;
        let allowed: &[&str] = match (kind, self.is_open) {
            ("counter", true) => &["_total"],
            ("info", _) => &["_info"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        if !allowed.contains(&ending) {
            return Err("a sample with another ending".into());
        }
        let sample = Sample {
            name: name.to_owned(),
            labels,
            value,
        };
        family.samples.push(sample.clone());
        self.read.samples.push(sample);
        Ok(())
    }

    /// Checks the family that ends here.
    fn close(&mut self) -> Result<(), String> {
        let Some(family) = self.family.take() else {
            return Ok(());
        };
        let kind = family.kind.ok_or("a family without a type")?;
        if kind == "histogram" {
            check_histograms(&family.name, &family.samples)?;
        }
        self.read.families.insert(family.name, kind);
        Ok(())
    }
}

/// Checks that the samples of each histogram stand together: rising buckets, then sum and count.
fn check_histograms(name: &str, samples: &[Sample]) -> Result<(), String> {
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let mut labels = first.labels.clone();
        labels.remove("le");
        let (mut bound, mut count) = (f64::NEG_INFINITY, 0.0);
        while let Some((bucket, behind)) = rest.split_first()
            && bucket.name == format!("{name}_bucket")
        {
            let mut own = bucket.labels.clone();
            let le = own.remove("le").ok_or("a bucket without a bound")?;
            let is_canonical = le == "+Inf" || le.contains('.');
            let le = if le == "+Inf" {
                Ok(f64::INFINITY)
            } else {
                le.parse()
            };
            let le: f64 = le.map_err(|_| "a bound that is no number")?;
            if own != labels || le <= bound || bucket.value < count || !is_canonical {
                return Err(format!("buckets of {name} out of order"));
            }
            (bound, count, rest) = (le, bucket.value, behind);
        }
        let [sum, total, behind @ ..] = rest else {
            return Err(format!("{name} without sum and count"));
        };
        let is_whole = bound.is_infinite()
            && sum.name == format!("{name}_sum")
            && total.name == format!("{name}_count")
            && sum.labels == labels
            && total.labels == labels
            && total.value.to_bits() == count.to_bits();
        if !is_whole {
            return Err(format!("{name} does not end with +Inf, sum and count"));
        }
        rest = behind;
    }
    Ok(())
}

fn check_name(name: &str, allows_colon: bool) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || (allows_colon && c == ':');
    let is_name =
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    if is_name {
        Ok(())
    } else {
        Err(format!("`{name}` is no name"))
    }
}

/// Labels, from behind the opening brace to the end.
fn read_labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut rest = text;
    let mut labels = BTreeMap::new();
    loop {
        let (name, behind) = rest.split_once("=\"").ok_or("a label without a value")?;
        check_name(name, false)?;
        if name.starts_with("__") {
            return Err("a reserved label".into());
        }
        let mut value = String::new();
        let mut chars = behind.char_indices();
        let end = loop {
            match chars.next().ok_or("a value without an end")? {
                (at, '"') => break at,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('\\' | '"'))) => value.push(c),
                    _ => return Err("an unknown escape".into()),
                },
                (_, c) if c.is_control() => return Err("a control character".into()),
                (_, c) => value.push(c),
            }
        };
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label twice".into());
        }
        rest = &behind[end + 1..];
        match rest {
            "}" => return Ok(labels),
            _ => rest = rest.strip_prefix(',').ok_or("no comma between labels")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exposition;

    #[test]
    fn a_text_that_keeps_the_rules_is_read() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{q=\"x\\\\\\\"\\n\"} 1\n\
                    # HELP h H.\n# TYPE h histogram\nh_bucket{le=\"0.1\"} 1\n\
                    h_bucket{le=\"+Inf\"} 2\nh_sum 0.3\nh_count 2\n";
        let read = Exposition::read(text, false).unwrap();
        assert_eq!(read.value("a_total", &[("q", "x\\\"\n")]), Some(1.0));
        assert_eq!(read.samples.len(), 5);
    }

    #[test]
    fn every_broken_rule_is_found() {
        let gauge = "# HELP g G.\n# TYPE g gauge\n";
        let times = "# HELP h H.\n# TYPE h histogram\n";
        for (text, is_open) in [
            (format!("{gauge}g 1"), false),
            (format!("{gauge}g 1\n"), true),
            (format!("{gauge}g 1\n# EOF\ng 2\n# EOF\n"), true),
            (format!("{gauge}g 1\ng 1\n"), false),
            (format!("{gauge}g 1\n{gauge}g{{a=\"b\"}} 1\n"), false),
            (format!("{gauge}g{{a=\"b\",a=\"c\"}} 1\n"), false),
            (format!("{gauge}g{{a=\"\\x\"}} 1\n"), false),
            (format!("{gauge}g{{a=\"\u{1b}\"}} 1\n"), false),
            (format!("{gauge}g{{1=\"b\"}} 1\n"), false),
            (format!("{gauge}g NaN\n"), false),
            (format!("{gauge}\ng 1\n"), false),
            (format!("{gauge}x 1\n"), false),
            (format!("{gauge}g 1\n# TYPE g gauge\n"), false),
            ("g 1\n".to_owned(), false),
            ("# HELP c C.\n# TYPE c counter\nc 1\n".to_owned(), false),
            (
                "# HELP c_total C.\n# TYPE c_total counter\nc_total 1\n# EOF\n".to_owned(),
                true,
            ),
            (
                format!("{times}h_bucket{{le=\"0.1\"}} 1\nh_sum 1\nh_count 1\n"),
                false,
            ),
            (
                format!(
                    "{times}h_bucket{{le=\"0.1\"}} 2\nh_bucket{{le=\"+Inf\"}} 1\nh_sum 1\nh_count 1\n"
                ),
                false,
            ),
            (
                format!("{times}h_bucket{{le=\"+Inf\"}} 2\nh_sum 1\nh_count 1\n"),
                false,
            ),
            (
                format!("{times}h_bucket{{le=\"+Inf\"}} 2\nh_count 2\n"),
                false,
            ),
        ] {
            assert!(Exposition::read(&text, is_open).is_err(), "{text}");
        }
    }
}
