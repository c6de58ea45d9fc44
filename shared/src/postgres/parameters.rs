//! Parameters of a connection, by the names that `libpq` gives them, and two of our own: `schema` and
//! `pooled`.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Parameters of a connection.
#[derive(Clone, Default)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

/// Every parameter, with the variable that gives it if neither address nor service file does.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("service", Some("PGSERVICE")),
    ("options", Some("PGOPTIONS")),
    ("application_name", Some("PGAPPNAME")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_count", None),
    ("tcp_user_timeout", None),
    ("schema", None),
    ("pooled", None),
];

/// Parameters that this crate handles itself; the client library gets the others.
const OWN: &[&str] = &[
    "passfile",
    "service",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "schema",
    "pooled",
];

/// Characters that an address has in no name or value.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Parameters {
    /// Parses an address of the form `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?KEY=VALUE&…`,
    /// each part optional and percent-encoded.
    ///
    /// # Errors
    /// A sentence that repeats no part of the address which may belong to a password.
    pub(super) fn of_address(text: &str) -> Result<Self, String> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or("the address does not begin with postgres://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // The last `@`: an unescaped one before it belongs to the password.
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut parameters = Self::default();
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        parameters.set_unless_empty("user", &decoded(user)?)?;
        parameters.set_unless_empty("password", &decoded(password)?)?;
        parameters.set_unless_empty("dbname", &decoded(database)?)?;
        parameters.set_hosts(hosts)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or("a parameter of the address has no value: write KEY=VALUE")?;
            parameters.set(&decoded(key)?, &decoded(value)?)?;
        }
        Ok(parameters)
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// A sentence about an unknown name, or a NUL in the value.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let (known, _) = KNOWN
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("there is no parameter `{}`", name.escape_debug()))?;
        if value.contains('\0') {
            return Err(format!("the value of `{known}` has a NUL"));
        }
        self.0.insert(known, value.to_owned());
        Ok(())
    }

    fn set_unless_empty(&mut self, name: &str, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return Ok(());
        }
        self.set(name, value)
    }

    /// Sets hosts and ports from the part of an address between `@` and `/`.
    fn set_hosts(&mut self, text: &str) -> Result<(), String> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for part in text.split(',') {
            let (host, port) = match part.strip_prefix('[') {
                Some(rest) => {
                    let (host, after) = rest
                        .split_once(']')
                        .ok_or("a host of the address has [ without ]")?;
                    (host, after.strip_prefix(':').unwrap_or_default())
                }
                None => part.split_once(':').unwrap_or((part, "")),
            };
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            if !is_port {
                return Err(
                    "a port of the address is not a number; in a password write / as %2F and : as %3A"
                        .to_owned(),
                );
            }
            hosts.push(decoded(host)?);
            ports.push(port);
        }
        self.set_unless_empty("host", &hosts.join(","))?;
        if ports.iter().any(|port| !port.is_empty()) {
            self.set("port", &ports.join(","))?;
        }
        Ok(())
    }

    /// Value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Takes over those parameters of others that are missing here.
    pub(super) fn complete(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.0.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// Takes over those variables whose parameters are missing.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(super) fn complete_from(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        for (name, of_variable) in KNOWN {
            if self.get(name).is_none()
                && let Some(value) = of_variable.and_then(&variable)
            {
                self.set(name, &value)?;
            }
        }
        Ok(())
    }

    /// The address of these parameters, without the password.
    pub(super) fn address(&self) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
        let of = |name| self.get(name).unwrap_or_default();
        let ports: Vec<&str> = of("port").split(',').collect();
        let hosts = of("host").split(',').enumerate().map(|(at, host)| {
            let host = match host.parse::<Ipv6Addr>() {
                Ok(_) => format!("[{host}]"),
                Err(_) => escaped(host),
            };
            // A single port is that of every host.
            let port = if ports.len() == 1 {
                ports.first()
            } else {
                ports.get(at)
            };
            match port.filter(|port| !port.is_empty()) {
                Some(port) => format!("{host}:{port}"),
                None => host,
            }
        });
        let hosts: Vec<String> = hosts.collect();
        let (user, database) = (escaped(of("user")), escaped(of("dbname")));
        let mut text = format!("postgres://{user}@{}/{database}", hosts.join(","));
        let named = ["host", "port", "user", "dbname", "password"];
        let others = self.0.iter().filter(|(name, _)| !named.contains(name));
        for ((name, value), mark) in others.zip(std::iter::once('?').chain(std::iter::repeat('&')))
        {
            text.push(mark);
            text.push_str(name);
            text.push('=');
            text.push_str(&escaped(value));
        }
        text
    }

    /// Connection string of the parameters that the client library handles.
    pub(super) fn connection_string(&self) -> String {
        let passed = self.0.iter().filter(|(name, _)| !OWN.contains(name));
        let mut text = String::new();
        for (name, value) in passed {
            let name = match *name {
                "keepalives_count" => "keepalives_retries",
                name => name,
            };
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            text.extend([name, "='", &value, "' "]);
        }
        text
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| "the address is not UTF-8 once decoded".to_owned())?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    fn get<'a>(parameters: &'a Parameters, names: &[&str]) -> Vec<Option<&'a str>> {
        names.iter().map(|name| parameters.get(name)).collect()
    }

    #[test]
    fn an_address_is_taken_apart() {
        let text =
            "postgresql://ann:p%40ss%2F@db:5433,[::1]/my%20tasks?sslmode=require&schema=night";
        let parameters = Parameters::of_address(text).unwrap();
        assert_eq!(
            get(
                &parameters,
                &[
                    "user", "password", "host", "port", "dbname", "sslmode", "schema"
                ]
            ),
            [
                "ann", "p@ss/", "db,::1", "5433,", "my tasks", "require", "night"
            ]
            .map(Some)
        );
        let nothing = Parameters::of_address("postgres://").unwrap();
        assert_eq!(
            get(&nothing, &["user", "host", "port", "dbname"]),
            [None; 4]
        );
        let socket = Parameters::of_address("postgres://%2Fvar%2Frun%2Fpostgresql/tasks").unwrap();
        assert_eq!(socket.get("host"), Some("/var/run/postgresql"));
    }

    #[test]
    fn no_error_repeats_a_password() {
        for text in [
            "postgres://ann:se/cret@db/tasks",
            "postgres://ann:secret@db:port/tasks",
            "postgres://ann:secret@[db/tasks",
            "postgres://ann:secret%ff@db/tasks",
            "postgres://ann:secret@db/tasks?sslmode",
            "postgres://ann:secret@db/tasks?colour=blue",
            "postgres://ann:secret%00@db/tasks",
            "mysql://ann:secret@db",
        ] {
            let error = Parameters::of_address(text).err().expect(text);
            assert!(!error.contains("cret"), "{error}");
        }
    }

    #[test]
    fn an_unescaped_at_belongs_to_the_password() {
        let parameters = Parameters::of_address("postgres://ann:a@b@db/tasks").unwrap();
        assert_eq!(
            get(&parameters, &["password", "host"]),
            [Some("a@b"), Some("db")]
        );
    }

    #[test]
    fn values_are_quoted_for_the_client_library() {
        let mut parameters = Parameters::of_address("postgres://ann@db?pooled=1").unwrap();
        parameters.set("password", r"it's a \ ").unwrap();
        parameters.set("keepalives_count", "3").unwrap();
        let text = parameters.connection_string();
        assert_eq!(
            text,
            r"host='db' keepalives_retries='3' password='it\'s a \\ ' user='ann' "
        );
        let config: tokio_postgres::Config = text.parse().unwrap();
        assert_eq!(config.get_password(), Some(r"it's a \ ".as_bytes()));
    }

    #[test]
    fn variables_complete_what_is_missing() {
        let mut parameters = Parameters::of_address("postgres://ann@/tasks").unwrap();
        let variable = |name: &str| match name {
            "PGHOST" => Some("db".to_owned()),
            "PGUSER" => Some("bob".to_owned()),
            _ => None,
        };
        parameters.complete_from(variable).unwrap();
        assert_eq!(
            get(&parameters, &["host", "user"]),
            [Some("db"), Some("ann")]
        );
    }
}
