//! From addresses to a connection to the one server that takes writes now. All servers that the URL
//! names are asked at once, so that one which hangs keeps nobody waiting.

use std::io::Read;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, ProtocolVersion, RedisError, TlsCertificates, Value, cmd, from_redis_value,
    pipe,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::SetupError;
use super::url::{Files, Servers, Target};
use super::words::Failure;

/// How long a connection may take, milliseconds.
pub(super) const CONNECT_MS: u64 = 400;
/// How long a Sentinel or a cluster's server may take to say who the master is, milliseconds.
const ASK_MS: u64 = 300;
/// How long an answer may take, milliseconds; the lease keeper gives up after as long.
pub(super) const ANSWER_MS: u64 = 800;
/// Bytes of a file with certificates: a whole system's trust store has some 200 KiB.
const FILE_BYTES: u64 = 1024 * 1024;

/// A server, and a connection to it.
pub(super) type Connected = (Client, MultiplexedConnection);

/// Where to connect to.
pub(super) struct Connector {
    kind: ServerKind,
    certificates: Option<TlsCertificates>,
    /// A key of ours, which tells the slot of all of them.
    key: String,
}

enum ServerKind {
    Single(ConnectionInfo),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        server: ConnectionInfo,
    },
    Cluster(Vec<ConnectionInfo>),
}

impl Connector {
    /// Reads the certificates; connects to nobody yet.
    pub(super) fn new(target: &Target, key: String) -> Result<Self, SetupError> {
        let read = |url: &String| read_info(url);
        let kind = match &target.servers {
            Servers::Single(url) => ServerKind::Single(read(url)?),
            Servers::Sentinel {
                sentinels,
                master,
                server,
            } => ServerKind::Sentinel {
                sentinels: sentinels.iter().map(read).collect::<Result<_, _>>()?,
                master: master.clone(),
                server: read(server)?,
            },
            Servers::Cluster(urls) => {
                ServerKind::Cluster(urls.iter().map(read).collect::<Result<_, _>>()?)
            }
        };
        let certificates = certificates(&target.files)?;
        let connector = Self {
            kind,
            certificates,
            key,
        };
        // Says now what cannot be used.
        let (ServerKind::Single(first) | ServerKind::Sentinel { server: first, .. }) =
            &connector.kind
        else {
            return Ok(connector);
        };
        connector.client(first.clone())?;
        Ok(connector)
    }

    /// To the server that takes writes.
    pub(super) async fn connect(&self) -> Result<Connected, Failure> {
        match &self.kind {
            ServerKind::Single(info) => self.server(info.clone()).await,
            ServerKind::Sentinel {
                sentinels,
                master,
                server,
            } => {
                first(
                    sentinels
                        .iter()
                        .map(|sentinel| self.master(sentinel, master, server)),
                )
                .await
            }
            ServerKind::Cluster(seeds) => first(seeds.iter().map(|seed| self.holder(seed))).await,
        }
    }

    /// To the master that a Sentinel names, if it says so itself.
    async fn master(
        &self,
        sentinel: &ConnectionInfo,
        name: &str,
        server: &ConnectionInfo,
    ) -> Result<Connected, Failure> {
        let ask = async {
            let (_, mut connection) = self.open(sentinel.clone(), ASK_MS).await?;
            let mut question = cmd("SENTINEL");
            question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
            let named: Option<(String, u16)> = question
                .query_async(&mut connection)
                .await
                .map_err(of_sentinel)?;
            named.ok_or_else(|| Failure::Said(format!("Sentinel knows no master named {name}")))
        };
        let (host, port) = within(ASK_MS, ask).await?;
        let info = server.clone().set_addr(at(server.addr(), host, port));
        let (client, mut connection) = self.open(info, CONNECT_MS).await?;
        let role: Vec<Value> = within(ASK_MS, async {
            Ok(cmd("ROLE").query_async(&mut connection).await?)
        })
        .await?;
        let role = role
            .into_iter()
            .next()
            .and_then(|role| from_redis_value::<String>(role).ok());
        if role.as_deref() != Some("master") {
            let words = "the server that Sentinel names is no master yet, or no longer";
            return Err(Failure::Said(words.to_owned()));
        }
        Ok((client, connection))
    }

    /// To the master of our keys' slot, as a server of the cluster says.
    async fn holder(&self, seed: &ConnectionInfo) -> Result<Connected, Failure> {
        let ask = async {
            let (_, mut connection) = self.open(seed.clone(), ASK_MS).await?;
            let mut question = pipe();
            question.cmd("CLUSTER").arg("KEYSLOT").arg(&self.key);
            question.cmd("CLUSTER").arg("SLOTS");
            let (slot, ranges): (i64, Vec<Value>) = question.query_async(&mut connection).await?;
            let none = || Failure::Said("no server of the Redis Cluster holds our slot".to_owned());
            ranges
                .iter()
                .find_map(|range| holder_in(range, slot))
                .ok_or_else(none)
        };
        let (host, port) = within(ASK_MS, ask).await?;
        let same = match seed.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        // A server that was not told its address leaves it to the one who asks.
        let host = if host.is_empty() || host == "?" {
            same
        } else {
            host
        };
        let info = seed.clone().set_addr(at(seed.addr(), host, port));
        self.server(info).await
    }

