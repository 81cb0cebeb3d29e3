//! One provider: what it says of itself, its keys, and the exchange of a code for who somebody is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::form_urlencoded::{Serializer, byte_serialize};
use weir_base::Clock;

use super::config::{ClientSecret, OidcProvider, is_safe};
use super::id_token::{BadToken, Expected, Told, VerifyKey, read_keys, verify};
use super::wire::{OidcWire, WireRequest};
use crate::error::AccountError;

/// Where a provider says what it is, below its issuer (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Microseconds for which what it says of itself, and its keys, are good.
const GOOD_US: i64 = 3_600_000_000;
/// Microseconds between two questions for its keys because of a token whose key is not known.
const KEYS_AGAIN_US: i64 = 60_000_000;
/// Microseconds for which a provider that did not answer is not asked again: many may want to sign in.
const AWAY_US: i64 = 5_000_000;
/// Bytes of an address that it names.
const MAX_URL_BYTES: usize = 2_048;
/// Bytes of an access token.
const MAX_ACCESS_BYTES: usize = 8_192;
/// Characters of its own words that are told.
const MAX_WORDS_CHARS: usize = 100;

/// A provider that people sign in by.
pub(crate) struct Provider {
    pub(super) config: OidcProvider,
    secret: ClientSecret,
    known: Mutex<Known>,
}

/// What is known of it. One asks, and others wait for what is answered.
#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Metadata, i64)>,
    keys: Option<(Vec<VerifyKey>, i64)>,
    away: Option<(String, i64)>,
}

/// What it says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207, section 3.
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) says_issuer: bool,
}

#[derive(Debug, Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    id_token: String,
    #[serde(default)]
    access_token: String,
}

#[derive(Debug, Default, Deserialize)]
struct TokenRefusal {
    #[serde(default)]
    error: String,
}

/// What a code is exchanged with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
    pub(super) nonce: &'a str,
}

impl Provider {
    /// As it is set.
    ///
    /// # Errors
    /// Where its secret cannot be read.
    pub(super) fn new(config: &OidcProvider) -> Result<Self, AccountError> {
        Ok(Self {
            secret: config.secret()?,
            config: config.clone(),
            known: Mutex::default(),
        })
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`AccountError::ProviderAway`].
    pub(super) async fn metadata(
        &self,
        wire: &dyn OidcWire,
        clock: &Clock,
    ) -> Result<Metadata, AccountError> {
        let mut known = self.known.lock().await;
        let metadata = self.metadata_of(&mut known, wire, clock).await;
        metadata.map_err(|words| self.away(&words))
    }

