//! What the public may hear of a stream: lists that anybody may read ask here.

use weir_base::StreamName;

use crate::book::Rulebook;
use crate::rules::PlayAuth;
use crate::snapshot::Visibility;

/// To whom it is told that a stream is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publicity {
    /// To everybody: it stands in lists.
    Listed,
    /// To who asks for it by its name: it stands in no list.
    Named,
    /// To nobody.
    Hidden,
}

impl Rulebook {
    /// Whether a stream is recorded of which its publisher's address says nothing: as its channel says, else as its app;
    /// `None` where neither does.
    pub fn is_recorded(&self, name: &StreamName) -> Option<bool> {
        let book = self.read();
        let of_app = || book.app(name.app()).rules.record;
        let channel = book.channel_of(name);
        channel.and_then(|channel| channel.record).or_else(of_app)
    }

    /// To whom it is told that this stream is there. Whether somebody may watch it is the gate's to say.
    pub fn publicity(&self, name: &StreamName) -> Publicity {
        let book = self.read();
        let app = book.app(name.app());
        if app.rules.disabled == Some(true) {
            return Publicity::Hidden;
        }
        match book.channel_of(name).map(|channel| channel.visibility) {
            Some(Visibility::Private) => Publicity::Hidden,
            Some(Visibility::Unlisted | Visibility::Password | Visibility::Followers) => {
                Publicity::Named
            }
            Some(Visibility::Public) => Publicity::Listed,
            None => match app.play {
                PlayAuth::Open => Publicity::Listed,
                // Its app's own server says whom it shows what.
                PlayAuth::Signed => Publicity::Named,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::book::FileRules;
    use crate::rules::{AppRules, Auth};
    use crate::snapshot::{Change, Channel, Snapshot};

    fn channel(name: &str, visibility: Visibility) -> Change {
        Change::Channel(Arc::new(Channel {
            id: name.into(),
            owner: "o".into(),
            app: "live".into(),
            name: name.into(),
            visibility,
            round: 0,
            max_kbps: None,
            record: None,
            shot_every_s: None,
        }))
    }

    fn app(name: &str, rules: AppRules) -> Change {
        Change::App {
            name: name.into(),
            rules: Arc::new(rules),
        }
    }

    fn book() -> Rulebook {
        let book = Rulebook::new(FileRules {
            auth: Auth::default(),
            ..FileRules::default()
        });
        let mut known = Snapshot::new("s", 1);
        let visibilities = [
            ("public", Visibility::Public),
            ("unlisted", Visibility::Unlisted),
            ("password", Visibility::Password),
            ("followers", Visibility::Followers),
            ("private", Visibility::Private),
        ];
        for (name, visibility) in visibilities {
            known.apply(&channel(name, visibility)).unwrap();
        }
        let signed = AppRules {
            play: Some(PlayAuth::Signed),
            ..AppRules::default()
        };
        let off = AppRules {
            disabled: Some(true),
            ..AppRules::default()
        };
        known.apply(&app("signed", signed)).unwrap();
        known.apply(&app("off", off)).unwrap();
        book.install(known);
        book
    }

    #[test]
    fn a_stream_is_recorded_as_its_channel_says_and_else_as_its_app() {
        let book = book();
        let mut known = Snapshot::new("s", 2);
        let recorded = AppRules {
            record: Some(true),
            ..AppRules::default()
        };
        known.apply(&app("live", recorded)).unwrap();
        for (name, record) in [("kept", Some(true)), ("not", Some(false)), ("as_app", None)] {
            let Change::Channel(one) = channel(name, Visibility::Public) else {
                panic!("no channel")
            };
            let one = Channel {
                record,
                ..(*one).clone()
            };
            known.apply(&Change::Channel(Arc::new(one))).unwrap();
        }
        book.install(known);
        let of =
            |vhost, app, stream| book.is_recorded(&StreamName::new(vhost, app, stream).unwrap());
        assert_eq!(of("", "live", "not"), Some(false));
        assert_eq!(
            (of("", "live", "kept"), of("", "live", "as_app")),
            (Some(true), Some(true))
        );
        // A channel's stream has no virtual host, and its app is its own.
        assert_eq!(
            (of("v", "live", "not"), of("", "other", "kept")),
            (Some(true), None)
        );
    }

    #[test]
    fn what_is_not_for_everybody_stands_in_no_list() {
        let book = book();
        let of = |vhost, app, stream| book.publicity(&StreamName::new(vhost, app, stream).unwrap());
        assert_eq!(of("", "live", "public"), Publicity::Listed);
        for name in ["unlisted", "password", "followers"] {
            assert_eq!(of("", "live", name), Publicity::Named, "{name}");
        }
        assert_eq!(of("", "live", "private"), Publicity::Hidden);
        // What is no channel's is as open as its app.
        assert_eq!(of("", "live", "demo"), Publicity::Listed);
        assert_eq!(of("", "signed", "demo"), Publicity::Named);
        assert_eq!(of("", "off", "demo"), Publicity::Hidden);
        // Another stream that is only called the same.
        assert_eq!(of("tv.example", "live", "private"), Publicity::Listed);
    }
}
