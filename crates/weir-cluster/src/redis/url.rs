//! The addresses of a Redis or Valkey: one server, Sentinel, or Cluster; with TLS and password.
//!
//! ```text
//! redis://[user:password@]host:6379[/db]                               one server
//! redis+sentinel://[user:password@]host:26379,host:26379/master[/db]   the master that Sentinel names
//! redis+cluster://[user:password@]host:6379,host:6379                  Redis Cluster
//! rediss://…  rediss+sentinel://…  rediss+cluster://…                  the same over TLS
//! ```
//! User and password are those of the servers, percent-encoded where they have `/`, `?`, `#`, `@` or
//! `%`. Behind a `?`, joined by `&`:
//!
//! | option | what |
//! |---|---|
//! | `ca=FILE` | PEM of whom to trust for TLS, in place of whom this machine trusts |
//! | `cert=FILE`, `key=FILE` | PEM of this node's own certificate and key, where servers ask for one |
//! | `sentinel_user=`, `sentinel_password=` | for the Sentinels, which are else asked without |

use weir_base::urls::SplitUrl;

use crate::limits::{URL_BYTES, URL_HOSTS};

/// The port of a Sentinel where none is said.
const SENTINEL_PORT: u16 = 26_379;

/// What a URL asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Which servers.
    pub servers: Servers,
    /// The certificates' files.
    pub files: Files,
}

/// Which servers.
#[derive(Clone, PartialEq, Eq)]
pub enum Servers {
    /// One server, by its URL.
    Single(String),
    /// The master of this name; Sentinels by URL, and a server's URL for what is the same on each.
    Sentinel {
        /// URLs of the Sentinels, in the order they are asked.
        sentinels: Vec<String>,
        /// The master's name.
        master: String,
        /// User, password and database, as the URL of a server.
        server: String,
    },
    /// A cluster, by the URLs of some of its servers.
    Cluster(Vec<String>),
}

/// Files with certificates, for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Whom to trust.
    pub ca: Option<String>,
    /// This node's certificate.
    pub cert: Option<String>,
    /// And its key.
    pub key: Option<String>,
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
    /// More bytes or hosts than a URL has.
    #[error("at most {URL_BYTES} bytes and {URL_HOSTS} hosts")]
    Long,
    /// Several hosts without saying what they are.
    #[error("several hosts are redis+sentinel:// or redis+cluster://")]
    Several,
    /// Sentinel without the master's name.
    #[error("redis+sentinel needs the master's name: redis+sentinel://host:26379/mymaster")]
    Master,
    /// A Redis Cluster has one database.
    #[error("a Redis Cluster has no databases to choose from: nothing stands after the hosts")]
    Database,
    /// An option that there is not.
    #[error("the options are ca, cert and key, with TLS, and sentinel_user and sentinel_password")]
    Option,
    /// One of the two without the other.
    #[error("cert and key go together")]
    Pair,
}

impl Target {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none of the forms. No error holds the URL, for it may hold a password.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        if url.len() > URL_BYTES {
            return Err(UrlError::Long);
        }
        let SplitUrl {
            scheme,
            authority,
            rest,
            ..
        } = SplitUrl::new(url).ok_or(UrlError::Scheme)?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&base) || scheme.ends_with('+') {
            return Err(UrlError::Scheme);
        }
        // A `#` ends the authority: the password has one that is not percent-encoded.
        if rest.starts_with('#') {
            return Err(UrlError::Host);
        }
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.strip_prefix('/').unwrap_or(path);
        let (files, asked) = read_options(options, base == "rediss", kind == "sentinel")?;
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
        if hosts.len() > URL_HOSTS {
            return Err(UrlError::Long);
        }
        if hosts
            .iter()
            .any(|host| host.is_empty() || host.starts_with(':'))
        {
            return Err(UrlError::Host);
        }
        let all = |user: &str| {
            hosts
                .iter()
                .map(|host| format!("{base}://{user}{host}"))
                .collect()
        };
        let servers = match (kind, &hosts[..]) {
            ("", [host]) => Servers::Single(format!("{base}://{user}{host}/{path}")),
            ("", _) => return Err(UrlError::Several),
            ("sentinel", _) => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                if master.is_empty() {
                    return Err(UrlError::Master);
                }
                let sentinels = hosts.iter().map(|host| with_port(host));
                Servers::Sentinel {
                    sentinels: sentinels
                        .map(|host| format!("{base}://{asked}{host}"))
                        .collect(),
                    master: master.to_owned(),
                    server: format!("{base}://{user}master/{db}"),
                }
            }
            ("cluster", _) if path.is_empty() => Servers::Cluster(all(&user)),
            ("cluster", _) => return Err(UrlError::Database),
            _ => return Err(UrlError::Scheme),
        };
        Ok(Self { servers, files })
    }
}

