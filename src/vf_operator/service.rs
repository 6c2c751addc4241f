//! What the API does, whichever way it is asked.

use super::agent::{Agent, Network, Policy, is_posted};
use super::attachment::{Attachment, Attachments};
use super::config::{attachment_of, attachment_to_item, resource_of, resource_to_item};
use super::posted::{Posted, is_in_force, not_found, noun};
use super::proto::{Resource, ResourceConfig, ResourceConfigs, Resources};
use super::refusal::Refusal;
use super::resource::{is_accepted, ready_vfs, refusals, resource};
use sriovd_core::model::ResourceName;
use sriovd_core::model::world::World;
use sriovd_core::policy::source::ItemKind;
use sriovd_core::policy::{NumVfs, Origin};
use sriovd_wire::Peer;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use tonic::Code;

const RESOURCE: ItemKind = ItemKind::Policy;
const ATTACHMENT: ItemKind = ItemKind::Network;

#[derive(Debug, Clone)]
pub(super) struct Service {
    agent: Agent,
    admin_group: Option<Arc<str>>,
    /// One change at a time: what is free for one is not for two.
    changing: Arc<Mutex<()>>,
}

impl Service {
    /// `socket` is where the agent answers.
    pub(super) fn new(socket: PathBuf, admin_group: Option<String>) -> Self {
        Self {
            agent: Agent::new(socket),
            admin_group: admin_group.map(Arc::from),
            changing: Arc::default(),
        }
    }

    /// Whether somebody may post and delete.
    pub(super) async fn may_change(&self, peer: &Peer) -> Result<(), Refusal> {
        if *peer == Peer::Local {
            return Ok(());
        }
        let allowed = peer.ask_to_change(self.admin_group.as_deref()).await;
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
        let item = resource_to_item(&config)?;
        let name = config.name.as_str();
        if let Some(origin) = origin_of_resource(name, &self.agent.policies().await?) {
            return Err(already_exists(RESOURCE, name, &origin));
        }
        let before = self.agent.world().await?;
        let posted = self.agent.posted().await?;
        if posted.find(RESOURCE, name).is_ok() {
            return Err(exists(RESOURCE, name));
        }
        // What it would take the place of stays untouched where it cannot.
        let changed = posted.with(RESOURCE, item);
        is_accepted(name, &self.agent.foresee(&changed).await?, &before)?;
        self.put(RESOURCE, name, &changed, &posted).await?;
        let world = self.agent.world().await?;
        if let Err(refusal) = is_accepted(name, &refusals(&config, &world), &before) {
            // Somebody has begun to use a VF meanwhile.
            self.agent.put(&posted).await?;
            return Err(refusal);
        }
        Ok(resource(&config, &world))
    }

    pub(super) async fn delete_resource(&self, name: String) -> Result<(), Refusal> {
        self.change(|this| async move { this.delete(RESOURCE, &name).await })
            .await
    }

    async fn delete(&self, kind: ItemKind, name: &str) -> Result<(), Refusal> {
        let posted = self.agent.posted().await?;
        self.agent.put(&posted.without(kind, name)?).await.map(drop)
    }

    pub(super) async fn resource_configs(&self) -> Result<ResourceConfigs, Refusal> {
        let posted = self.agent.posted().await?;
        let configs = posted.all(RESOURCE).into_iter().filter_map(resource_of);
        Ok(ResourceConfigs {
            resource_configs: configs.collect(),
        })
    }

    pub(super) async fn resource_config(&self, name: &str) -> Result<ResourceConfig, Refusal> {
        let posted = self.agent.posted().await?;
        let found = resource_of(posted.find(RESOURCE, name)?);
        found.ok_or_else(|| not_found(noun(RESOURCE), name))
    }

    pub(super) async fn resources(&self) -> Result<Resources, Refusal> {
        let configs = self.resource_configs().await?.resource_configs;
        let world = self.agent.world().await?;
        let resources = configs.iter().map(|config| resource(config, &world));
        Ok(Resources {
            resources: resources.collect(),
        })
    }

    pub(super) async fn resource(&self, name: &str) -> Result<Resource, Refusal> {
        let config = self.resource_config(name).await?;
        Ok(resource(&config, &self.agent.world().await?))
    }

    pub(super) async fn create_attachment(&self, attachment: Attachment) -> Result<(), Refusal> {
        self.change(|this| async move { this.post_attachment(attachment).await })
            .await
    }

