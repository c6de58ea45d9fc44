//! Connection service files: named sets of parameters (`PostgreSQL` documentation, "The Connection
//! Service File").

use super::parameters::Parameters;

/// Parameters of a service; `None` if the file has no such section.
///
/// # Errors
/// A sentence about a line that is neither a section, a parameter nor a comment. It does not repeat the
/// line, which may hold a password.
pub(super) fn service(text: &str, name: &str) -> Result<Option<Parameters>, String> {
    let mut found: Option<Parameters> = None;
    let mut is_inside = false;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            // Of several sections of one name, the first counts.
            is_inside = section == name && found.is_none();
            if is_inside {
                found = Some(Parameters::default());
            }
            continue;
        }
        if !is_inside {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(format!("line {number} is not of the form `key=value`"));
        };
        let parameters = found.get_or_insert_default();
        parameters
            .set(key.trim(), value.trim())
            .map_err(|error| format!("line {number}: {error}"))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::service;

    const FILE: &str = "# of the team\n[other]\nhost=elsewhere\n\n[tasks]\nhost = db.example\nport=5433\npassword=a=b\n[tasks]\nhost=second\n";

    #[test]
    fn the_first_section_of_a_name_gives_the_parameters() {
        let found = service(FILE, "tasks").unwrap().unwrap();
        assert_eq!(found.get("host"), Some("db.example"));
        assert_eq!(found.get("port"), Some("5433"));
        assert_eq!(found.get("password"), Some("a=b"));
        assert!(service(FILE, "third").unwrap().is_none());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_alone() {
        let error = service("[a]\nsecret\n", "a").err().expect("a refusal");
        assert_eq!(error, "line 2 is not of the form `key=value`");
        let error = service("[a]\nsecret=1\n", "a").err().expect("a refusal");
        assert_eq!(error, "line 2: there is no parameter `secret`");
        assert!(service("[b]\nsecret\n", "a").unwrap().is_none());
    }
}