impl Target {
    /// Whether servers are spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        let first = match &self.servers {
            Servers::Single(url) => Some(url),
            Servers::Sentinel { server, .. } => Some(server),
            Servers::Cluster(urls) => urls.first(),
        };
        first.is_some_and(|url| url.starts_with("rediss:"))
    }
}

/// The certificates' files, and what stands before a Sentinel's host.
fn read_options(text: &str, tls: bool, sentinel: bool) -> Result<(Files, String), UrlError> {
    let mut files = Files::default();
    let (mut user, mut password) = ("", "");
    for option in text.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').ok_or(UrlError::Option)?;
        match name {
            "ca" if tls => files.ca = Some(value.to_owned()),
            "cert" if tls => files.cert = Some(value.to_owned()),
            "key" if tls => files.key = Some(value.to_owned()),
            "sentinel_user" if sentinel => user = value,
            "sentinel_password" if sentinel => password = value,
            _ => return Err(UrlError::Option),
        }
    }
    if files.cert.is_some() != files.key.is_some() {
        return Err(UrlError::Pair);
    }
    let asked = if user.is_empty() && password.is_empty() {
        String::new()
    } else {
        format!("{user}:{password}@")
    };
    Ok((files, asked))
}

fn with_port(host: &str) -> String {
    let port = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'));
    if port.is_some() {
        host.to_owned()
    } else {
        format!("{host}:{SENTINEL_PORT}")
    }
}

/// Without user and password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn host(url: &str) -> &str {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            rest.trim_end_matches('/')
        }
        let list = |urls: &[String]| {
            urls.iter()
                .map(|url| host(url))
                .collect::<Vec<_>>()
                .join(",")
        };
        match &self.servers {
            Servers::Single(url) => f.write_str(host(url)),
            Servers::Sentinel {
                sentinels, master, ..
            } => {
                write!(f, "master {master} of sentinels {}", list(sentinels))
            }
            Servers::Cluster(urls) => write!(f, "cluster {}", list(urls)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(url: &str) -> Servers {
        Target::parse(url).unwrap().servers
    }

    #[test]
    fn each_form_is_read() {
        let single = "rediss://u:p@h:6379/2";
        assert!(servers(single) == Servers::Single(single.into()));
        let sentinel = Servers::Sentinel {
            sentinels: vec!["redis://a:26379".into(), "redis://[::1]:26379".into()],
            master: "mymaster".into(),
            server: "redis://u:p@master/3".into(),
        };
        assert!(servers("redis+sentinel://u:p@a,[::1]/mymaster/3") == sentinel);
        let cluster = Servers::Cluster(vec!["rediss://:p@a:1".into(), "rediss://:p@b:2".into()]);
        assert!(servers("rediss+cluster://:p@a:1,b:2") == cluster);
    }

    #[test]
    fn options_name_files_and_the_sentinels_own_password() {
        let target =
            Target::parse("rediss+sentinel://a:1/m?ca=/etc/ca.pem&sentinel_password=geheim");
        let target = target.unwrap();
        assert_eq!(target.files.ca.as_deref(), Some("/etc/ca.pem"));
        let Servers::Sentinel { sentinels, .. } = target.servers else {
            panic!("not sentinel");
        };
        assert_eq!(sentinels, ["rediss://:geheim@a:1"]);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let cases = [
            ("http://h", UrlError::Scheme),
            ("redis+://h", UrlError::Scheme),
            ("redis+nats://h", UrlError::Scheme),
            ("redis://a,b", UrlError::Several),
            ("redis+cluster://", UrlError::Host),
            ("redis+cluster://:1", UrlError::Host),
            ("redis://u:p#w@h", UrlError::Host),
            ("redis+cluster://h/1", UrlError::Database),
            ("redis+sentinel://h:26379", UrlError::Master),
            ("redis://h?ca=x", UrlError::Option),
            ("rediss://h?cert=x", UrlError::Pair),
            ("rediss://h?colour=red", UrlError::Option),
            (&format!("redis://{}", "h,".repeat(40)), UrlError::Long),
        ];
        for (url, error) in cases {
            assert_eq!(Target::parse(url).map(|_| ()), Err(error), "{url}");
        }
    }

    #[test]
    fn a_log_line_shows_no_password() {
        for url in [
            "redis://u:geheim@h",
            "redis+cluster://u:geheim@h",
            "redis+sentinel://u:geheim@h/m?sentinel_password=geheim",
        ] {
            let shown = format!("{:?}", Target::parse(url).unwrap());
            assert!(!shown.contains("geheim") && shown.contains('h'), "{shown}");
        }
    }
}
