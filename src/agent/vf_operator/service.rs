//! What the API does, whichever way it is asked.

use super::attachment::{Attachment, Attachments};
use super::config::{
    attachment_from_toml, attachment_to_toml, resource_from_toml, resource_to_toml,
};
use super::posted::{Entries, Entry, Kind, Posted};
use super::proto::{Resource, ResourceConfig, ResourceConfigs, Resources};
use super::refusal::Refusal;
use super::resource::{is_accepted, pfs_of, ready_vfs, refusals, resource};
use crate::api::{Peer, ProblemDetails, Request, State, Stopping, View};
use sriovd_core::model::ResourceName;
use sriovd_core::policy::{self, NumVfs, Origin, PolicySet};
use sriovd_core::report::Status;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::Code;

/// In whose name policies are read again.
const BY: &str = "the API of vf-operator";

/// Who posts wants to see what became of it. Longer waits end without: the VFs come all the same.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(super) struct Service {
    state: State,
    posted: Posted,
    /// One change at a time: what is free for one is not for two.
    changing: Arc<Mutex<()>>,
}

impl From<Stopping> for Refusal {
    fn from(stopping: Stopping) -> Self {
        Self::new(Code::Unavailable, stopping.to_string())
    }
}

impl From<ProblemDetails> for Refusal {
    fn from(problem: ProblemDetails) -> Self {
        let code = match problem.status {
            503 => Code::Unavailable,
            504 => Code::DeadlineExceeded,
            _ => Code::Internal,
        };
        Self::new(code, problem.detail)
    }
}

impl Service {
    pub(super) fn new(directory: std::path::PathBuf, state: State) -> Self {
        Self {
            state,
            posted: Posted::new(directory),
            changing: Arc::default(),
        }
    }

    /// Whether somebody may post and delete.
    pub(super) async fn may_change(&self, peer: &Peer) -> Result<(), Refusal> {
        if *peer == Peer::Local {
            return Ok(());
        }
        let allowed = peer.ask_to_change(self.state.admin_group.as_deref()).await;
        allowed.map_err(|refused| Refusal::new(Code::PermissionDenied, refused.to_string()))
    }

