//! Admission on one node: stream keys and signed URLs, from the configuration alone.

use std::collections::BTreeMap;

use arc_swap::ArcSwap;
use weir_api::AppFacts;
use weir_base::nonce::Nonces;
use weir_base::sign::{self, Action, Signed, Subject};
use weir_base::{Clock, Code, Refusal};
use weir_cluster::Role;
use weir_hub::gate::Answer;
use weir_hub::{Admission, Gatekeeper, Grant, Protocol};

use super::secrets::Secrets;
use crate::config::{App, Auth, Config, PlayAuth, PublishAuth, Slsp, Tokens};

/// Decides by the configuration's rules: the gatekeeper the hub asks.
pub(crate) struct Gate {
    clock: Clock,
    secrets: Secrets,
    /// Tokens that edges pass on are checked here.
    is_origin: bool,
    nonces: Nonces,
    rules: ArcSwap<Rules>,
}

struct Rules {
    auth: Auth,
    takeover: bool,
    slsp: Slsp,
    apps: BTreeMap<String, App>,
}

impl Rules {
    fn new(config: &Config) -> Self {
        Self {
            auth: config.auth.clone(),
            takeover: config.stream.takeover,
            slsp: config.slsp.clone(),
            apps: config.apps.clone(),
        }
    }

    fn app(&self, name: &str) -> App {
        self.apps.get(name).cloned().unwrap_or_default()
    }

    fn publish(&self, app: &App) -> PublishAuth {
        app.publish.unwrap_or(self.auth.publish)
    }

    fn play(&self, app: &App) -> PlayAuth {
        app.play.unwrap_or(self.auth.play)
    }
}

impl Gate {
    /// With the rules of `config`.
    pub(crate) fn new(config: &Config, secrets: &Secrets, clock: Clock) -> Self {
        Self {
            clock,
            secrets: secrets.clone(),
            is_origin: config.roles().is_ok_and(|roles| roles.has(Role::Origin)),
            nonces: Nonces::default(),
            rules: ArcSwap::from_pointee(Rules::new(config)),
        }
    }

    /// New rules, for whoever comes from now on.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.rules.store(Rules::new(config).into());
    }

    /// What anybody may know of an app: enough to publish to it or play from it rightly.
    pub(crate) fn facts(&self, name: &str) -> AppFacts {
        let rules = self.rules.load();
        let app = rules.app(name);
        AppFacts {
            app: name.to_owned(),
            publish: match rules.publish(&app) {
                PublishAuth::Key => "key",
                PublishAuth::Open => "open",
            },
            play: match rules.play(&app) {
                PlayAuth::Open => "open",
                PlayAuth::Signed => "signed",
            },
            max_kbps: app.max_kbps,
            keyframe_ms: rules.slsp.keyframe_ms,
            encoders: rules.slsp.encoders.clone(),
        }
    }

    fn decide(&self, admission: &Admission<'_>) -> Result<Grant, Refusal> {
        let rules = self.rules.load();
        let app = rules.app(admission.name.app());
        let takeover = app.takeover.unwrap_or(rules.takeover);
        let open = match admission.action {
            // Open is for whoever is there, not for any page somebody there happens to look at.
            Action::Publish => rules.publish(&app) == PublishAuth::Open && !admission.is_cross_site,
            Action::Play => rules.play(&app) == PlayAuth::Open,
        };
        if app.tokens == Some(Tokens::Origin) && !self.is_origin {
            return Ok(Grant {
                ask_origin: true,
                ..Grant::default()
            });
        }
        if !open {
            self.check(admission, &rules.auth)?;
        }
        Ok(Grant {
            takeover,
            by_query: !open,
            max_kbps: app.max_kbps,
            ..Grant::default()
        })
    }

    fn check(&self, admission: &Admission<'_>, auth: &Auth) -> Result<(), Refusal> {
        let name = admission.name;
        let query = admission
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        if let Some(signed) = Signed::from_query(query) {
            let subject = Subject {
                action: admission.action,
                vhost: name.vhost(),
                app: name.app(),
                stream: name.stream(),
            };
            return self.check_signed(&signed, subject, admission, auth);
        }
        match (admission.action, admission.parameter("key")) {
            (Action::Publish, Some(given)) => {
                let right = self
                    .secrets
                    .stream_key(name.vhost(), name.app(), name.stream());
                if sign::same_secret(given, &right) {
                    Ok(())
                } else {
                    Err(Refusal::new(
                        Code::AuthBadSignature,
                        format!("the stream key is not that of {name}"),
                    ))
                }
            }
            (Action::Publish, None) if admission.is_cross_site => Err(Refusal::new(
                Code::AuthMissing,
                "a page of another site needs ?key=… or a signed URL, also where publishing is open",
            )),
            (Action::Publish, None) => Err(Refusal::new(
                Code::AuthMissing,
                "publishing needs ?key=… or a signed URL",
            )),
            (Action::Play, _) => Err(Refusal::new(
                Code::AuthMissing,
                "playing needs a signed URL",
            )),
        }
    }
}

