//! What an account's owner changes, takes along, and removes.

use serde_json::{Map, Value, json};
use weir_store::Id;
use weir_store::accounts::Account;

use crate::attempts::{Of, Try};
use crate::error::AccountError;
use crate::mail::Letter;
use crate::name::EmailAddress;
use crate::password;
use crate::rights::AccountRole;
use crate::service::{AccountService, Client};

/// Characters of a shown name.
const MAX_DISPLAY_NAME_CHARS: usize = 50;
/// Characters of what somebody says of themselves.
const MAX_ABOUT_CHARS: usize = 1000;
/// Languages of the site.
const LANGUAGES: [&str; 3] = ["", "en", "zh"];

/// What changes; none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// What they want to be called.
    pub display_name: Option<String>,
    /// What they say of themselves.
    pub about: Option<String>,
    /// `en`, `zh`, or empty for what the browser asks for.
    pub language: Option<String>,
}

impl AccountService {
    /// Changes a profile as it was read.
    ///
    /// # Errors
    /// [`AccountError::Field`]; [`AccountError::Changed`] where it is not what was read any more.
    pub async fn change_profile(
        &self,
        mut account: Account,
        change: ProfileChange,
    ) -> Result<Account, AccountError> {
        if let Some(display_name) = change.display_name {
            account.display_name =
                text("display_name", &display_name, MAX_DISPLAY_NAME_CHARS, false)?;
        }
        if let Some(about) = change.about {
            account.about = text("about", &about, MAX_ABOUT_CHARS, true)?;
        }
        if let Some(language) = change.language {
            if !LANGUAGES.contains(&language.as_str()) {
                let words =
                    "the site's languages are en and zh; empty is what the browser asks for";
                return Err(AccountError::field("language", words));
            }
            account.language = language;
        }
        Ok(self.rows().save(&account).await?)
    }

    /// Gives an account as it was read another picture, by its id; an empty one takes it away.
    ///
    /// # Errors
    /// [`AccountError::Changed`] where it is not what was read any more.
    pub async fn change_avatar(
        &self,
        mut account: Account,
        avatar: String,
    ) -> Result<Account, AccountError> {
        account.avatar = avatar;
        Ok(self.rows().save(&account).await?)
    }

    /// Changes a password, and ends all other sessions.
    ///
    /// # Errors
    /// [`AccountError::Field`] where the old one is wrong or the new one is not taken.
    pub async fn change_password(
        &self,
        account: Account,
        session: Option<Id>,
        old: &str,
        new: &str,
        client: &Client,
    ) -> Result<Account, AccountError> {
        password::check(new, &[&account.name, &account.email])
            .map_err(|error| in_field(error, "new_password"))?;
        self.confirm(&account, old, client).await?;
        let changed = self.store_password(account, new).await?;
        self.end_other_sessions(changed.user_id, session).await?;
        Ok(changed)
    }

    /// Sends a letter to a new address; when its link is followed it takes the old one's place.
    ///
    /// # Errors
    /// [`AccountError::Field`], [`AccountError::TooOften`], [`AccountError::Busy`].
    pub async fn change_email(
        &self,
        account: &Account,
        password: &str,
        email: &str,
        client: &Client,
    ) -> Result<(), AccountError> {
        let email = EmailAddress::new(email)?;
        self.confirm(account, password, client).await?;
        self.0
            .attempts
            .take(Try::Mail, Of::network(client.address))?;
        self.0
            .attempts
            .take(Try::Mail, Of::Login(email.folded.clone()))?;
        self.send_email_proof(account, &email, client.tongue).await
    }

