//! Tickets: leave to watch one channel, made by the site for somebody who may, and good on every node without a
//! question. `ticket=v1.UNTIL.ROUND.ACCOUNT.KEY.MAC`.
//!
//! A ticket of an earlier round of its channel counts no more: so another password or a follower sent away ends
//! what was given before.

use weir_base::sign::{SigningKey, mac_hex, same_secret};
use weir_base::{Code, Refusal};

pub use crate::snapshot::LIFETIME_S;

use crate::snapshot::Channel;

/// The query parameter.
pub const PARAMETER: &str = "ticket";
/// Bytes of a ticket: two ids, two numbers and a MAC.
const MAX_BYTES: usize = 768;
/// What it begins with.
const FORM: &str = "v1";

/// What a right ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket<'a> {
    /// Unix seconds at which it ends.
    pub until_s: i64,
    /// Whose it is; empty for nobody's.
    pub account: &'a str,
    /// The key that signed it.
    pub key_id: &'a str,
    /// The round of its channel that it was given in: that of the snapshot, or a newer one.
    pub round: u32,
}

/// A ticket to `channel` for `account` (empty: nobody's) up to `until_s`, Unix seconds. `None` where the account's or
/// the key's name has a dot or a control character in it: those of the store have neither.
pub fn make(key: &SigningKey, channel: &Channel, account: &str, until_s: i64) -> Option<String> {
    let is_plain = |text: &str| !text.contains(|c: char| c == '.' || c.is_control());
    if !is_plain(account) || !is_plain(&key.id) {
        return None;
    }
    let (round, id) = (channel.round, &key.id);
    let mac = mac(key, channel, round, account, until_s);
    Some(format!("{FORM}.{until_s}.{round}.{account}.{id}.{mac}"))
}

/// Reads and checks a ticket to `channel` at `now_s`, Unix seconds.
///
/// # Errors
/// 1002 malformed, 1003 expired, 1004 not right for this channel, 1006 of an unknown key or an earlier round.
pub fn verify<'a>(
    text: &'a str,
    keys: &[SigningKey],
    channel: &Channel,
    now_s: i64,
) -> Result<Ticket<'a>, Refusal> {
    let malformed = || Refusal::new(Code::AuthMalformed, "ticket is none of this site's");
    if text.len() > MAX_BYTES {
        return Err(malformed());
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [FORM, until_s, round, account, key_id, claimed] = parts[..] else {
        return Err(malformed());
    };
    let until_s: i64 = until_s.parse().map_err(|_| malformed())?;
    let round: u32 = round.parse().map_err(|_| malformed())?;
    let key = keys.iter().find(|key| key.id == key_id);
    let key = key.ok_or(Refusal::new(
        Code::AuthRevoked,
        "the ticket's key is gone: open the page again",
    ))?;
    if !same_secret(claimed, &mac(key, channel, round, account, until_s)) {
        let words = "the ticket is not for this channel";
        return Err(Refusal::new(Code::AuthBadSignature, words));
    }
    // Of a newer one than is known here: it was given by somebody who knows more.
    if round < channel.round {
        let words = "the channel was closed to earlier tickets: open the page again";
        return Err(Refusal::new(Code::AuthRevoked, words));
    }
    if now_s >= until_s {
        let words = "the ticket has expired: open the page again";
        return Err(Refusal::new(Code::AuthExpired, words));
    }
    Ok(Ticket {
        until_s,
        account,
        key_id,
        round,
    })
}

fn mac(key: &SigningKey, channel: &Channel, round: u32, account: &str, until_s: i64) -> String {
    let text = format!("ticket\n{}\n{until_s}\n{round}\n{account}", channel.id);
    mac_hex(&key.secret, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Visibility;

    fn channel(id: &str, round: u32) -> Channel {
        Channel {
            id: id.into(),
            owner: "ann".into(),
            app: "live".into(),
            name: "a".into(),
            visibility: Visibility::Password,
            round,
            max_kbps: None,
            record: None,
            shot_every_s: None,
        }
    }

    fn key(id: &str) -> SigningKey {
        SigningKey {
            id: id.into(),
            secret: format!("secret of {id}"),
        }
    }

    fn code(text: &str, keys: &[SigningKey], channel: &Channel, now_s: i64) -> u16 {
        let verdict = verify(text, keys, channel, now_s);
        verdict.map_or_else(|refusal| refusal.code.number(), |_| 0)
    }

    #[test]
    fn a_ticket_opens_its_channel_until_it_ends_or_the_channel_turns() {
        let (ours, keys) = (channel("ch1", 3), [key("new"), key("old")]);
        for key in &keys {
            let text = make(key, &ours, "bob", 100).unwrap();
            let ticket = verify(&text, &keys, &ours, 99).unwrap();
            assert_eq!((ticket.account, ticket.until_s), ("bob", 100));
            assert_eq!(code(&text, &keys, &ours, 100), 1003);
            assert_eq!(code(&text, &keys, &channel("ch1", 4), 99), 1006);
            assert_eq!(code(&text, &keys, &channel("ch1", 2), 99), 0);
            assert_eq!(code(&text, &keys, &channel("ch2", 3), 99), 1004);
            assert_eq!(code(&text, &[], &ours, 99), 1006);
        }
    }

    #[test]
    fn no_part_of_a_ticket_can_be_changed() {
        let (ours, keys) = (channel("ch1", 3), [key("k")]);
        let text = make(&keys[0], &ours, "bob", 100).unwrap();
        for (from, to) in [
            (".100.", ".200."),
            (".3.", ".4."),
            (".bob.", ".ann."),
            (".bob.", ".."),
        ] {
            assert_eq!(
                code(&text.replace(from, to), &keys, &ours, 99),
                1004,
                "{to}"
            );
        }
        for cut in 0..text.len() {
            assert!(code(&text[..cut], &keys, &ours, 99) != 0, "cut at {cut}");
        }
        assert_eq!(code(&"v1.".repeat(1_000), &keys, &ours, 99), 1002);
        assert!(make(&keys[0], &ours, "b.ob", 100).is_none());
    }
}
