//! `[[accounts.oidc]]`: providers that people may sign in by.

use std::fmt;

use serde::{Deserialize, Serialize};
use weir_base::section::{Senseless, sensible};

use crate::error::AccountError;

/// Providers of one site: each is a button.
const MAX_PROVIDERS: usize = 16;
/// Bytes of a provider's name.
const MAX_NAME_BYTES: usize = 32;
/// Characters of what its button says.
const MAX_TITLE_CHARS: usize = 40;
/// Bytes of a secret.
const MAX_SECRET_BYTES: usize = 4_096;
/// What is asked for where nobody says: who it is, a name and an address.
const USUAL_SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// A provider (OpenID Connect Core 1.0), as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcProvider {
    /// In addresses and in the database: it stays.
    pub name: String,
    /// What its button says; the name when nobody says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Where it is, as it calls itself: `https://…`.
    pub issuer: String,
    /// What it calls this site.
    pub client_id: String,
    /// File with the secret that it gave this site.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret_file: String,
    /// Variable of the environment with that secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret_env: String,
    /// What it is asked for.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    /// Whether its word counts that an address is somebody's: then an account with the same proved address is theirs.
    #[serde(default)]
    pub trust_email: bool,
    /// Whether who is new gets an account; as `accounts.sign_up` says when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_up: Option<bool>,
    /// Internal networks in which it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

/// The secret that a provider gave this site; empty for none.
#[derive(Clone, Default)]
pub(super) struct ClientSecret(pub(super) String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

impl OidcProvider {
    /// What its button says.
    pub fn title(&self) -> &str {
        match self.title.as_str() {
            "" => &self.name,
            title => title,
        }
    }

    /// Its secret, from where the settings say.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn secret(&self) -> Result<ClientSecret, AccountError> {
        let (name, file, variable) = (
            &self.name,
            &self.client_secret_file,
            &self.client_secret_env,
        );
        let fault = |words: String| AccountError::Fault(format!("accounts.oidc {name}: {words}"));
        let text = match (file.as_str(), variable.as_str()) {
            ("", "") => return Ok(ClientSecret::default()),
            ("", variable) => std::env::var(variable)
                .map_err(|_| fault(format!("the environment has no {variable}")))?,
            (file, _) => std::fs::read_to_string(file)
                .map_err(|error| fault(format!("{file} cannot be read: {error}")))?,
        };
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_SECRET_BYTES || text.contains(char::is_control) {
            return Err(fault("its secret is no line of text".to_owned()));
        }
        Ok(ClientSecret(text.to_owned()))
    }

    fn check(&self) -> Result<(), Senseless> {
        let named = |words: &str| format!("accounts.oidc {:?}: {words}", self.name);
        let is_name = (1..=MAX_NAME_BYTES).contains(&self.name.len())
            && self
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        sensible(is_name, || named("a name has up to 32 of a-z, 0-9 and -"))?;
        let is_title =
            self.title.chars().count() <= MAX_TITLE_CHARS && !self.title.contains(char::is_control);
        sensible(is_title, || named("title has at most 40 characters"))?;
        sensible(is_issuer(&self.issuer), || {
            named("issuer is https://HOST with no query; http:// for this machine alone")
        })?;
        sensible(!self.client_id.is_empty(), || named("client_id is empty"))?;
        let has_one = self.client_secret_file.is_empty() || self.client_secret_env.is_empty();
        sensible(has_one, || {
            named("say one of client_secret_file and client_secret_env")
        })?;
        let is_scope =
            |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
        let asks_who = self.scopes.iter().any(|scope| scope == "openid");
        sensible(asks_who && self.scopes.iter().all(is_scope), || {
            named("scopes are words, and openid is one of them")
        })
    }
}

/// What only sense, not types, can refuse.
///
/// # Errors
/// The provider that makes no sense, and why.
pub(crate) fn check(providers: &[OidcProvider], site_url: &str) -> Result<(), Senseless> {
    sensible(providers.len() <= MAX_PROVIDERS, || {
        format!("accounts.oidc has more than {MAX_PROVIDERS} providers")
    })?;
    sensible(providers.is_empty() || !site_url.is_empty(), || {
        "accounts.oidc is set and accounts.site_url is not: a provider could send nobody back"
            .to_owned()
    })?;
    for (at, provider) in providers.iter().enumerate() {
        provider.check()?;
        let mut others = providers.iter().skip(at + 1);
        sensible(others.all(|other| other.name != provider.name), || {
            format!("accounts.oidc has two providers {:?}", provider.name)
        })?;
    }
    Ok(())
}

fn usual_scopes() -> Vec<String> {
    USUAL_SCOPES.map(str::to_owned).to_vec()
}

/// An issuer is an https URL without query and fragment (OpenID Connect Discovery 1.0, section 3).
fn is_issuer(text: &str) -> bool {
    is_safe(text)
        && url::Url::parse(text).is_ok_and(|url| url.query().is_none() && url.fragment().is_none())
}

/// Whether what goes there is read on the way by nobody.
pub(super) fn is_safe(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    !has_user && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(issuer: &str) -> OidcProvider {
        OidcProvider {
            name: "school".into(),
            title: String::new(),
            issuer: issuer.into(),
            client_id: "weir".into(),
            client_secret_file: String::new(),
            client_secret_env: String::new(),
            scopes: usual_scopes(),
            trust_email: false,
            sign_up: None,
            allow: Vec::new(),
        }
    }

    #[test]
    fn a_provider_is_reached_where_nobody_reads_along() {
        for good in [
            "https://id.example/tenant",
            "http://localhost:8080",
            "http://[::1]:1",
        ] {
            check(&[provider(good)], "https://tv.example").unwrap();
        }
        for bad in [
            "",
            "id.example",
            "http://id.example",
            "ftp://id.example",
            "https://id.example?tenant=1",
            "https://u:p@id.example",
            "http://localhost.example",
        ] {
            let refused = check(&[provider(bad)], "https://tv.example").unwrap_err();
            assert!(refused.0.contains("issuer"), "{bad}: {}", refused.0);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let good = provider("https://id.example");
        let site = "https://tv.example";
        let refused = check(std::slice::from_ref(&good), "").unwrap_err();
        assert!(refused.0.contains("site_url"));
        let twice = [good.clone(), good.clone()];
        assert!(check(&twice, site).unwrap_err().0.contains("two"));
        let mut other = good.clone();
        other.name = "a/b".into();
        assert!(check(&[other], site).is_err());
        let mut other = good.clone();
        other.scopes = vec!["email".into()];
        assert!(check(&[other], site).is_err());
        let mut other = good;
        other.client_secret_file = "/nowhere/at/all".into();
        check(std::slice::from_ref(&other), site).unwrap();
        assert!(other.secret().is_err());
    }
}
