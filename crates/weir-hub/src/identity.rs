//! Who a client is, as far as the gatekeeper knows: names to list, limit and ban by. The hub reads
//! no meaning into them.

use weir_base::{Code, Refusal};

/// Bytes of each part of an identity.
const MAX_PART_BYTES: usize = 128;

/// See the module's words. A part that is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    account: Box<str>,
    device: Box<str>,
    app: Box<str>,
    session: Box<str>,
}

impl Identity {
    /// Whose account, on which device, in which program, and which of its sessions.
    ///
    /// # Errors
    /// 1002 when a part is longer than 128 bytes or has control characters.
    pub fn new(account: &str, device: &str, app: &str, session: &str) -> Result<Self, Refusal> {
        let parts = [account, device, app, session];
        let is_bad = |part: &str| part.len() > MAX_PART_BYTES || part.chars().any(char::is_control);
        if parts.into_iter().any(is_bad) {
            let words = "a part of an identity is at most 128 bytes of text";
            return Err(Refusal::new(Code::AuthMalformed, words));
        }
        Ok(Self {
            account: account.into(),
            device: device.into(),
            app: app.into(),
            session: session.into(),
        })
    }

    /// Whose account it is, as the gatekeeper names it; empty where it names none.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// On which device; empty where that is not known.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// With which program; empty where that is not known.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// In which session of that account; empty where that is not known.
    pub fn session(&self) -> &str {
        &self.session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_a_limit_and_no_control_characters() {
        let identity = Identity::new("ann", "", "studio", "").unwrap();
        assert_eq!((identity.account(), identity.device()), ("ann", ""));
        assert!(Identity::new(&"a".repeat(MAX_PART_BYTES + 1), "", "", "").is_err());
        assert!(Identity::new("", "", "", "a\nb").is_err());
    }
}