impl Gate {
    /// A right signature, whose nonce was not used before. A viewer of HLS sends its URL's query with
    /// each request, so it may use its nonce again.
    fn check_signed(
        &self,
        signed: &Signed<'_>,
        subject: Subject<'_>,
        admission: &Admission<'_>,
        auth: &Auth,
    ) -> Result<(), Refusal> {
        let ip = admission.ip.to_canonical().to_string();
        let now_s = self.clock.wall_s();
        signed.verify(&auth.keys, subject, &ip, now_s)?;
        let is_repeated = admission.protocol == Protocol::Hls;
        match signed.nonce_use(&ip, is_repeated) {
            Some(claim) => self.nonces.claim(claim, now_s),
            None => Ok(()),
        }
    }
}

impl Gatekeeper for Gate {
    fn admit<'a>(&'a self, admission: Admission<'a>) -> Answer<'a> {
        // Everything it needs is in memory: no wait.
        let decision = self.decide(&admission);
        Box::pin(std::future::ready(decision))
    }
}

#[cfg(test)]
mod tests {
    use weir_base::StreamName;

    use super::*;

    fn gate(set: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Gate, Secrets) {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        set(&mut config);
        let secrets = Secrets::open(dir.path(), &config).unwrap();
        let gate = Gate::new(&config, &secrets, Clock::manual(1_000_000_000));
        (dir, gate, secrets)
    }

    fn ask(gate: &Gate, action: Action, app: &str, query: &[(&str, &str)]) -> Result<Grant, u16> {
        let name = StreamName::new("", app, "x").unwrap();
        let query: Vec<_> = query
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let ip = "10.0.0.1".parse().unwrap();
        let admission = Admission {
            action,
            name: &name,
            query: &query,
            ip,
            protocol: Protocol::Rtmp,
            is_cross_site: false,
            page: None,
        };
        gate.decide(&admission)
            .map_err(|refusal| refusal.code.number())
    }

    #[test]
    fn publishing_needs_the_key_of_this_very_stream() {
        let (_dir, gate, secrets) = gate(|_| {});
        let right = secrets.stream_key("", "live", "x");
        let other = secrets.stream_key("", "live", "y");
        assert!(ask(&gate, Action::Publish, "live", &[("key", &right)]).is_ok());
        assert_eq!(
            ask(&gate, Action::Publish, "live", &[("key", &other)]),
            Err(1004)
        );
        assert_eq!(ask(&gate, Action::Publish, "live", &[]), Err(1001));
        assert!(ask(&gate, Action::Play, "live", &[]).is_ok());
    }

    #[test]
    fn a_page_of_another_site_needs_the_key_where_publishing_is_open() {
        let (_dir, gate, secrets) = gate(|config| config.auth.publish = PublishAuth::Open);
        let name = StreamName::new("", "live", "x").unwrap();
        let right = [("key".to_owned(), secrets.stream_key("", "live", "x"))];
        let admission = |query, is_cross_site| Admission {
            action: Action::Publish,
            name: &name,
            query,
            ip: "10.0.0.1".parse().unwrap(),
            protocol: Protocol::Slsp,
            is_cross_site,
            page: None,
        };
        assert!(gate.decide(&admission(&[], false)).is_ok());
        let refusal = gate.decide(&admission(&[], true)).unwrap_err();
        assert_eq!(refusal.code, Code::AuthMissing);
        assert!(gate.decide(&admission(&right, true)).is_ok());
    }

    #[test]
    fn an_app_may_have_rules_of_its_own() {
        let (_dir, gate, _) = gate(|config| {
            let own = App {
                publish: Some(PublishAuth::Open),
                takeover: Some(true),
                ..App::default()
            };
            config.apps.insert("party".into(), own);
        });
        assert_eq!(
            ask(&gate, Action::Publish, "party", &[]),
            Ok(Grant {
                takeover: true,
                by_query: false,
                ..Grant::default()
            })
        );
        assert_eq!(ask(&gate, Action::Publish, "live", &[]), Err(1001));
    }

    #[test]
    fn a_signed_url_publishes_and_plays() {
        let key = sign::SigningKey {
            id: "k1".into(),
            secret: "sixteen bytes at least".into(),
        };
        let (_dir, gate, _) = gate(|config| {
            config.auth.play = PlayAuth::Signed;
            config.auth.keys = vec![key.clone()];
        });
        let subject = Subject {
            action: Action::Play,
            vhost: "",
            app: "live",
            stream: "x",
        };
        let query = sign::sign(&key, subject, 2_000, "", "");
        let pairs: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        assert!(ask(&gate, Action::Play, "live", &pairs).is_ok());
        assert_eq!(ask(&gate, Action::Publish, "live", &pairs), Err(1007));
        assert_eq!(ask(&gate, Action::Play, "live", &[]), Err(1001));
        assert!(ask(&gate, Action::Play, "live", &pairs).is_ok());

        let query = sign::sign(&key, subject, 2_000, "once", "");
        let pairs: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        assert!(ask(&gate, Action::Play, "live", &pairs).is_ok());
        assert_eq!(ask(&gate, Action::Play, "live", &pairs), Err(1005));
    }
}
