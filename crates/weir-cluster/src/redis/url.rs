//! The addresses of a Redis or Valkey: one server, Sentinel, or Cluster; with TLS and password.
//!
//! ```text
//! redis://[user:password@]host:6379[/db]                               one server
//! redis+sentinel://[user:password@]host:26379,host:26379/master[/db]   the master that Sentinel names
//! redis+cluster://[user:password@]host:6379,host:6379                  Redis Cluster
//! rediss://…  rediss+sentinel://…  rediss+cluster://…                  the same over TLS
//! ```
//! User and password are those of the servers; Sentinel itself is asked without.

/// What a URL asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// One server, by its URL.
    Single(String),
    /// The master of this name; Sentinels by URL, and a server's URL for what is the same on each.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<String>,
        /// The master's name.
        master: String,
        /// User, password and database, as the URL of a server.
        server: String,
    },
    /// A cluster, by the URLs of some of its servers.
    Cluster(Vec<String>),
}

/// A URL that is none of the forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme.
    #[error("the scheme is redis, redis+sentinel or redis+cluster, or rediss with TLS")]
    Scheme,
    /// No host.
    #[error("a host is missing")]
    Host,
    /// Sentinel without the master's name.
    #[error("redis+sentinel needs the master's name: redis+sentinel://host:26379/mymaster")]
    Master,
}

impl Target {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none of the forms. No error holds the URL, for it may hold a password.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&base) {
            return Err(UrlError::Scheme);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(UrlError::Host);
        }
        match kind {
            "" if hosts.len() == 1 && !scheme.contains('+') => Ok(Self::Single(url.to_owned())),
            "sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(UrlError::Master);
                }
                Ok(Self::Sentinel {
                    sentinels: hosts
                        .iter()
                        .map(|host| format!("{base}://{host}"))
                        .collect(),
                    master: master.to_owned(),
                    server: format!("{base}://{user}master/{db}"),
                })
            }
            "cluster" => Ok(Self::Cluster(
                hosts
                    .iter()
                    .map(|host| format!("{base}://{user}{host}"))
                    .collect(),
            )),
            _ => Err(UrlError::Scheme),
        }
    }
}

/// Without user and password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = |url: &str| url.rsplit('@').next().unwrap_or_default().to_owned();
        match self {
            Self::Single(url) => write!(f, "redis {}", host(url)),
            Self::Sentinel {
                sentinels, master, ..
            } => write!(f, "master {master} of {sentinels:?}"),
            Self::Cluster(urls) => {
                write!(
                    f,
                    "cluster {:?}",
                    urls.iter().map(|url| host(url)).collect::<Vec<_>>()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let single = "rediss://u:p@h:6379/2";
        assert_eq!(Target::parse(single), Ok(Target::Single(single.into())));
        assert_eq!(
            Target::parse("redis+sentinel://u:p@a:26379,b:26379/mymaster/3"),
            Ok(Target::Sentinel {
                sentinels: vec!["redis://a:26379".into(), "redis://b:26379".into()],
                master: "mymaster".into(),
                server: "redis://u:p@master/3".into(),
            })
        );
        assert_eq!(
            Target::parse("rediss+cluster://:p@a:1,b:2"),
            Ok(Target::Cluster(vec![
                "rediss://:p@a:1".into(),
                "rediss://:p@b:2".into()
            ]))
        );
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let cases = [
            ("http://h", UrlError::Scheme),
            ("redis+nats://h", UrlError::Scheme),
            ("redis://a,b", UrlError::Scheme),
            ("redis+cluster://", UrlError::Host),
            ("redis+sentinel://h:26379", UrlError::Master),
        ];
        for (url, error) in cases {
            assert_eq!(Target::parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn a_log_line_shows_no_password() {
        for url in [
            "redis://u:geheim@h",
            "redis+cluster://u:geheim@h",
            "redis+sentinel://u:geheim@h/m",
        ] {
            assert!(!format!("{:?}", Target::parse(url).unwrap()).contains("geheim"));
        }
    }
}
