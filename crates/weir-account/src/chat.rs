//! Tokens for chat: short-lived and signed, so that a gateway knows who comes without asking anybody.
//!
//! JSON Web Tokens (RFC 7519) with Ed25519 signatures (RFC 8037); the public key is a JWK set (RFC 7517).

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use weir_base::ids;
use weir_store::accounts::Account;

use crate::error::AccountError;
use crate::rights::AccountRole;
use crate::service::{AccountService, RootSecret};

/// What the tokens are for: a token for something else is no chat token.
const AUDIENCE: &str = "chat";
/// Bytes of the digest that names a key.
const KEY_ID_BYTES: usize = 8;
const MINUTE_MS: i64 = 60_000;

/// A token, and until when it is good.
#[derive(Debug, Clone)]
pub struct ChatToken {
    /// What is shown to a gateway.
    pub token: String,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
}

/// Signs them.
pub struct ChatSigner {
    pair: Ed25519KeyPair,
    id: String,
}

impl AccountService {
    /// A token that says who an account is and what it may do in chat.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn chat_token(&self, account: &Account) -> Result<ChatToken, AccountError> {
        let now_ms = self.now_ms();
        let expires_ms = now_ms + i64::from(self.config().chat_minutes) * MINUTE_MS;
        let random = ids::random_bytes::<12>()
            .map_err(|error| AccountError::Fault(format!("no randomness: {error}")))?;
        let shown = match account.display_name.as_str() {
            "" => &account.name,
            display_name => display_name,
        };
        let claims = json!({
            "iss": if self.config().site_url.is_empty() { "weir" } else { &self.config().site_url },
            "aud": AUDIENCE,
            "sub": account.user_id,
            "name": account.name,
            "display_name": shown,
            "role": account.role,
            "jti": URL_SAFE_NO_PAD.encode(random),
            "iat": now_ms.div_euclid(1000),
            // What is revoked in a second voids no token that was made later in it.
            "made_ms": now_ms,
            "exp": expires_ms.div_euclid(1000),
        });
        let token = self.0.chat.sign(&claims);
        Ok(ChatToken { token, expires_ms })
    }

    /// The keys by which gateways verify such tokens, as a JWK set.
    pub fn chat_keys(&self) -> Value {
        self.0.chat.keys()
    }
}

impl ChatSigner {
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, AccountError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|error| AccountError::Fault(format!("no key for chat tokens: {error}")))?;
        let digest = Sha256::digest(pair.public_key().as_ref());
        let id = ids::hex(digest.get(..KEY_ID_BYTES).unwrap_or_default());
        Ok(Self { pair, id })
    }

    fn sign(&self, claims: &Value) -> String {
        let head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn keys(&self) -> Value {
        let public = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.id, "x": public,
        }] })
    }
}

/// Reads them, wherever the account secret is known: asks nobody.
pub struct ChatVerifier {
    public: UnparsedPublicKey<Vec<u8>>,
    id: String,
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChatClaims {
    /// The account.
    #[serde(rename = "sub")]
    pub user_id: String,
    /// As others see it.
    pub display_name: String,
    /// What it is on this site.
    pub role: AccountRole,
    aud: String,
    exp: i64,
    #[serde(default)]
    iat: i64,
    #[serde(default)]
    made_ms: i64,
}

/// Why a token is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoChatToken {
    /// It is no token, or none of ours.
    #[error("this is no token for chat of this site")]
    Bad,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

impl ChatClaims {
    /// When the token was made, milliseconds since 1970; to the second, where it does not say it better.
    pub const fn since_ms(&self) -> i64 {
        match self.made_ms {
            0 => self.iat.saturating_mul(1000),
            made_ms => made_ms,
        }
    }

