//! The token that admits a browser, the cookie it is exchanged for, and the tokens of forms. Both of
//! those are signed with the token, so that nothing is kept for a browser.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::files::{Folder, Owner};

/// Time after which a browser has to log in again: 30 days.
pub(super) const SESSION_MS: i64 = 30 * 86_400_000;

const HOUR_MS: i64 = 3_600_000;

/// Time for which a form can be sent: 12 hours, and up to one more.
const FORM_MS: i64 = 12 * HOUR_MS;

/// Field of the token that every form has.
pub(super) const FORM_TOKEN: &str = "form";

/// Bytes of the token.
const TOKEN_BYTES: usize = 32;

/// Keys of a dashboard.
#[derive(Clone)]
pub(super) struct Keys {
    token: String,
}

/// Refusal of a form's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormRefusal {
    /// It was signed more than 12 hours ago.
    Expired,
    /// It is missing, or was not signed for this browser.
    Wrong,
}

impl Keys {
    /// Reads the token in the folder beside the file, or makes one that only the owner can read.
    ///
    /// # Errors
    /// If the folder or the file cannot be used, or the file does not hold a token.
    pub(super) fn of(sidecar: &Sidecar) -> Result<Self> {
        let path = sidecar.web_token();
        let refused = |error| {
            let what = format!("cannot use the dashboard's token, {}", path.display());
            Error::io(what, error)
        };
        let name = path.file_name().unwrap_or_default();
        let owner = Owner::at(&sidecar.database());
        let folder = Folder::open_or_make(sidecar.folder(), owner).map_err(refused)?;
        match folder.new_file(name) {
            Ok(mut file) => {
                let mut bytes = [0; TOKEN_BYTES];
                getrandom::fill(&mut bytes).map_err(|error| Error::Bug {
                    what: format!("the operating system gave no random bytes: {error}"),
                })?;
                let token = hex(&bytes);
                file.write_all(token.as_bytes()).map_err(refused)?;
                Ok(Self { token })
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let mut token = String::new();
                let file = folder.existing_file(name).map_err(refused)?;
                // A copy may have lost the mode.
                file.set_permissions(Permissions::from_mode(0o600))
                    .map_err(refused)?;
                file.take(1024)
                    .read_to_string(&mut token)
                    .map_err(refused)?;
                Self::parse(&token).ok_or_else(|| {
                    Error::invalid(format!(
                        "{} does not hold a token; delete it, and serve makes a new one",
                        path.display()
                    ))
                })
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Keys of that token.
    pub(super) fn parse(token: &str) -> Option<Self> {
        let token = token.trim();
        let is_token =
            token.len() == TOKEN_BYTES * 2 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_token.then(|| Self {
            token: token.to_owned(),
        })
    }

    /// The token, for the login link.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Name of the cookie. Cookies of one host are shared by all its ports, so each file has its own.
    pub(super) fn cookie_name(&self) -> String {
        let mut name = self.sign("cookie", "");
        name.truncate(12);
        format!("queue-{name}")
    }

    /// True if that is the token. Takes the same time for every text.
    pub(super) fn admits(&self, token: &str) -> bool {
        self.is_signed("token", token.trim(), &self.sign("token", &self.token))
    }

    /// Value of a cookie for a browser that has logged in.
    pub(super) fn session(&self, now: Timestamp) -> String {
        self.signed("session", "", now.0.saturating_add(SESSION_MS))
    }

    /// True if the cookie was made with these keys and has not expired.
    pub(super) fn knows(&self, session: &str, now: Timestamp) -> bool {
        self.check("session", "", session)
            .is_some_and(|until| until > now.0)
    }

    /// Token for the forms of a browser's page. It changes once an hour, so that a page that is read anew
    /// is the same one.
    pub(super) fn form(&self, session: &str, now: Timestamp) -> String {
        let hour = now.0.saturating_add(HOUR_MS - 1) / HOUR_MS * HOUR_MS;
        self.signed("form", session, hour.saturating_add(FORM_MS))
    }

    /// Checks the token of a form.
    ///
    /// # Errors
    /// [`FormRefusal`].
    pub(super) fn check_form(
        &self,
        session: &str,
        form: &str,
        now: Timestamp,
    ) -> std::result::Result<(), FormRefusal> {
        match self.check("form", session, form) {
            Some(until) if until > now.0 => Ok(()),
            Some(_) => Err(FormRefusal::Expired),
            None => Err(FormRefusal::Wrong),
        }
    }

    fn signed(&self, purpose: &str, of: &str, until: i64) -> String {
        let signature = self.sign(purpose, &format!("{until}.{of}"));
        format!("{until}.{signature}")
    }

    /// The time up to which the text is valid, if it was signed here.
    fn check(&self, purpose: &str, of: &str, text: &str) -> Option<i64> {
        let (until, signature) = text.split_once('.')?;
        let until: i64 = until.parse().ok()?;
        let is_signed = self.is_signed(purpose, &format!("{until}.{of}"), signature);
        is_signed.then_some(until)
    }

    fn sign(&self, purpose: &str, text: &str) -> String {
        hex(&self.mac(purpose, text).finalize().into_bytes())
    }

    fn is_signed(&self, purpose: &str, text: &str, signature: &str) -> bool {
        let Some(signature) = bytes(signature) else {
            return false;
        };
        self.mac(purpose, text).verify_slice(&signature).is_ok()
    }

    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        // The hash of the key stands for keys of other lengths; there is none here.
        let key = bytes(&self.token).unwrap_or_default();
        let mut block = [0; 64];
        let length = key.len().min(block.len());
        block[..length].copy_from_slice(&key[..length]);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_bytes());
        mac
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::{FORM_MS, FormRefusal, Keys, SESSION_MS};
    use crate::clock::Timestamp;
    use crate::sidecar::Sidecar;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn keys(digit: &str) -> Keys {
        Keys::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn the_token_is_made_once_and_only_its_owner_can_read_it() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::of(&folder.path().join("q.db"));
        let first = Keys::of(&sidecar).unwrap();
        let again = Keys::of(&sidecar).unwrap();
        assert_eq!(first.token(), again.token());
        let mode = std::fs::metadata(sidecar.web_token()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(sidecar.web_token(), "guess me").unwrap();
        let error = Keys::of(&sidecar).unwrap_err().to_string();
        assert!(error.contains("delete it"), "{error}");
    }

    #[test]
    fn only_the_token_itself_admits() {
        let keys = keys("a");
        assert!(Keys::parse("ab").is_none());
        assert!(keys.admits(&"a".repeat(64)));
        assert!(!keys.admits(""));
        assert!(!keys.admits(&"ab".repeat(31)));
    }

    #[test]
    fn a_cookie_of_another_file_or_of_last_month_is_refused() {
        let keys = keys("a");
        let session = keys.session(NOW);
        assert!(keys.knows(&session, NOW));
        assert!(!keys.knows(&session, Timestamp(NOW.0 + SESSION_MS)));
        assert!(!self::keys("b").knows(&session, NOW));
        let (until, signature) = session.split_once('.').unwrap();
        let later = until.parse::<i64>().unwrap() + 1;
        assert!(!keys.knows(&format!("{later}.{signature}"), NOW));
        for text in ["", ".", "1", "x.y", "1.", &keys.form("", NOW)] {
            assert!(!keys.knows(text, NOW), "{text}");
        }
    }

    #[test]
    fn a_form_is_refused_after_half_a_day_and_for_another_browser() {
        let keys = keys("a");
        let session = keys.session(NOW);
        let form = keys.form(&session, NOW);
        let at = |millis| keys.check_form(&session, &form, Timestamp(NOW.0 + millis));
        assert_eq!(at(FORM_MS - 1), Ok(()));
        assert_eq!(at(FORM_MS), Err(FormRefusal::Expired));
        let other = keys.session(Timestamp(NOW.0 + 1));
        assert_eq!(keys.check_form(&other, &form, NOW), Err(FormRefusal::Wrong));
        assert_eq!(keys.check_form(&session, "", NOW), Err(FormRefusal::Wrong));
    }
}
