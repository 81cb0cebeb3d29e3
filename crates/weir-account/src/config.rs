//! `[accounts]` and `[mail]`: who may sign up, how long a session lasts, what a password costs, how mail is sent.

use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

use crate::oidc::config::OidcProvider;
use crate::rights::AccountRole;

section! {
    /// Who may have an account, and how hard it is to guess into one.
    pub AccountsConfig {
        /// Who may make an account: `open`, `invite` or `closed`.
        restart sign_up: SignUpRule = SignUpRule::Open,
        /// What a new account may do.
        restart role: AccountRole = AccountRole::Broadcaster,
        /// Whether an address of mail has to be proved before its account may broadcast or chat.
        restart verify_email: bool = false,
        /// Where people reach the site, such as `https://live.example`: links in mail begin with it.
        restart site_url: String = String::new(),
        /// Hours after which an unused session ends.
        restart session_hours: u32 = 720,
        /// Minutes after which a program renews its access token.
        restart access_minutes: u32 = 60,
        /// Minutes that a chat token is good for.
        restart chat_minutes: u32 = 5,
        /// Kibibytes of memory that hashing a password takes.
        restart hash_kib: u32 = 19_456,
        /// Passes over that memory.
        restart hash_passes: u32 = 2,
        /// Passwords that are hashed at once; 0: half as many as there are cores.
        restart hashes_at_once: u32 = 0,
        /// Providers elsewhere that people may sign in by (OpenID Connect).
        restart oidc: Vec<OidcProvider> = Vec::new(),
    }
}

section! {
    /// How links to prove an address and to reset a password are sent.
    pub MailConfig {
        /// `smtp://USER:PASSWORD@HOST:587?tls=required`, or `smtps://…:465`. Empty: what would be sent is logged.
        restart url: String = String::new(),
        /// Who it is from.
        restart from: String = "weir <no-reply@localhost>".to_owned(),
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUpRule {
    /// Anybody.
    Open,
    /// Whoever has an invite.
    Invite,
    /// Nobody by themselves: admins make accounts by invites.
    Closed,
}

impl AccountsConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("accounts.session_hours", self.session_hours, 1..=24 * 366)?;
        in_range("accounts.access_minutes", self.access_minutes, 1..=24 * 60)?;
        in_range("accounts.chat_minutes", self.chat_minutes, 1..=60)?;
        in_range("accounts.hash_kib", self.hash_kib, 64..=1024 * 1024)?;
        in_range("accounts.hash_passes", self.hash_passes, 1..=100)?;
        in_range("accounts.hashes_at_once", self.hashes_at_once, 0..=1024)?;
        sensible(self.role < AccountRole::Moderator, || {
            "accounts.role gives every new account a moderator's rights or more".to_owned()
        })?;
        sensible(self.site_url.is_empty() || is_site(&self.site_url), || {
            "accounts.site_url begins with neither https:// nor http://, or has a path".to_owned()
        })?;
        crate::oidc::config::check(&self.oidc, &self.site_url)
    }
}

impl MailConfig {
    /// What only sense, not types, can refuse. Links in mail need to know where the site is.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self, accounts: &AccountsConfig) -> Result<(), Senseless> {
        let schemes = ["smtp://", "smtps://"];
        let is_known = schemes.iter().any(|scheme| self.url.starts_with(scheme));
        sensible(self.url.is_empty() || is_known, || {
            "mail.url begins with neither smtp:// nor smtps://".to_owned()
        })?;
        sensible(self.url.is_empty() || !accounts.site_url.is_empty(), || {
            "mail.url is set and accounts.site_url is not: links in mail would lead nowhere"
                .to_owned()
        })?;
        let from = self.from.parse::<lettre::message::Mailbox>();
        sensible(from.is_ok(), || {
            format!("mail.from is {:?}: write NAME <ADDRESS>", self.from)
        })
    }
}

fn is_site(text: &str) -> bool {
    let url = url::Url::parse(text);
    url.is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        AccountsConfig::default().check().unwrap();
        MailConfig::default()
            .check(&AccountsConfig::default())
            .unwrap();
        let generous = AccountsConfig {
            role: AccountRole::Admin,
            ..AccountsConfig::default()
        };
        assert!(generous.check().unwrap_err().0.contains("accounts.role"));
        for site_url in [
            "live.example",
            "ftp://live.example",
            "https://live.example/app",
        ] {
            let config = AccountsConfig {
                site_url: site_url.into(),
                ..AccountsConfig::default()
            };
            let refused = config.check().unwrap_err().0;
            assert!(
                refused.contains("accounts.site_url"),
                "{site_url}: {refused}"
            );
        }
        let mail = MailConfig {
            url: "smtp://localhost".into(),
            ..MailConfig::default()
        };
        assert!(mail.check(&AccountsConfig::default()).is_err());
    }
}