    /// Until when the token is good, milliseconds since 1970.
    pub const fn until_ms(&self) -> i64 {
        self.exp.saturating_mul(1000)
    }
}

impl ChatVerifier {
    /// Of the accounts with this secret.
    ///
    /// # Errors
    /// Where no key can be made of it.
    pub fn new(root: &RootSecret) -> Result<Self, AccountError> {
        let signer = ChatSigner::new(&root.derive("chat tokens"))?;
        let public = signer.pair.public_key().as_ref().to_vec();
        Ok(Self {
            public: UnparsedPublicKey::new(&ED25519, public),
            id: signer.id,
        })
    }

    /// What a token says, if it is ours and good at `now_ms`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<ChatClaims, NoChatToken> {
        /// What says how a token is signed.
        #[derive(Deserialize)]
        struct Head {
            alg: String,
            kid: String,
        }
        let bad = |_| NoChatToken::Bad;
        let (signed, signature) = token.rsplit_once('.').ok_or(NoChatToken::Bad)?;
        let (head, claims) = signed.split_once('.').ok_or(NoChatToken::Bad)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(bad)?;
        let verified = self.public.verify(signed.as_bytes(), &signature);
        verified.map_err(|_| NoChatToken::Bad)?;
        let read = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(bad);
        let no_json = |_| NoChatToken::Bad;
        let head: Head = serde_json::from_slice(&read(head)?).map_err(no_json)?;
        let claims: ChatClaims = serde_json::from_slice(&read(claims)?).map_err(no_json)?;
        if head.alg != "EdDSA" || head.kid != self.id || claims.aud != AUDIENCE {
            return Err(NoChatToken::Bad);
        }
        if claims.until_ms() <= now_ms {
            return Err(NoChatToken::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the public key of RFC 8037, appendix A, and its example of a signature (A.4).
    #[test]
    fn the_key_and_the_signature_are_those_of_the_rfc() {
        let seed = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap();
        let signer = ChatSigner::new(seed.as_slice().try_into().unwrap()).unwrap();
        let keys = signer.keys();
        assert_eq!(
            keys["keys"][0]["x"],
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
        let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD.encode(signer.pair.sign(signed.as_bytes()).as_ref());
        assert_eq!(
            signature,
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
        let token = signer.sign(&json!({ "sub": "ann" }));
        assert_eq!(token.split('.').count(), 3);
    }

    #[test]
    fn a_token_is_verified_without_asking_and_a_forged_one_is_not_believed() {
        let root = RootSecret::new("a secret of the test").unwrap();
        let verifier = ChatVerifier::new(&root).unwrap();
        let signer = ChatSigner::new(&root.derive("chat tokens")).unwrap();
        let claims = |aud: &str, exp: i64| json!({ "sub": "7", "display_name": "Ann", "role": "moderator", "aud": aud, "exp": exp, "x": [1] });
        let good = signer.sign(&claims("chat", 100));
        let read = verifier.verify(&good, 99_999).unwrap();
        assert_eq!((&*read.user_id, read.role), ("7", AccountRole::Moderator));
        assert_eq!(verifier.verify(&good, 100_000), Err(NoChatToken::Expired));
        let since_ms = |more: Value| {
            let mut claims = claims("chat", 100);
            claims
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            verifier
                .verify(&signer.sign(&claims), 0)
                .unwrap()
                .since_ms()
        };
        assert_eq!(since_ms(json!({ "iat": 7 })), 7_000);
        assert_eq!(since_ms(json!({ "iat": 7, "made_ms": 7_250 })), 7_250);
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(claims("chat", 9_999_999).to_string());
        let stranger = ChatSigner::new(&[7; 32])
            .unwrap()
            .sign(&claims("chat", 100));
        for bad in [
            format!("{head}.{other}.{signature}"),
            format!("{signed}."),
            format!("{signed}.{signature}x"),
            signer.sign(&claims("site", 100)),
            stranger,
            String::new(),
            "..".into(),
        ] {
            assert_eq!(verifier.verify(&bad, 0), Err(NoChatToken::Bad), "{bad}");
        }
    }
}
