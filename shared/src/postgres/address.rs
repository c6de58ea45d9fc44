//! Address of a queue on a server: `postgres://USER@HOST/DATABASE?schema=NAME`.

use std::fmt;
use std::path::PathBuf;

use tokio_postgres::Config;

use super::parameters::Parameters;
use super::passfile::{Subject, password};
use super::service_file::service;
use super::surroundings::Surroundings;
use super::tls::{self, Encryption};
use crate::error::{Error, Result};

/// Schema of a queue whose address names none.
const DEFAULT_SCHEMA: &str = "queue";

/// Folder of the socket of a server on this host, as Debian and most others have it.
const DEFAULT_HOST: &str = "/var/run/postgresql";

/// Most bytes of an identifier of Postgres.
const MOST_IDENTIFIER_BYTES: usize = 63;

/// Address of a queue on a server, with all that a connection needs. It is shown without its password, in
/// a form that can be parsed again.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) encryption: Encryption,
    pub(super) schema: String,
    pub(super) is_pooled: bool,
    /// A password file that was not read, because others may read it too.
    pub(super) ignored_passfile: Option<PathBuf>,
    shown: String,
}

impl Address {
    /// Parses an address. Parts that it lacks come from its service, then from the variables that
    /// `libpq` reads (`PGHOST`, `PGPASSWORD` …), then from the password file.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that cannot be read, an unknown parameter or service, a schema
    /// that is no plain name, and certificates that cannot be used. The sentence repeats no password.
    pub fn parse(text: &str, surroundings: &dyn Surroundings) -> Result<Self> {
        Self::read(text, surroundings).map_err(Error::invalid)
    }

    fn read(text: &str, surroundings: &dyn Surroundings) -> Result<Self, String> {
        let given = Parameters::of_address(text)?;
        let mut parameters = given.clone();
        if let Some(name) = parameters
            .get("service")
            .map(str::to_owned)
            .or_else(|| surroundings.variable("PGSERVICE"))
        {
            parameters.complete(&service_of(&name, surroundings)?);
        }
        parameters.complete_from(|name| surroundings.variable(name))?;
        let user = parameters.get("user").map(str::to_owned);
        let user = user.or_else(|| surroundings.user());
        let user =
            user.ok_or("the address names no user, and the system knows no name of yours")?;
        for (name, default) in [
            ("user", user.as_str()),
            ("dbname", user.as_str()),
            ("host", DEFAULT_HOST),
            ("application_name", "workflow-queue"),
            ("connect_timeout", "10"),
        ] {
            if parameters.get(name).is_none() {
                parameters.set(name, default)?;
            }
        }
        let hosts = parameters.get("host").unwrap_or_default();
        if hosts.split(',').any(str::is_empty) {
            return Err("one of the hosts has no name".to_owned());
        }
        let ignored_passfile = match parameters.get("password") {
            Some(_) => None,
            None => read_passfile(&mut parameters, surroundings)?,
        };
        let schema = schema(parameters.get("schema"))?;
        let is_pooled = match parameters.get("pooled") {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err("`pooled` is 0 or 1".to_owned()),
        };
        let encryption = tls::encryption(&parameters, surroundings)?;
        let mut config: Config = parameters
            .connection_string()
            .parse()
            .map_err(|error| unusable(&error))?;
        config.ssl_mode(encryption.first_mode());
        let mut told = given;
        for name in ["host", "port", "user", "dbname"] {
            if let Some(value) = parameters.get(name) {
                told.set(name, value)?;
            }
        }
        Ok(Self {
            config,
            encryption,
            schema,
            is_pooled,
            ignored_passfile,
            shown: told.address(),
        })
    }