    async fn post_attachment(&self, attachment: Attachment) -> Result<(), Refusal> {
        let item = attachment_to_item(&attachment)?;
        let name = attachment.name.as_str();
        let networks = self.agent.networks().await?;
        let mut others = networks.iter().filter(|it| !is_posted(&it.origin));
        if let Some(other) = others.find(|network| network.name == name) {
            return Err(already_exists(ATTACHMENT, name, &other.origin));
        }
        let posted = self.agent.posted().await?;
        if posted.find(ATTACHMENT, name).is_ok() {
            return Err(exists(ATTACHMENT, name));
        }
        let changed = posted.with(ATTACHMENT, item);
        let pool = attachment.resource_name.as_str();
        if pool.is_empty() {
            return self.put(ATTACHMENT, name, &changed, &posted).await;
        }
        let resource: ResourceName = pool.parse().map_err(|_| not_found(noun(RESOURCE), pool))?;
        let policies = self.agent.policies().await?;
        has_place(&resource, &policies, &networks, &self.agent.world().await?)?;
        self.put(ATTACHMENT, name, &changed, &posted).await?;
        let networks = self.agent.networks().await?;
        let mut mine = networks.iter().filter(|network| network.name == name);
        let has_vf = mine.any(|network| network.vf.is_some());
        if !has_vf && ready_vfs(&resource, &self.agent.world().await?) > 0 {
            // Somebody else took it meanwhile.
            self.agent.put(&posted).await?;
            return Err(no_free_vf(pool));
        }
        Ok(())
    }

    pub(super) async fn delete_attachment(&self, name: String) -> Result<(), Refusal> {
        self.change(|this| async move { this.delete(ATTACHMENT, &name).await })
            .await
    }

    pub(super) async fn attachments(&self) -> Result<Attachments, Refusal> {
        let posted = self.agent.posted().await?;
        let networks = self.agent.networks().await?;
        let attachments = posted.all(ATTACHMENT).into_iter();
        let attachments = attachments.filter_map(attachment_of);
        Ok(Attachments {
            networkattachments: attachments.map(|it| as_it_is(it, &networks)).collect(),
        })
    }

    pub(super) async fn attachment(&self, name: &str) -> Result<Attachment, Refusal> {
        let posted = self.agent.posted().await?;
        let attachment = attachment_of(posted.find(ATTACHMENT, name)?);
        let attachment = attachment.ok_or_else(|| not_found(noun(ATTACHMENT), name))?;
        Ok(as_it_is(attachment, &self.agent.networks().await?))
    }

    /// Puts all of it and waits until what the new one asks for is done. `before` is put again where it has no effect.
    async fn put(
        &self,
        kind: ItemKind,
        name: &str,
        posted: &Posted,
        before: &Posted,
    ) -> Result<(), Refusal> {
        let put = self.agent.put(posted).await;
        let (code, why) = match put.map(|report| is_in_force(&report, kind, name)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => (Code::Internal, why),
            // It may have been kept before the answer was lost.
            Err(refusal) => (refusal.code, refusal.message),
        };
        self.agent.put(before).await?;
        let message = format!("{} id={name} has no effect: {why}", noun(kind));
        Err(Refusal::new(code, message))
    }
}

/// Whether a pool has a VF for one more network, or none at all as yet: then the network waits for them.
fn has_place(
    pool: &ResourceName,
    policies: &[Policy],
    networks: &[Network],
    world: &World,
) -> Result<(), Refusal> {
    let forms = |policy: &&Policy| policy.resource.as_ref() == Some(pool);
    let mut forming = policies.iter().filter(forms).peekable();
    if forming.peek().is_none() {
        return Err(not_found(noun(RESOURCE), pool.as_str()));
    }
    let is_of_pool = |network: &&Network| network.resource.as_deref() == Some(pool.as_str());
    let has_vf = |network: &&Network| network.vf.is_some();
    let taken = networks.iter().filter(is_of_pool).filter(has_vf).count();
    let mut is_to_come = || forming.any(|policy| policy.num_vfs != Some(NumVfs::Count(0)));
    match ready_vfs(pool, world) {
        0 if is_to_come() => Ok(()),
        ready if ready > taken => Ok(()),
        _ => Err(no_free_vf(pool.as_str())),
    }
}

/// Where somebody else has written of a policy or a pool of this name.
fn origin_of_resource(name: &str, policies: &[Policy]) -> Option<Origin> {
    let policy = policies.iter().find(|policy| {
        let pool = policy.resource.as_ref().map(ResourceName::as_str);
        (policy.name == name || pool == Some(name)) && !is_posted(&policy.origin)
    });
    policy.map(|policy| policy.origin.clone())
}

fn as_it_is(attachment: Attachment, networks: &[Network]) -> Attachment {
    let mut networks = networks.iter();
    let network = networks.find(|network| network.name == attachment.name);
    attachment.with_device(network.and_then(|network| network.vf))
}

fn exists(kind: ItemKind, name: &str) -> Refusal {
    let message = format!("{} id={name} already exists", noun(kind));
    Refusal::new(Code::AlreadyExists, message)
}

fn already_exists(kind: ItemKind, name: &str, origin: &Origin) -> Refusal {
    let message = format!("{} id={name} already exists: in {origin}", noun(kind));
    Refusal::new(Code::AlreadyExists, message)
}

fn no_free_vf(pool: &str) -> Refusal {
    let message = format!("resource id={pool} has no free VFs");
    Refusal::new(Code::ResourceExhausted, message)
}