    /// Whom a code is about.
    ///
    /// # Errors
    /// [`AccountError::ProviderAway`], [`AccountError::ProviderRefused`].
    pub(super) async fn exchange(
        &self,
        wire: &dyn OidcWire,
        clock: &Clock,
        exchange: Exchange<'_>,
    ) -> Result<Told, AccountError> {
        let metadata = self.metadata(wire, clock).await?;
        let answer = self.redeem(wire, &metadata, exchange).await?;
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce: exchange.nonce,
            now_s: clock.wall_s(),
        };
        let mut told = Err(BadToken::UnknownKey);
        // Keys change: whose key is not known may be signed by a new one.
        for asks_again in [false, true] {
            let keys = self.keys(wire, clock, asks_again).await?;
            told = verify(&answer.id_token, &keys, expected);
            if !matches!(told, Err(BadToken::UnknownKey)) {
                break;
            }
        }
        let told = told.map_err(|bad| {
            tracing::warn!(target: "audit", provider = self.config.name, "an ID token was refused: {bad}");
            self.refused(&bad.to_string())
        })?;
        self.told_beside(wire, &metadata, &answer.access_token, told)
            .await
    }

    async fn redeem(
        &self,
        wire: &dyn OidcWire,
        metadata: &Metadata,
        exchange: Exchange<'_>,
    ) -> Result<TokenAnswer, AccountError> {
        let (id, secret) = (self.config.client_id.as_str(), self.secret.0.as_str());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect_uri),
            ("code_verifier", exchange.verifier),
        ];
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        // Basic is what goes without saying (OpenID Connect Discovery 1.0, section 3).
        let takes_basic =
            methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic"));
        let is_basic = !secret.is_empty() && takes_basic;
        let authorization = match is_basic {
            // RFC 6749, section 2.3.1: each is form-encoded first.
            true => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(id), encoded(secret));
                format!("Basic {}", STANDARD.encode(pair))
            }
            false => {
                form.push(("client_id", id));
                if !secret.is_empty() {
                    form.push(("client_secret", secret));
                }
                String::new()
            }
        };
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = WireRequest {
            url: &metadata.token_endpoint,
            form: Some(&form),
            authorization: &authorization,
            allow: &self.config.allow,
        };
        let answer = wire.ask(request).await.map_err(|words| self.away(&words))?;
        match answer.status {
            200 => {
                let read = serde_json::from_slice::<TokenAnswer>(&answer.body);
                let read = read.map_err(|_| self.refused("its answer to a code cannot be read"))?;
                match read.id_token.is_empty() {
                    true => Err(self.refused("it gave no ID token")),
                    false => Ok(read),
                }
            }
            400..500 => {
                let said: TokenRefusal = serde_json::from_slice(&answer.body).unwrap_or_default();
                Err(self.refused(&format!("it takes no such code: {}", one_line(&said.error))))
            }
            status => Err(self.away(&format!("it answered a code with {status}"))),
        }
    }

    /// What it tells beside the token, where that has no address and there is more to be had (section 5.3).
    async fn told_beside(
        &self,
        wire: &dyn OidcWire,
        metadata: &Metadata,
        access: &str,
        told: Told,
    ) -> Result<Told, AccountError> {
        let is_text = access.bytes().all(|byte| byte.is_ascii_graphic());
        let is_usable = is_text && (1..=MAX_ACCESS_BYTES).contains(&access.len());
        let (Some(url), None, true) = (&metadata.userinfo_endpoint, &told.email, is_usable) else {
            return Ok(told);
        };
        let request = WireRequest {
            url,
            form: None,
            authorization: &format!("Bearer {access}"),
            allow: &self.config.allow,
        };
        // Who it is is known: what else there is to know may be missing.
        let more = match wire.ask(request).await {
            Ok(answer) if answer.status == 200 => serde_json::from_slice::<Told>(&answer.body).ok(),
            _ => None,
        };
        match more {
            None => Ok(told),
            Some(more) if more.sub == told.sub => Ok(more),
            Some(_) => Err(self.refused("it tells of somebody else than its token")),
        }
    }

    async fn keys(
        &self,
        wire: &dyn OidcWire,
        clock: &Clock,
        asks_again: bool,
    ) -> Result<Vec<VerifyKey>, AccountError> {
        let mut known = self.known.lock().await;
        let now_us = clock.now_us();
        let good_us = if asks_again { KEYS_AGAIN_US } else { GOOD_US };
        let kept = known.keys.as_ref();
        if let Some((keys, at_us)) = kept
            && now_us - at_us < good_us
        {
            return Ok(keys.clone());
        }
        let asked = async {
            let metadata = self.metadata_of(&mut known, wire, clock).await?;
            self.fetch(&mut known, wire, clock, &metadata.jwks_uri, read_keys)
                .await
        };
        match asked.await {
            Ok(keys) => {
                known.keys = Some((keys.clone(), now_us));
                Ok(keys)
            }
            // Old keys are good while it is away: it is asked again, and who signed in by them has a code of now.
            Err(words) => match &known.keys {
                Some((keys, _)) => Ok(keys.clone()),
                None => Err(self.away(&words)),
            },
        }
    }

    async fn metadata_of(
        &self,
        known: &mut Known,
        wire: &dyn OidcWire,
        clock: &Clock,
    ) -> Result<Metadata, String> {
        let now_us = clock.now_us();
        if let Some((metadata, at_us)) = &known.metadata
            && now_us - at_us < GOOD_US
        {
            return Ok(metadata.clone());
        }
        let url = format!("{}{DISCOVERY}", self.config.issuer.trim_end_matches('/'));
        let read = |body: &[u8]| self.checked(read_json(body)?);
        let asked = self.fetch(known, wire, clock, &url, read).await;
        match (asked, &known.metadata) {
            (Ok(metadata), _) => {
                known.metadata = Some((metadata.clone(), now_us));
                Ok(metadata)
            }
            (Err(_), Some((metadata, _))) => Ok(metadata.clone()),
            (Err(words), None) => Err(words),
        }
    }

    /// Fetches a document. Who did not answer a moment ago is not asked.
    async fn fetch<T>(
        &self,
        known: &mut Known,
        wire: &dyn OidcWire,
        clock: &Clock,
        url: &str,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, String> {
        if let Some((words, at_us)) = &known.away
            && clock.now_us() - at_us < AWAY_US
        {
            return Err(words.clone());
        }
        let request = WireRequest {
            url,
            form: None,
            authorization: "",
            allow: &self.config.allow,
        };
        let answer = match wire.ask(request).await {
            Ok(answer) if answer.status == 200 => read(&answer.body),
            Ok(answer) => Err(format!("{url} answers {}", answer.status)),
            Err(words) => Err(words),
        };
        known.away = match &answer {
            Ok(_) => None,
            Err(words) => Some((words.clone(), clock.now_us())),
        };
        answer
    }

    /// Whether it is who it should be, and names addresses that may be asked.
    fn checked(&self, metadata: Metadata) -> Result<Metadata, String> {
        if metadata.issuer != self.config.issuer {
            return Err(format!("it calls itself {}", one_line(&metadata.issuer)));
        }
        let named = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.jwks_uri),
            metadata.userinfo_endpoint.as_ref(),
        ];
        let is_fit = |url: &&String| url.len() <= MAX_URL_BYTES && is_safe(url);
        let are_fit = named.into_iter().flatten().all(|url| is_fit(&url));
        match are_fit {
            true => Ok(metadata),
            false => Err("it names an address that is not https".to_owned()),
        }
    }

    /// Where somebody goes who signs in there.
    pub(super) fn departure(
        &self,
        metadata: &Metadata,
        parameters: &[(&str, &str)],
    ) -> Result<String, AccountError> {
        let parsed = url::Url::parse(&metadata.authorization_endpoint);
        let mut url = parsed.map_err(|error| self.away(&error.to_string()))?;
        let scope = self.config.scopes.join(" ");
        // Its own parameters stay (RFC 6749, section 3.1).
        let own = url.query().unwrap_or_default().to_owned();
        let mut query = Serializer::new(own);
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("scope", &scope)
            .extend_pairs(parameters);
        url.set_query(Some(&query.finish()));
        url.set_fragment(None);
        Ok(url.into())
    }

    pub(super) fn away(&self, words: &str) -> AccountError {
        let name = &self.config.name;
        tracing::warn!(provider = name, "a provider cannot be asked: {words}");
        AccountError::ProviderAway(self.config.title().to_owned())
    }

    pub(super) fn refused(&self, words: &str) -> AccountError {
        AccountError::ProviderRefused(format!("{}: {words}", self.config.title()))
    }
}

/// Others' words, as one line of sensible length.
pub(super) fn one_line(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(MAX_WORDS_CHARS).collect()
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("what it says of itself: {error}"))
}
