//! What staff does with other people's accounts. Nobody reaches who stands as high as they or higher, but admins.

use weir_store::Id;
use weir_store::accounts::{Account, Invite, NewInvite};

use crate::error::AccountError;
use crate::name::folded_login;
use crate::rights::AccountRole;
use crate::service::AccountService;
use crate::token;

/// People who may come by one invite.
const MAX_USES: u32 = 10_000;
/// Hours that an invite is good at most.
const MAX_INVITE_HOURS: u32 = 24 * 366;
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 500;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// What changes about an account; none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// What it may do.
    pub role: Option<AccountRole>,
    /// Whether its owner is shut out.
    pub suspended: Option<bool>,
    /// Why, in words that its owner reads.
    pub reason: Option<String>,
}

/// An invite to be made.
#[derive(Debug, Clone)]
pub struct InviteOffer {
    /// What those may do who come by it.
    pub role: AccountRole,
    /// How many may come.
    pub uses: u32,
    /// For how many hours it is good.
    pub hours: u32,
}

impl AccountService {
    /// Accounts, oldest first.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn list(&self, after: Option<Id>, limit: u32) -> Result<Vec<Account>, AccountError> {
        Ok(self.rows().list(after, limit).await?)
    }

    /// Accounts whose name or address begins with `start`, each with the login that it was found by.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn search(
        &self,
        start: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Account)>, AccountError> {
        let start = folded_login(start);
        Ok(self.rows().search(&start, after, limit).await?)
    }

    /// Changes an account as it was read. `by` is who does: none for the operator, who may all.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`] for who stands too low; [`AccountError::Changed`].
    pub async fn change_account(
        &self,
        by: Option<&Account>,
        mut account: Account,
        change: AccountChange,
    ) -> Result<Account, AccountError> {
        if let Some(by) = by {
            may_change(by, &account, &change)?;
        }
        let before = (account.role.clone(), account.state.clone());
        if let Some(role) = change.role {
            role.name().clone_into(&mut account.role);
        }
        if let Some(reason) = change.reason {
            if reason.chars().count() > MAX_REASON_CHARS {
                let words = format!("a reason has at most {MAX_REASON_CHARS} characters");
                return Err(AccountError::field("reason", words));
            }
            account.state_reason = reason;
        }
        if let Some(suspended) = change.suspended {
            let state = if suspended { "suspended" } else { "active" };
            state.clone_into(&mut account.state);
            if !suspended {
                account.state_reason.clear();
            }
        }
        let changed = self.rows().save(&account).await?;
        if changed.state != "active" {
            self.end_other_sessions(changed.user_id, None).await?;
        } else if changed.role != before.0 {
            self.revoked(changed.user_id);
        }
        let by = by.map_or_else(|| "operator".to_owned(), |by| by.user_id.to_string());
        tracing::info!(target: "audit", by, account = %changed.user_id, ?before, role = changed.role,
            state = changed.state, "an account was changed");
        Ok(changed)
    }

    /// Whether somebody of the staff may act on an account: none is the operator, who may on all.
    ///
    /// # Errors
    /// [`AccountError::Forbidden`] for who stands too low.
    pub fn may_act_on(&self, by: Option<&Account>, account: &Account) -> Result<(), AccountError> {
        by.map_or(Ok(()), |by| {
            may_change(by, account, &AccountChange::default())
        })
    }

    /// Makes an invite and says its code, this once.
    ///
    /// # Errors
    /// [`AccountError::Field`].
    pub async fn invite(
        &self,
        by: Option<&Account>,
        offer: &InviteOffer,
    ) -> Result<(Invite, String), AccountError> {
        if !(1..=MAX_USES).contains(&offer.uses) {
            let words = format!("from 1 to {MAX_USES} may come by one invite");
            return Err(AccountError::field("uses", words));
        }
        if !(1..=MAX_INVITE_HOURS).contains(&offer.hours) {
            let words = format!("an invite is good for 1 to {MAX_INVITE_HOURS} hours");
            return Err(AccountError::field("hours", words));
        }
        let (code, code_hash) = token::make(token::INVITE)?;
        let new = NewInvite {
            code_hash: &code_hash,
            role: offer.role.name(),
            uses: i64::from(offer.uses),
            made_by: by.map(|by| by.user_id),
            expires_ms: self.now_ms() + i64::from(offer.hours) * HOUR_MS,
        };
        let made = self.rows().make_invite(&new).await?;
        tracing::info!(target: "audit", invite = %made.id, role = made.role, "an invite was made");
        Ok((made, code))
    }

    /// Invites that are still good.
    ///
    /// # Errors
    /// [`AccountError::Away`].
    pub async fn invites(
        &self,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Invite>, AccountError> {
        Ok(self.rows().invites(after, limit).await?)
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// [`AccountError::Missing`].
    pub async fn revoke_invite(&self, id: Id) -> Result<(), AccountError> {
        Ok(self.rows().revoke_invite(id).await?)
    }
}

fn may_change(by: &Account, account: &Account, change: &AccountChange) -> Result<(), AccountError> {
    if by.user_id == account.user_id {
        return Err(AccountError::Forbidden(
            "nobody changes what they may do themselves: ask another admin",
        ));
    }
    let role = |account: &Account| AccountRole::from_name(&account.role);
    let (own, theirs) = (role(by), role(account));
    if own == Some(AccountRole::Admin) {
        return Ok(());
    }
    if change.role.is_some() {
        return Err(AccountError::Forbidden("only admins give roles"));
    }
    if theirs >= own {
        return Err(AccountError::Forbidden(
            "this account stands as high as yours, or higher",
        ));
    }
    Ok(())
}
