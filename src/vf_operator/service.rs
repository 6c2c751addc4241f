//! What the API does, whichever way it is asked.

use super::attachment::with_device;
use super::config::{
    attachment_from_toml, attachment_to_toml, resource_from_toml, resource_to_toml,
};
use super::posted::{Kind, Posted};
use super::proto::{
    NetworkAttachment, NetworkAttachments, Resource, ResourceConfig, ResourceConfigs, Resources,
};
use super::refusal::Refusal;
use super::resource::{Pfs, ready_vfs, resource};
use crate::api::{Request, State, Stopping, View};
use crate::model::ResourceName;
use crate::policy::Source;
use crate::report::Status;
use std::path::Path;
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

impl Service {
    pub(super) fn new(directory: std::path::PathBuf, state: State) -> Self {
        Self {
            state,
            posted: Posted::new(directory),
            changing: Arc::default(),
        }
    }

    pub(super) async fn create_resource(
        &self,
        config: ResourceConfig,
    ) -> Result<Resource, Refusal> {
        let _one_at_a_time = self.changing.lock().await;
        let text = resource_to_toml(&config)?;
        let name = config.name.as_str();
        if let Some(source) = self.source_of_resource(name).await? {
            return Err(already_exists(&format!("resource id={name}"), &source));
        }
        if self.posted.all(Kind::Resource).await?.contains_key(name) {
            return Err(exists(&format!("resource id={name}")));
        }
        self.put(Kind::Resource, name, text).await?;
        Ok(resource(&config, &self.pfs().await?))
    }

    pub(super) async fn delete_resource(&self, name: &str) -> Result<(), Refusal> {
        let _one_at_a_time = self.changing.lock().await;
        self.resource_config(name).await?;
        self.posted.remove(Kind::Resource, name).await?;
        self.reload().await
    }

    pub(super) async fn resource_configs(&self) -> Result<ResourceConfigs, Refusal> {
        let texts = self.posted.all(Kind::Resource).await?;
        let configs = texts.values().filter_map(|text| resource_from_toml(text));
        Ok(ResourceConfigs {
            resource_configs: configs.collect(),
        })
    }

    pub(super) async fn resource_config(&self, name: &str) -> Result<ResourceConfig, Refusal> {
        let texts = self.posted.all(Kind::Resource).await?;
        let text = texts.get(name);
        let config = text.and_then(|text| resource_from_toml(text));
        config.ok_or_else(|| not_found("resource", name))
    }

    pub(super) async fn resources(&self) -> Result<Resources, Refusal> {
        let configs = self.resource_configs().await?.resource_configs;
        let pfs = self.pfs().await?;
        let resources = configs.iter().map(|config| resource(config, &pfs));
        Ok(Resources {
            resources: resources.collect(),
        })
    }

    pub(super) async fn resource(&self, name: &str) -> Result<Resource, Refusal> {
        let config = self.resource_config(name).await?;
        Ok(resource(&config, &self.pfs().await?))
    }

    pub(super) async fn create_attachment(
        &self,
        attachment: NetworkAttachment,
    ) -> Result<(), Refusal> {
        let _one_at_a_time = self.changing.lock().await;
        let text = attachment_to_toml(&attachment)?;
        let name = attachment.name.as_str();
        if let Some(source) = self.source_of_network(name).await? {
            let what = format!("network attachment id={name}");
            return Err(already_exists(&what, &source));
        }
        if self.posted.all(Kind::Attachment).await?.contains_key(name) {
            return Err(exists(&format!("network attachment id={name}")));
        }
        let pool = attachment.resource_name.as_str();
        if pool.is_empty() {
            return self.put(Kind::Attachment, name, text).await;
        }
        self.find_free_vf(pool).await?;
        self.put(Kind::Attachment, name, text).await?;
        let has_vf = |status: &Status| {
            let mut networks = status.networks.iter();
            networks.any(|network| network.name == name && network.vf.is_some())
        };
        if !has_vf(&self.status()) {
            // Somebody else took it meanwhile.
            self.posted.remove(Kind::Attachment, name).await?;
            self.reload().await?;
            return Err(no_free_vf(pool));
        }
        Ok(())
    }

    pub(super) async fn delete_attachment(&self, name: &str) -> Result<(), Refusal> {
        let _one_at_a_time = self.changing.lock().await;
        self.attachment(name).await?;
        self.posted.remove(Kind::Attachment, name).await?;
        self.reload().await
    }

