//! How a child is started: its name, ports, settings, directory and log.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use weir_cluster::Name;

use super::{PREFIX, TIED};
use crate::config::Scale;
use crate::order::Order;

/// The children's directories and logs, in the data directory.
const FOLDER: &str = "auto";
/// What children share with their parent: stream keys and the admin token.
const SECRETS: &str = "secrets.toml";
/// Bytes of this node's name that are put into its children's.
const STEM_BYTES: usize = 40;

/// What all children have in common.
pub(crate) struct Launch {
    program: PathBuf,
    /// What comes before the settings that are a child's own.
    args: Vec<OsString>,
    stem: String,
    host: IpAddr,
    scale: Scale,
    data: PathBuf,
}

impl Launch {
    /// Children of the node `me` that run `program` with `args`, and what makes them nodes of their own.
    ///
    /// # Errors
    /// When the host is no address.
    pub(crate) fn new(
        program: PathBuf,
        args: Vec<OsString>,
        scale: &Scale,
        data: &Path,
        me: &Name,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            program,
            args,
            stem: me.as_str().chars().take(STEM_BYTES).collect(),
            host: host(scale)?,
            scale: scale.clone(),
            data: data.to_owned(),
        })
    }

    /// A pair of ports that nobody listens on, and the name of the node that gets it.
    pub(super) fn free_slot(&self, taken: impl Fn(u16) -> bool) -> anyhow::Result<(u16, Name)> {
        let is_free = |port| TcpListener::bind(SocketAddr::new(self.host, port)).is_ok();
        let ports = self.scale.process.ports;
        let slot = (0..ports.pairs()).find(|slot| {
            let pair = ports.pair(*slot).filter(|_| !taken(*slot));
            pair.is_some_and(|(low, high)| is_free(low) && is_free(high))
        });
        let Some(slot) = slot else {
            bail!(
                "no two free ports in {}-{} on {}",
                ports.first,
                ports.last,
                self.host
            );
        };
        Ok((slot, Name::new(&format!("{PREFIX}{}-{slot}", self.stem))?))
    }

    /// Starts a child.
    pub(super) fn spawn(&self, slot: u16, node: &Name, order: &Order) -> anyhow::Result<Child> {
        let folder = self.data.join(FOLDER);
        let home = folder.join(node.as_str());
        fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let secrets = self.data.join(SECRETS);
        if secrets.exists() {
            // The copy keeps its mode: nobody else may read it.
            fs::copy(&secrets, home.join(SECRETS))
                .with_context(|| format!("cannot copy {}", secrets.display()))?;
        }
        let log = folder.join(format!("{node}.log"));
        if log.exists() {
            fs::rename(&log, folder.join(format!("{node}.log.1")))?;
        }
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        Command::new(&self.program)
            .args(&self.args)
            .arg("--data")
            .arg(&home)
            .args(&self.scale.process.args)
            .args(
                child_settings(&self.scale, &ChildNode::of(order, slot, node))?
                    .iter()
                    .flat_map(|setting| ["--set", setting]),
            )
            .env(TIED, "stdin")
            .stdin(Stdio::piped())
            .stdout(out.try_clone()?)
            .stderr(out)
            // A group of its own: Ctrl-C is for the parent, who lets its children drain.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))
    }
}

/// One node that is to run as a child of this process.
#[derive(Debug, Clone, Copy)]
pub struct ChildNode<'a> {
    /// Which pair of the configured ports it gets, counted from 0.
    pub slot: u16,
    /// Its id and its name.
    pub node: &'a Name,
    /// The pool it is for, by its name in the configuration.
    pub pool: &'a str,
    /// The one role it has.
    pub role: &'a str,
    /// The region it says it stands in.
    pub region: Option<&'a Name>,
}

impl<'a> ChildNode<'a> {
    fn of(order: &'a Order, slot: u16, node: &'a Name) -> Self {
        Self {
            slot,
            node,
            pool: &order.pool,
            role: order.role,
            region: order.region.as_ref(),
        }
    }
}

/// What makes a child a node of its own, and no scaler; the operator's own settings win.
///
/// # Errors
/// When the host is no address.
pub fn child_settings(scale: &Scale, child: &ChildNode<'_>) -> anyhow::Result<Vec<String>> {
    let host = host(scale)?;
    let node = child.node;
    let (rtmp, http) = scale.process.ports.pair(child.slot).unwrap_or_default();
    let (rtmp, http) = (SocketAddr::new(host, rtmp), SocketAddr::new(host, http));
    let mut settings = vec![
        format!("roles=[\"{}\"]", child.role),
        format!("node.id=\"{node}\""),
        format!("node.name=\"{node}\""),
        format!("node.advertise=[\"rtmp://{rtmp}\", \"http://{http}\"]"),
        format!("rtmp.listen=\"{rtmp}\""),
        "rtmp.tls_listen=\"\"".to_owned(),
        format!("http.listen=\"{http}\""),
        "http.tls_listen=\"\"".to_owned(),
        "scale.provider=\"none\"".to_owned(),
        "scale.pools=[]".to_owned(),
    ];
    if let Some(region) = child.region {
        settings.push(format!("node.region=\"{region}\""));
    }
    let mut pools = scale.pools.iter();
    let pool = pools.find(|pool| pool.name == child.pool);
    if let Some(capacity) = pool
        .map(|pool| &pool.capacity)
        .filter(|capacity| **capacity != Default::default())
    {
        settings.extend([
            format!("node.capacity.out_kbps={}", capacity.out_kbps),
            format!("node.capacity.cpu_permille={}", capacity.cpu_permille),
            format!("node.capacity.connections={}", capacity.connections),
        ]);
    }
    settings.extend(scale.process.set.iter().cloned());
    Ok(settings)
}

fn host(scale: &Scale) -> anyhow::Result<IpAddr> {
    let host = scale.process.host.parse();
    host.context("scale.process.host is no IP address")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::scale;

    fn launch(text: &str, me: &str) -> Launch {
        let scale = scale(text);
        let me = Name::new(me).unwrap();
        Launch::new("weir".into(), Vec::new(), &scale, Path::new("data"), &me).unwrap()
    }

    #[test]
    fn a_port_that_is_taken_is_passed_over() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = busy.local_addr().unwrap().port();
        let text = format!("[process]\nports = \"{port}-{}\"", port + 1);
        let error = launch(&text, "n1").free_slot(|_| false).unwrap_err();
        assert!(error.to_string().contains("no two free ports"), "{error}");
        drop(busy);
        assert!(launch(&text, "n1").free_slot(|_| true).is_err());
    }

    #[test]
    fn the_longest_name_of_a_node_still_has_room_for_its_children() {
        let launch = launch("", &"n".repeat(64));
        let (_, node) = launch.free_slot(|_| false).unwrap();
        assert!(node.as_str().starts_with("auto-nnn"));
    }
}
