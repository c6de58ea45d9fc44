//! Reads `WfFormat` 1.5, the format in which `WfCommons` publishes traces of scientific workflows
//! (<https://github.com/wfcommons/WfFormat>): the fields that a replay needs, unchecked.
//! [`Trace`](super::trace::Trace) checks that they are consistent.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use crate::Result;

/// Supported schema version.
const VERSION: &str = "1.5";
/// Mark at the beginning of a text, written by some editors.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Largest trace in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// A workflow as specified and, if recorded, its execution.
#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) specification: Specification,
    pub(super) execution: Option<Execution>,
}

/// Specification of a workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Specification {
    pub(super) tasks: Vec<Task>,
    #[serde(default)]
    pub(super) files: Vec<DataFile>,
}

/// A task and its neighbours, by their ids.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) parents: Vec<String>,
    pub(super) children: Vec<String>,
    #[serde(default)]
    pub(super) input_files: Vec<String>,
    #[serde(default)]
    pub(super) output_files: Vec<String>,
}

/// A file that tasks read or write.
#[derive(Debug, Deserialize)]
pub(super) struct DataFile {
    pub(super) id: String,
}

/// Recorded execution.
#[derive(Debug, Deserialize)]
pub(super) struct Execution {
    pub(super) tasks: Vec<Run>,
}

/// Recorded runtime of a task.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) runtime_in_seconds: Option<f64>,
}

/// Version, which tells if the rest can be read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    schema_version: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Body {
    workflow: Workflow,
}

/// Reads the file at `path`.
///
/// # Errors
/// When it cannot be read, is larger than 256 MiB, or as [`parse`].
pub(super) fn read(path: &Path) -> Result<Workflow> {
    parse(&bytes_of(path, MAX_BYTES)?)
}

fn bytes_of(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Reads one byte beyond the limit, which also works for an endless file.
    let mut file = File::open(path)?.take(limit + 1);
    if u64::try_from(file.read_to_end(&mut bytes)?)? > limit {
        return Err(format!("it is larger than {limit} bytes, the limit").into());
    }
    Ok(bytes)
}

/// Reads a trace.
///
/// # Errors
/// When it is not JSON, not `WfFormat`, or of another version; with line and column.
pub(super) fn parse(bytes: &[u8]) -> Result<Workflow> {
    // The parser does not check ignored strings for valid UTF-8.
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not JSON: {error}"))?;
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let head: Head = serde_json::from_str(text).map_err(|error| explain(&error))?;
    match head.schema_version {
        Some(Value::String(version)) if version == VERSION => {}
        Some(version) => {
            return Err(
                format!("its schemaVersion is {version}; only \"{VERSION}\" is read").into(),
            );
        }
        None => {
            return Err(format!(
                "not WfFormat: it has no schemaVersion, which must be \"{VERSION}\""
            )
            .into());
        }
    }
    let body: Body = serde_json::from_str(text).map_err(|error| explain(&error))?;
    Ok(body.workflow)
}

fn explain(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => format!("not WfFormat: {error}"),
        Category::Io | Category::Syntax | Category::Eof => format!("not JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{bytes_of, parse};

    fn refusal(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let said = bytes_of(Path::new("/dev/zero"), 9).unwrap_err().to_string();
        assert_eq!(said, "it is larger than 9 bytes, the limit");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0; 9]).unwrap();
        assert_eq!(bytes_of(file.path(), 9).unwrap(), [0; 9]);
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_its_position() {
        for bytes in [
            b"".as_slice(),
            b"{",
            b"{\"schemaVersion\": \"1.5\"} more",
            &b"[".repeat(100_000),
        ] {
            let said = refusal(bytes);
            assert!(said.starts_with("not JSON: "), "{said}");
            assert!(said.contains(" at line 1 column "), "{said}");
        }
        let said = refusal(b"{\"schemaVersion\": \"1.5\", \"name\": \"\xff\"}");
        assert!(said.starts_with("not JSON: invalid utf-8"), "{said}");
        assert!(said.ends_with("from index 34"), "{said}");
    }

    #[test]
    fn another_version_is_named() {
        let of = |version| refusal(json!({ "schemaVersion": version }).to_string().as_bytes());
        assert_eq!(
            of(json!("1.4")),
            "its schemaVersion is \"1.4\"; only \"1.5\" is read"
        );
        assert_eq!(
            of(json!(1.5)),
            "its schemaVersion is 1.5; only \"1.5\" is read"
        );
        assert!(refusal(b"{}").contains("no schemaVersion"));
    }

    #[test]
    fn a_missing_field_or_a_wrong_type_is_named() {
        let of = |workflow| {
            let file = json!({ "schemaVersion": "1.5", "workflow": workflow });
            refusal(serde_json::to_string_pretty(&file).unwrap().as_bytes())
        };
        let bare = json!({ "specification": { "tasks": [{ "id": "a", "parents": [] }] } });
        let said = of(bare);
        assert!(said.contains("missing field `children` at line"), "{said}");
        let kind = json!({
            "specification": { "tasks": [] },
            "execution": { "tasks": [{ "id": "a", "runtimeInSeconds": "long" }] },
        });
        let said = of(kind);
        assert!(said.contains("expected f64 at line"), "{said}");
        for other in [b"7".as_slice(), b"[]", b"[\"1.5\"]"] {
            let said = refusal(other);
            assert!(said.starts_with("not WfFormat: "), "{said}");
        }
    }
}