    /// All that is kept of an account, for its owner to take along: `account`, and the rows of each table of users by
    /// the table's name. No secret is in it, and no hash of one.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn export(&self, account: &Account) -> Result<Value, AccountError> {
        let mut data = Map::new();
        data.insert("account".to_owned(), summary(account));
        let mut cut = Vec::new();
        for owned in self.0.store.owned_by(account.user_id).await? {
            let rows: Vec<_> = owned
                .rows
                .into_iter()
                .map(|row| {
                    let cells = row.into_iter();
                    let cells = cells.map(|(name, cell)| (name.to_owned(), json!(cell)));
                    Value::Object(cells.collect())
                })
                .collect();
            if owned.is_cut {
                cut.push(owned.table);
            }
            // The account is told above, in words that say what its columns mean.
            if owned.table != "accounts" {
                data.insert(owned.table.to_owned(), Value::Array(rows));
            }
        }
        data.insert("cut".to_owned(), json!(cut));
        Ok(Value::Object(data))
    }

    /// Removes an account for good, with all that belongs to it. Its name stays taken, so that nobody is mistaken for
    /// who had it.
    ///
    /// # Errors
    /// [`AccountError::Conflict`] for the first admin, whom the site is run by.
    pub async fn remove(
        &self,
        account: &Account,
        password: &str,
        client: &Client,
    ) -> Result<(), AccountError> {
        self.confirm(account, password, client).await?;
        let admin = AccountRole::Admin.name();
        if account.role == admin {
            let first = self.rows().first_with_role(admin).await?;
            if first.user_id == account.user_id {
                let words = "the first admin cannot be removed: give another account the role, and this one another";
                return Err(AccountError::Conflict(words.to_owned()));
            }
        }
        // The account goes last: who is broken off before that signs in and asks again.
        self.0.store.remove_owned(account.user_id).await?;
        self.rows().remove(account.user_id).await?;
        // What a request that was on its way has made meanwhile.
        self.0.store.remove_owned(account.user_id).await?;
        tracing::info!(target: "audit", account = %account.user_id, address = %client.address, "removed");
        Ok(())
    }

    /// Tells an account's owner by mail that a passkey or a second factor came or went.
    pub(crate) fn tell_of_proofs(&self, account: &Account) {
        if account.email_verified_ms > 0
            && let Err(error) = self.0.mailer.send(Letter::proofs_changed(account))
        {
            tracing::warn!(account = %account.user_id, "nobody was told of another way to sign in: {error}");
        }
    }

    /// Writes a new password and tells its owner by mail.
    pub(crate) async fn store_password(
        &self,
        mut account: Account,
        new: &str,
    ) -> Result<Account, AccountError> {
        account.password_hash = self.0.hasher.hash(new).await?;
        let changed = self.rows().save(&account).await?;
        tracing::info!(target: "audit", account = %changed.user_id, "the password was changed");
        if changed.email_verified_ms > 0 {
            let letter = Letter::password_changed(&changed);
            if let Err(error) = self.0.mailer.send(letter) {
                tracing::warn!(account = %changed.user_id, "nobody was told of a new password: {error}");
            }
        }
        Ok(changed)
    }
}

fn summary(account: &Account) -> Value {
    json!({
        "id": account.user_id, "name": account.name, "email": account.email,
        "email_verified_ms": account.email_verified_ms, "role": account.role, "state": account.state,
        "state_reason": account.state_reason, "display_name": account.display_name,
        "about": account.about, "language": account.language, "avatar": account.avatar,
        "has_password": !account.password_hash.is_empty(),
        "has_second_factor": !account.totp_secret.is_empty(),
        "created_ms": account.created_ms, "changed_ms": account.changed_ms,
    })
}

/// Text of people: no control characters but, where it has lines, their ends; no directions that reach beyond it.
fn text(
    field: &'static str,
    given: &str,
    most: usize,
    has_lines: bool,
) -> Result<String, AccountError> {
    let given = given.trim();
    if given.chars().count() > most {
        return Err(AccountError::field(
            field,
            format!("at most {most} characters are kept"),
        ));
    }
    let is_wrong = |c: char| {
        let is_line = has_lines && c == '\n';
        (c.is_control() && !is_line)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(c) = given.chars().find(|c| is_wrong(*c)) {
        return Err(AccountError::field(field, format!("{c:?} cannot be shown")));
    }
    Ok(given.to_owned())
}

pub(crate) fn in_field(error: AccountError, field: &'static str) -> AccountError {
    match error {
        AccountError::Field { words, .. } => AccountError::Field { field, words },
        other => other,
    }
}