    /// Schema of the queue's tables.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// True if a pooler stands before the server, which may give every transaction another session.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

/// The fault of a parameter; the client library's own sentence names it and repeats no value.
fn unusable(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Name of a schema: letters, digits and `_`, as an identifier needs no quotes then.
fn schema(given: Option<&str>) -> Result<String, String> {
    let name = given.unwrap_or(DEFAULT_SCHEMA);
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if !is_plain
        || !begins_well
        || name.len() > MOST_IDENTIFIER_BYTES
        || name.starts_with("pg_")
        || name == "information_schema"
    {
        return Err(format!(
            "`schema` must be up to {MOST_IDENTIFIER_BYTES} small letters, digits and _, begin with \
             no digit, and be none of the server's own"
        ));
    }
    Ok(name.to_owned())
}

/// Parameters of a service, from the user's file or else the system's.
fn service_of(name: &str, surroundings: &dyn Surroundings) -> Result<Parameters, String> {
    let of_user = surroundings
        .variable("PGSERVICEFILE")
        .map(PathBuf::from)
        .or_else(|| Some(surroundings.home()?.join(".pg_service.conf")));
    let of_system = surroundings
        .variable("PGSYSCONFDIR")
        .map(|folder| PathBuf::from(folder).join("pg_service.conf"));
    for path in of_user.into_iter().chain(of_system) {
        let Ok(text) = surroundings.read(&path) else {
            continue;
        };
        let found = service(&text, name).map_err(|what| format!("{}: {what}", path.display()))?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(format!(
        "no service file has a section [{}]; PGSERVICEFILE names one",
        name.escape_debug()
    ))
}

/// Sets the password that a password file has for the connection. Returns the file if it was not read,
/// because others may read it.
fn read_passfile(
    parameters: &mut Parameters,
    surroundings: &dyn Surroundings,
) -> Result<Option<PathBuf>, String> {
    let of_home = || Some(surroundings.home()?.join(".pgpass"));
    let given = parameters.get("passfile").map(PathBuf::from);
    let Some(path) = given.or_else(of_home) else {
        return Ok(None);
    };
    let Ok(text) = surroundings.read(&path) else {
        return Ok(None);
    };
    if surroundings.is_open_to_others(&path) {
        return Ok(Some(path));
    }
    let first = |name| {
        let all = parameters.get(name).unwrap_or_default();
        all.split(',').next().unwrap_or_default()
    };
    let host = match first("host") {
        DEFAULT_HOST => "localhost",
        host => host,
    };
    let subject = Subject {
        host,
        port: Some(first("port"))
            .filter(|port| !port.is_empty())
            .unwrap_or("5432"),
        database: first("dbname"),
        user: first("user"),
    };
    if let Some(password) = password(&text, subject) {
        parameters.set("password", &password)?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::Address;
    use crate::postgres::surroundings::tests::MadeUp;

    fn parse(text: &str, around: &MadeUp) -> Address {
        Address::parse(text, around).unwrap()
    }

    #[test]
    fn a_bare_address_is_the_local_server_and_the_user_s_database() {
        let address = parse("postgres://", &MadeUp::default());
        let shown = "postgres://ann@%2Fvar%2Frun%2Fpostgresql/ann";
        assert_eq!(address.to_string(), shown);
        assert_eq!(parse(shown, &MadeUp::default()).to_string(), shown);
        assert_eq!(address.schema(), "queue");
        assert!(!address.is_pooled());
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let text = "postgres://ann:secret@db:5433,[::1]/my%20tasks?schema=night&pooled=1\
                    &sslmode=disable&password=secret";
        let address = parse(text, &MadeUp::default());
        let shown = "postgres://ann@db:5433,[::1]/my%20tasks?pooled=1&schema=night&sslmode=disable";
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.config.get_password(), Some(b"secret".as_slice()));
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn a_service_comes_before_variables_and_behind_the_address() {
        let around = MadeUp {
            variables: [
                ("PGSERVICE", "tasks"),
                ("PGHOST", "variable"),
                ("PGPORT", "1"),
                ("PGDATABASE", "d"),
            ]
            .into(),
            files: [(
                "/home/ann/.pg_service.conf",
                "[tasks]\nhost=service\nport=2\nuser=s\n",
            )]
            .into(),
            ..MadeUp::default()
        };
        let shown = parse("postgres://address@", &around).to_string();
        assert_eq!(shown, "postgres://address@service:2/d");
        let error = Address::parse("postgres://?service=none", &around).unwrap_err();
        assert!(error.to_string().contains("[none]"), "{error}");
    }

    #[test]
    fn a_password_file_is_read_unless_others_may_read_it() {
        let mut around = MadeUp {
            files: [("/home/ann/.pgpass", "db:5432:ann:ann:secret\n")].into(),
            ..MadeUp::default()
        };
        let address = parse("postgres://db", &around);
        assert_eq!(address.config.get_password(), Some(b"secret".as_slice()));
        around.open = vec!["/home/ann/.pgpass"];
        let address = parse("postgres://db", &around);
        assert_eq!(address.config.get_password(), None);
        assert!(address.ignored_passfile.is_some());
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        for name in [
            "",
            "Queue",
            "a-b",
            "1a",
            "pg_queue",
            "a%22b",
            "information_schema",
        ] {
            let text = format!("postgres://db?schema={name}");
            let error = Address::parse(&text, &MadeUp::default()).unwrap_err();
            assert!(
                error.to_string().contains("`schema` must"),
                "{name}: {error}"
            );
        }
        assert_eq!(
            parse("postgres://db?schema=_n1", &MadeUp::default()).schema(),
            "_n1"
        );
    }

    #[test]
    fn a_bad_parameter_is_named_without_its_value() {
        for (text, name) in [
            ("postgres://db,,other", "one of the hosts"),
            ("postgres://db?pooled=yes", "pooled"),
            ("postgres://db?connect_timeout=soon", "connect_timeout"),
            ("postgres://db?sslmode=maybe", "sslmode"),
            ("postgres://db?channel_binding=maybe", "channel_binding"),
        ] {
            let error = Address::parse(text, &MadeUp::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