    pub(super) async fn attachments(&self) -> Result<NetworkAttachments, Refusal> {
        let texts = self.posted.all(Kind::Attachment).await?;
        let status = self.status();
        let attachments = texts.values().filter_map(|text| attachment_from_toml(text));
        Ok(NetworkAttachments {
            networkattachments: attachments.map(|it| as_it_is(it, &status)).collect(),
        })
    }

    pub(super) async fn attachment(&self, name: &str) -> Result<NetworkAttachment, Refusal> {
        let texts = self.posted.all(Kind::Attachment).await?;
        let text = texts.get(name);
        let attachment = text.and_then(|text| attachment_from_toml(text));
        let attachment = attachment.ok_or_else(|| not_found("network attachment", name))?;
        Ok(as_it_is(attachment, &self.status()))
    }

    /// Puts a file in place and waits until what it asks for is done.
    async fn put(&self, kind: Kind, name: &str, text: String) -> Result<(), Refusal> {
        self.posted.put(kind, name, text).await?;
        self.reload().await?;
        let path = self.posted.path(kind, name);
        let status = self.status();
        let file = status.files.iter().find(|file| file.path == path);
        match file {
            Some(file) if file.state.is_broken() => {
                let path = path.display();
                let message = format!("{path} is not usable: {}", file.state);
                self.posted.remove(kind, name).await?;
                self.reload().await?;
                Err(Refusal::new(Code::Internal, message))
            }
            _ => Ok(()),
        }
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
        Arc::clone(&self.state.status.borrow())
    }

    async fn view(&self) -> Result<View, Refusal> {
        Ok(self.state.ask(|reply| Request::View { reply }).await?)
    }

    async fn pfs(&self) -> Result<Pfs, Refusal> {
        Ok(self.view().await?.seen)
    }

    async fn find_free_vf(&self, pool: &str) -> Result<(), Refusal> {
        let unknown = || not_found("resource", pool);
        let name: ResourceName = pool.parse().map_err(|_| unknown())?;
        let view = self.view().await?;
        if !view.policies.resources().contains(&name) {
            return Err(unknown());
        }
        let status = self.status();
        let mut networks = view.policies.networks.iter();
        let has_vf = |network: &str| {
            let mut reports = status.networks.iter();
            reports.any(|report| report.name == network && report.vf.is_some())
        };
        let taken = networks
            .by_ref()
            .filter(|it| it.resource.as_ref() == Some(&name) && has_vf(it.name.as_str()))
            .count();
        match ready_vfs(&name, &view.seen) > taken {
            true => Ok(()),
            false => Err(no_free_vf(pool)),
        }
    }

    /// Where an administrator has written of a policy or a pool of this name.
    async fn source_of_resource(&self, name: &str) -> Result<Option<Source>, Refusal> {
        let view = self.view().await?;
        let mut policies = view.policies.policies.iter();
        let policy = policies.find(|policy| {
            let pool = policy.resource.as_ref().map(ResourceName::as_str);
            (policy.name.as_str() == name || pool == Some(name))
                && policy.source.file != self.posted.path(Kind::Resource, name)
        });
        Ok(policy.map(|policy| policy.source.clone()))
    }

    async fn source_of_network(&self, name: &str) -> Result<Option<Source>, Refusal> {
        let view = self.view().await?;
        let mut networks = view.policies.networks.iter();
        let network = networks.find(|network| {
            let file: &Path = &network.source.file;
            network.name.as_str() == name && file != self.posted.path(Kind::Attachment, name)
        });
        Ok(network.map(|network| network.source.clone()))
    }
}

fn as_it_is(attachment: NetworkAttachment, status: &Status) -> NetworkAttachment {
    let mut networks = status.networks.iter();
    let report = networks.find(|report| report.name == attachment.name);
    with_device(attachment, report.and_then(|report| report.vf))
}

fn exists(what: &str) -> Refusal {
    Refusal::new(Code::AlreadyExists, format!("{what} already exists"))
}

fn already_exists(what: &str, source: &Source) -> Refusal {
    let Source { file, line } = source;
    let message = format!("{what} already exists: in {}:{line}", file.display());
    Refusal::new(Code::AlreadyExists, message)
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("{what} id={name} not found"))
}

fn no_free_vf(pool: &str) -> Refusal {
    let message = format!("resource id={pool} has no free VFs");
    Refusal::new(Code::ResourceExhausted, message)
}
