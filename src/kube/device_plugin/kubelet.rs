//! Serves each resource on a socket of its own, and lets kubelet know: again whenever kubelet starts, which removes the sockets
//! and makes its own anew.

use super::allocated::Allocated;
use super::info::DeviceInfo;
use super::journal::say;
use super::offer::{Offer, Resource};
use super::proto::plugin::RegisterRequest;
use super::proto::plugin::device_plugin_server::DevicePluginServer;
use super::proto::plugin::registration_client::RegistrationClient;
use super::proto::registration::registration_server::RegistrationServer;
use super::registry::{Found, VERSION};
use super::service::{OPTIONS, ResourceServer};
use super::settings::{PluginSettings, Registration};
use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::stream::unfold;
use sriovd_wire::socket;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::transport::{Endpoint, Server};

/// The first wait after a failure, and the longest: each is twice the one before.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// kubelet connects to the plugin before it answers, and gives that 10 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which socket it is, of those that come and go under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: u64,
    changed: (i64, i64),
}

fn identity(path: &Path) -> anyhow::Result<Option<Identity>> {
    match fs::symlink_metadata(path) {
        Ok(is) => Ok(Some(Identity {
            inode: is.ino(),
            changed: (is.ctime(), is.ctime_nsec()),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

struct Kubelet {
    settings: Arc<PluginSettings>,
    offers: watch::Receiver<Arc<Offer>>,
    info: DeviceInfo,
    allocated: Allocated,
    /// The server of each resource.
    servers: BTreeMap<Resource, JoinHandle<()>>,
    /// What this kubelet knows.
    registered: BTreeSet<Resource>,
    /// The kubelet that knows it.
    known_to: Option<Identity>,
    /// What was said last of each resource.
    said: BTreeMap<Resource, String>,
}

pub(super) async fn serve(
    settings: Arc<PluginSettings>,
    mut offers: watch::Receiver<Arc<Offer>>,
    allocated: Allocated,
) -> anyhow::Result<Infallible> {
    let mut kubelet = Kubelet {
        allocated,
        info: DeviceInfo::new(settings.device_info_dir.clone()),
        offers: offers.clone(),
        settings,
        servers: BTreeMap::new(),
        registered: BTreeSet::new(),
        known_to: None,
        said: BTreeMap::new(),
    };
    let mut last = Arc::new(Offer::default());
    let mut pause = PAUSE;
    loop {
        // Before it looks, so that nothing happens unseen.
        let its = kubelet.its_socket();
        let changes = socket::changes(&its);
        let mut changes = changes.with_context(|| format!("cannot wait for {}", its.display()))?;
        let offer = offers.borrow_and_update().clone();
        kubelet.info.remove_old(&last, &offer).await;
        last = offer;
        let known_to = kubelet.known_to;
        let is_done = kubelet.bring_up_to_date(&last).await?;
        // One that has just made its socket does not listen yet, and nothing tells when it does.
        if is_done || kubelet.known_to != known_to {
            pause = PAUSE;
        }
        tokio::select! {
            _ = changes.next() => {}
            changed = offers.changed() => changed.context("nothing is followed any more")?,
            () = sleep(pause), if !is_done => pause = LONGEST_PAUSE.min(2 * pause),
        }
    }
}

impl Kubelet {
    fn directory(&self) -> PathBuf {
        let name = match self.settings.registration {
            Registration::Call => "device-plugins",
            Registration::Directory => "plugins_registry",
        };
        self.settings.kubelet_dir.join(name)
    }

    /// Where kubelet is called; where it finds sockets, nothing of that name comes.
    fn its_socket(&self) -> PathBuf {
        self.directory().join("kubelet.sock")
    }

    fn socket(&self, resource: &Resource) -> PathBuf {
        let name = format!("sriovd_{}.sock", resource.joined('_'));
        self.directory().join(name)
    }

    /// Whether nothing has to be tried again.
    async fn bring_up_to_date(&mut self, offer: &Offer) -> anyhow::Result<bool> {
        let is_called = self.settings.registration == Registration::Call;
        let now = identity(&self.its_socket())?;
        if is_called && now != self.known_to {
            self.registered.clear();
            self.known_to = now;
        }
        if is_called && now.is_none() {
            return Ok(true);
        }
        let mut is_done = true;
        for resource in offer.resources.keys() {
            // Who has called once has connected; who looks into a directory looks for what stands there.
            let stands = is_called || self.socket(resource).exists();
            if self.registered.contains(resource) && stands {
                continue;
            }
            let done = match self.foreign_socket(resource).await {
                Some(other) => Err(anyhow::anyhow!(
                    "resource {resource} is served already, by another device plugin on {}: end it, or give the policy \
                     another \"resource\"",
                    other.display()
                )),
                None => self.offer(resource).await,
            };
            match done {
                Ok(()) => {
                    self.registered.insert(resource.clone());
                    self.said.remove(resource);
                }
                Err(error) => {
                    is_done = false;
                    self.say_once(resource, format!("{error:#}"));
                }
            }
        }
        Ok(is_done)
    }

    fn say_once(&mut self, resource: &Resource, what: String) {
        if self.said.get(resource) != Some(&what) {
            say(&what);
            self.said.insert(resource.clone(), what);
        }
    }

    /// The SR-IOV network device plugin's socket, in either of its places, if something answers there.
    async fn foreign_socket(&self, resource: &Resource) -> Option<PathBuf> {
        let name = format!("{}.sock", resource.joined('_'));
        for directory in ["device-plugins", "plugins_registry"] {
            let path = self.settings.kubelet_dir.join(directory).join(&name);
            if UnixStream::connect(&path).await.is_ok() {
                return Some(path);
            }
        }
        None
    }

    async fn offer(&mut self, resource: &Resource) -> anyhow::Result<()> {
        let path = self.socket(resource);
        if let Some(old) = self.servers.remove(resource) {
            old.abort();
        }
        let listener = socket::bind(&path)?;
        let plugin = ResourceServer {
            resource: resource.clone(),
            offers: self.offers.clone(),
            settings: Arc::clone(&self.settings),
            info: self.info.clone(),
            allocated: self.allocated.clone(),
        };
        let found = Found {
            resource: resource.clone(),
            socket: path.clone(),
        };
        let server = tokio::spawn(serve_one(listener, plugin, found));
        self.servers.insert(resource.clone(), server);
        if self.settings.registration == Registration::Call {
            let kubelet = self.its_socket();
            let called = timeout(PATIENCE, register(&kubelet, resource, &path)).await;
            let called = called
                .context("it does not answer")
                .and_then(|called| called);
            called.with_context(|| format!("kubelet was not told of resource {resource}"))?;
            say(&format!("kubelet has resource {resource}"));
        }
        Ok(())
    }
}

async fn register(kubelet: &Path, resource: &Resource, socket: &Path) -> anyhow::Result<()> {
    let Some(name) = socket.file_name().and_then(|name| name.to_str()) else {
        bail!("{} has no name", socket.display());
    };
    let kubelet = Endpoint::from_shared(format!("unix://{}", kubelet.display()))?;
    let kubelet = kubelet.connect().await.context("it does not listen")?;
    let request = RegisterRequest {
        version: VERSION.to_owned(),
        endpoint: name.to_owned(),
        resource_name: resource.to_string(),
        options: Some(OPTIONS),
    };
    let answered = RegistrationClient::new(kubelet).register(request).await;
    match answered {
        Ok(_) => Ok(()),
        Err(status) => bail!("{}", status.message()),
    }
}

/// Until it is ended: what connects is kubelet.
async fn serve_one(listener: UnixListener, plugin: ResourceServer, found: Found) {
    let incoming = unfold(listener, async |listener| {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((Ok::<_, std::io::Error>(stream), listener)),
                // Out of descriptors or memory: there is no event for having them again.
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
    });
    let served = Server::builder()
        .add_service(DevicePluginServer::new(plugin))
        .add_service(RegistrationServer::new(found))
        .serve_with_incoming(incoming);
    if let Err(error) = served.await {
        say(&format!("a device plugin ended: {error:#}"));
    }
}