    /// To a server that answers: one that wants a password and was given none takes connections too.
    async fn server(&self, info: ConnectionInfo) -> Result<Connected, Failure> {
        let (client, mut connection) = self.open(info, CONNECT_MS).await?;
        let ask = async { Ok(cmd("TIME").exec_async(&mut connection).await?) };
        within(ASK_MS, ask).await?;
        Ok((client, connection))
    }

    async fn open(&self, info: ConnectionInfo, within_ms: u64) -> Result<Connected, Failure> {
        let client = self.client(info)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(within_ms)))
            .set_response_timeout(Some(Duration::from_millis(ANSWER_MS)));
        let opening = client.get_multiplexed_async_connection_with_config(&config);
        let connection = within(within_ms, async { Ok(opening.await?) }).await?;
        Ok((client, connection))
    }

    /// A client like this one that speaks RESP3.
    pub(super) fn told(&self, client: &Client) -> Result<Client, RedisError> {
        let info = client.get_connection_info().clone();
        let settings = info.redis_settings().clone();
        let settings = settings.set_protocol(ProtocolVersion::RESP3);
        self.client(info.set_redis_settings(settings))
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, RedisError> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

/// What is ready within so many milliseconds.
pub(super) async fn within<T>(
    ms: u64,
    what: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let done = tokio::time::timeout(Duration::from_millis(ms), what).await;
    done.unwrap_or(Err(Failure::Silent))
}

/// The first that works of several tried at once; else the failure that tells most.
async fn first<T>(
    tries: impl Iterator<Item = impl Future<Output = Result<T, Failure>>>,
) -> Result<T, Failure> {
    let mut tries: FuturesUnordered<_> = tries.collect();
    let mut worst: Option<Failure> = None;
    while let Some(done) = tries.next().await {
        match done {
            Ok(connected) => return Ok(connected),
            Err(failure) => {
                if worst
                    .as_ref()
                    .is_none_or(|worst| failure.tells() > worst.tells())
                {
                    worst = Some(failure);
                }
            }
        }
    }
    Err(worst.unwrap_or(Failure::Silent))
}

fn of_sentinel(error: RedisError) -> Failure {
    let said = error.to_string();
    if said.contains("unknown command") {
        return Failure::Said("a host of redis+sentinel:// is no Sentinel".to_owned());
    }
    if said.contains("NOAUTH") {
        let words = "Sentinel wants a password: ?sentinel_password=";
        return Failure::Said(words.to_owned());
    }
    Failure::Redis(error)
}

/// The master of a slot in one entry of `CLUSTER SLOTS`: first, last, then servers of host and port.
fn holder_in(range: &Value, slot: i64) -> Option<(String, u16)> {
    let Value::Array(parts) = range else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(master),
        ..,
    ] = &parts[..]
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = &master[..] else {
        return None;
    };
    let host = match host {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.to_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    };
    let port = u16::try_from(*port).ok()?;
    (first..=last).contains(&&slot).then_some((host, port))
}

fn at(like: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls {
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}

fn read_info(url: &str) -> Result<ConnectionInfo, RedisError> {
    let info = url.into_connection_info()?;
    if !matches!(
        info.addr(),
        ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. }
    ) {
        return Err((ErrorKind::InvalidClientConfig, "not a host and a port").into());
    }
    // One command less at each connection, and one less to allow.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

fn certificates(files: &Files) -> Result<Option<TlsCertificates>, SetupError> {
    if *files == Files::default() {
        return Ok(None);
    }
    let read = |path: &Option<String>| path.as_deref().map(read_file).transpose();
    let client_tls = match (read(&files.cert)?, read(&files.key)?) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
            client_cert,
            client_key,
        }),
        _ => None,
    };
    let root_cert = read(&files.ca)?;
    Ok(Some(TlsCertificates {
        client_tls,
        root_cert,
    }))
}

fn read_file(path: &str) -> Result<Vec<u8>, SetupError> {
    let wrong = |error| SetupError::File(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_of_a_slot_is_found_in_what_a_cluster_says() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let server =
            |host: &str, port| Value::Array(vec![text(host), Value::Int(port), text("id")]);
        let range = |first, last, servers: Vec<Value>| {
            let ends = [Value::Int(first), Value::Int(last)];
            Value::Array(ends.into_iter().chain(servers).collect())
        };
        let one = range(0, 100, vec![server("a", 1), server("b", 2)]);
        assert_eq!(holder_in(&one, 100), Some(("a".into(), 1)));
        assert_eq!(holder_in(&one, 101), None);
        assert_eq!(
            holder_in(&range(0, 1, vec![server("", 7)]), 0),
            Some((String::new(), 7))
        );
        for odd in [
            range(0, 1, vec![]),
            range(0, 1, vec![server("a", 70_000)]),
            Value::Nil,
        ] {
            assert_eq!(holder_in(&odd, 0), None);
        }
    }
}