    /// Goes on to its end although whoever asked is gone: half of a change is none.
    async fn change<T, C>(&self, change: impl FnOnce(Self) -> C) -> Result<T, Refusal>
    where
        T: Send + 'static,
        C: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let (changing, change) = (Arc::clone(&self.changing), change(self.clone()));
        let changed = tokio::spawn(async move {
            let _one_at_a_time = changing.lock().await;
            change.await
        });
        let ended = changed.await;
        ended.unwrap_or_else(|error| Err(Refusal::internal(&error.into())))
    }

    pub(super) async fn create_resource(
        &self,
        config: ResourceConfig,
    ) -> Result<Resource, Refusal> {
        self.change(|this| async move { this.post_resource(config).await })
            .await
    }

    async fn post_resource(&self, config: ResourceConfig) -> Result<Resource, Refusal> {
        let text = resource_to_toml(&config)?;
        let name = config.name.as_str();
        self.state.is_running()?;
        let before = self.view();
        if let Some(origin) = self.origin_of_resource(name, &before) {
            return Err(already_exists(&format!("resource id={name}"), &origin));
        }
        let posted = self.posted.all(Kind::Resource).await?;
        if posted.contains_key(name) {
            return Err(exists(&format!("resource id={name}")));
        }
        // What it would take the place of stays untouched where it cannot.
        let foreseen = self.state.foresee(self.with(&text, &before.policies));
        is_accepted(name, &foreseen.await?, &pfs_of(&before))?;
        let path = self.posted.new_path(Kind::Resource, name, &posted);
        self.put(&path, text).await?;
        let view = self.view();
        let pfs = &pfs_of(&view);
        if let Err(refusal) = is_accepted(name, &refusals(&config, pfs), &pfs_of(&before)) {
            // Somebody has begun to use a VF meanwhile.
            self.take_back(path).await?;
            return Err(refusal);
        }
        Ok(resource(&config, pfs))
    }

    /// The policies with what `text` says, where it will be when it is posted.
    fn with(&self, text: &str, policies: &PolicySet) -> PolicySet {
        let mut policies = policies.clone();
        let all = policies.policies.iter();
        let posted = all.filter(|policy| self.is_posted(&policy.origin));
        let at = posted.count();
        let content = policy::file::parse(Path::new("posted"), text).unwrap_or_default();
        policies.policies.splice(at..at, content.policies);
        policies
    }

    pub(super) async fn delete_resource(&self, name: String) -> Result<(), Refusal> {
        self.change(|this| async move { this.delete(Kind::Resource, &name).await })
            .await
    }

    /// Also what cannot be read.
    async fn delete(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        let mut posted = self.posted.all(kind).await?;
        let entry = posted.remove(name);
        let entry = entry.ok_or_else(|| not_found(kind.noun(), name))?;
        self.take_back(entry.path).await
    }

    pub(super) async fn resource_configs(&self) -> Result<ResourceConfigs, Refusal> {
        let posted = self.posted.all(Kind::Resource).await?;
        Ok(ResourceConfigs {
            resource_configs: read_all(&posted, resource_from_toml)?,
        })
    }

    pub(super) async fn resource_config(&self, name: &str) -> Result<ResourceConfig, Refusal> {
        let posted = self.posted.all(Kind::Resource).await?;
        read_one(&posted, name, resource_from_toml)?
            .ok_or_else(|| not_found(Kind::Resource.noun(), name))
    }

    pub(super) async fn resources(&self) -> Result<Resources, Refusal> {
        let configs = self.resource_configs().await?.resource_configs;
        let pfs = pfs_of(&self.view());
        let resources = configs.iter().map(|config| resource(config, &pfs));
        Ok(Resources {
            resources: resources.collect(),
        })
    }

    pub(super) async fn resource(&self, name: &str) -> Result<Resource, Refusal> {
        let config = self.resource_config(name).await?;
        Ok(resource(&config, &pfs_of(&self.view())))
    }

    pub(super) async fn create_attachment(&self, attachment: Attachment) -> Result<(), Refusal> {
        self.change(|this| async move { this.post_attachment(attachment).await })
            .await
    }

    async fn post_attachment(&self, attachment: Attachment) -> Result<(), Refusal> {
        let text = attachment_to_toml(&attachment)?;
        let name = attachment.name.as_str();
        self.state.is_running()?;
        let view = self.view();
        if let Some(origin) = self.origin_of_network(name, &view) {
            let what = format!("network attachment id={name}");
            return Err(already_exists(&what, &origin));
        }
        let posted = self.posted.all(Kind::Attachment).await?;
        if posted.contains_key(name) {
            return Err(exists(&format!("network attachment id={name}")));
        }
        let path = self.posted.new_path(Kind::Attachment, name, &posted);
        let pool = attachment.resource_name.as_str();
        if pool.is_empty() {
            return self.put(&path, text).await;
        }
        let resource: ResourceName = pool
            .parse()
            .map_err(|_| not_found(Kind::Resource.noun(), pool))?;
        self.has_place(&resource, &view)?;
        self.put(&path, text).await?;
        let has_vf = |status: &Status| {
            let mut networks = status.networks.iter();
            networks.any(|network| network.name == name && network.vf.is_some())
        };
        if !has_vf(&self.status()) && ready_vfs(&resource, &pfs_of(&self.view())) > 0 {
            // Somebody else took it meanwhile.
            self.take_back(path).await?;
            return Err(no_free_vf(pool));
        }
        Ok(())
    }

    pub(super) async fn delete_attachment(&self, name: String) -> Result<(), Refusal> {
        self.change(|this| async move { this.delete(Kind::Attachment, &name).await })
            .await
    }

    pub(super) async fn attachments(&self) -> Result<Attachments, Refusal> {
        let posted = self.posted.all(Kind::Attachment).await?;
        let status = self.status();
        let attachments = read_all(&posted, attachment_from_toml)?.into_iter();
        Ok(Attachments {
            networkattachments: attachments.map(|it| as_it_is(it, &status)).collect(),
        })
    }

    pub(super) async fn attachment(&self, name: &str) -> Result<Attachment, Refusal> {
        let posted = self.posted.all(Kind::Attachment).await?;
        let attachment = read_one(&posted, name, attachment_from_toml)?;
        let attachment = attachment.ok_or_else(|| not_found(Kind::Attachment.noun(), name))?;
        Ok(as_it_is(attachment, &self.status()))
    }

    /// Puts a file in place and waits until what it asks for is done.
    async fn put(&self, path: &Path, text: String) -> Result<(), Refusal> {
        self.posted.put(path.to_owned(), text).await?;
        self.reload().await?;
        let status = self.status();
        let file = status.files.iter().find(|file| file.path == path);
        match file {
            Some(file) if file.state.is_broken() => {
                let message = format!("{} is not usable: {}", path.display(), file.state);
                self.take_back(path.to_owned()).await?;
                Err(Refusal::new(Code::Internal, message))
            }
            _ => Ok(()),
        }
    }

    async fn take_back(&self, path: PathBuf) -> Result<(), Refusal> {
        self.posted.remove(path).await?;
        self.reload().await
    }

    async fn reload(&self) -> Result<(), Refusal> {
        let by = BY.to_owned();
        self.state.ask(|done| Request::Reload { by, done }).await?;
        let settled = self.state.ask(|done| Request::Settle { done });
        // In time or not, what was asked for is in force.
        drop(timeout(PATIENCE, settled).await);
        Ok(())
    }

    fn status(&self) -> Arc<Status> {
        Arc::clone(&self.view().status)
    }

    fn view(&self) -> Arc<View> {
        self.state.view()
    }

    /// Whether a pool has a VF for one more network, or none at all as yet: then the network waits for them.
    fn has_place(&self, pool: &ResourceName, view: &View) -> Result<(), Refusal> {
        let mut policies = view.policies.policies.iter();
        let mut forming = policies
            .by_ref()
            .filter(|policy| policy.resource.as_ref() == Some(pool))
            .peekable();
        if forming.peek().is_none() {
            return Err(not_found(Kind::Resource.noun(), pool.as_str()));
        }
        let status = self.status();
        let has_vf = |network: &str| {
            let mut reports = status.networks.iter();
            reports.any(|report| report.name == network && report.vf.is_some())
        };
        let networks = view.policies.networks.iter();
        let taken = networks
            .filter(|it| it.resource.as_ref() == Some(pool) && has_vf(it.name.as_str()))
            .count();
        let mut is_to_come = || forming.any(|policy| policy.num_vfs != Some(NumVfs::Count(0)));
        match ready_vfs(pool, &pfs_of(view)) {
            0 if is_to_come() => Ok(()),
            ready if ready > taken => Ok(()),
            _ => Err(no_free_vf(pool.as_str())),
        }
    }

    fn is_posted(&self, origin: &Origin) -> bool {
        origin.file().is_some_and(|file| self.posted.holds(file))
    }

    /// Where an administrator has written of a policy or a pool of this name.
    fn origin_of_resource(&self, name: &str, view: &View) -> Option<Origin> {
        let mut policies = view.policies.policies.iter();
        let policy = policies.find(|policy| {
            let pool = policy.resource.as_ref().map(ResourceName::as_str);
            (policy.name.as_str() == name || pool == Some(name)) && !self.is_posted(&policy.origin)
        });
        policy.map(|policy| policy.origin.clone())
    }

    fn origin_of_network(&self, name: &str, view: &View) -> Option<Origin> {
        let mut networks = view.policies.networks.iter();
        let network = networks
            .find(|network| network.name.as_str() == name && !self.is_posted(&network.origin));
        network.map(|network| network.origin.clone())
    }
}

/// What cannot be read makes no short list.
fn read_all<T>(posted: &Entries, read: fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    let texts = posted.values().map(Entry::text);
    let read = texts.map(|text| text.map(read));
    Ok(read
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn read_one<T>(
    posted: &Entries,
    name: &str,
    read: fn(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let text = posted.get(name).map(Entry::text).transpose()?;
    Ok(text.and_then(read))
}

fn as_it_is(attachment: Attachment, status: &Status) -> Attachment {
    let mut networks = status.networks.iter();
    let report = networks.find(|report| report.name == attachment.name);
    attachment.with_device(report.and_then(|report| report.vf))
}

fn exists(what: &str) -> Refusal {
    Refusal::new(Code::AlreadyExists, format!("{what} already exists"))
}

fn already_exists(what: &str, origin: &Origin) -> Refusal {
    let message = format!("{what} already exists: in {origin}");
    Refusal::new(Code::AlreadyExists, message)
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("{what} id={name} not found"))
}

fn no_free_vf(pool: &str) -> Refusal {
    let message = format!("resource id={pool} has no free VFs");
    Refusal::new(Code::ResourceExhausted, message)
}
