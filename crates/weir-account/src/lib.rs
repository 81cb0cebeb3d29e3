//! Accounts: who somebody is, how they prove it, and what they may do.
//!
//! Rules and decisions over the rows that `weir-store` keeps. No HTTP and no SQL: a request and its answer are
//! somebody else's, and so is how a row is found.

mod api_keys;
mod attempts;
mod chat;
pub mod config;
mod error;
mod hasher;
mod identity;
mod mail;
pub mod name;
mod oidc;
mod passkeys;
mod password;
mod profile;
mod proofs;
pub mod rights;
mod service;
mod sessions;
mod sign_in;
mod sign_up;
mod staff;
#[cfg(test)]
mod stories;
mod token;
mod totp;
mod watch_words;
pub mod webauthn;

pub use api_keys::NewKey;
pub use chat::{ChatClaims, ChatSigner, ChatToken, ChatVerifier, NoChatToken};
pub use config::{AccountsConfig, MailConfig, SignUpRule};
pub use error::AccountError;
pub use identity::{Identity, Shown};
pub use name::{EmailAddress, LoginName};
pub use oidc::{
    OidcArrival, OidcDeparture, OidcErrand, OidcMissing, OidcProvider, OidcReturn, OidcWire,
    WireAnswer, WireAnswered, WireRequest,
};
pub use passkeys::{MadePasskey, Question, ShownPasskey};
pub use profile::ProfileChange;
pub use rights::{AccountRole, DoorOf, Right, Rights};
pub use service::{AccountService, Client, Parts, RootSecret};
pub use sessions::{ProgramToken, SessionKind, SignedIn};
pub use sign_in::PasswordProof;
pub use sign_up::SignUp;
pub use staff::{AccountChange, InviteOffer};
pub use totp::{Enrolled, Offered};
