//! What kubelet asks of one resource.

use super::allocated::Allocated;
use super::answer::{self, Refusal};
use super::info::DeviceInfo;
use super::journal::say;
use super::offer::{Devices, Offer, Resource};
use super::prefer::prefer;
use super::proto::plugin::device_plugin_server::DevicePlugin;
use super::proto::plugin::{
    AllocateRequest, AllocateResponse, CdiDevice, ContainerPreferred, ContainerResponse, Device,
    DeviceList, DevicePluginOptions, DeviceSpec, Empty, NumaNode, PreStartContainerRequest,
    PreStartContainerResponse, PreferredAllocationRequest, PreferredAllocationResponse, Topology,
};
use super::settings::PluginSettings;
use futures::stream::{BoxStream, StreamExt as _, unfold};
use std::sync::Arc;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

const HEALTHY: &str = "Healthy";
const UNHEALTHY: &str = "Unhealthy";

/// What is asked for before a container starts, and which VFs it should get.
pub(super) const OPTIONS: DevicePluginOptions = DevicePluginOptions {
    pre_start_required: true,
    get_preferred_allocation_available: true,
};

/// Answers for one resource.
#[derive(Debug, Clone)]
pub(super) struct ResourceServer {
    pub(super) resource: Resource,
    pub(super) offers: watch::Receiver<Arc<Offer>>,
    pub(super) settings: Arc<PluginSettings>,
    pub(super) info: DeviceInfo,
    pub(super) allocated: Allocated,
}

type Answer<T> = Result<Response<T>, Status>;

impl ResourceServer {
    fn devices(&self) -> Devices {
        let offer = self.offers.borrow();
        offer
            .resources
            .get(&self.resource)
            .cloned()
            .unwrap_or_default()
    }

    fn list(&self) -> Vec<Device> {
        let offer = self.offers.borrow();
        let devices = offer.resources.get(&self.resource).into_iter().flatten();
        devices.map(|(_, device)| listed(device)).collect()
    }
}

fn listed(device: &super::offer::Device) -> Device {
    let health = match device.sickness() {
        None => HEALTHY,
        Some(_) => UNHEALTHY,
    };
    let node = |node: u16| NumaNode { id: node.into() };
    Device {
        id: device.vf.address.to_string(),
        health: health.to_owned(),
        topology: device.topology().map(|it| Topology {
            nodes: vec![node(it)],
        }),
    }
}

fn refused(refusal: &Refusal) -> Status {
    say(&refusal.to_string());
    Status::failed_precondition(refusal.to_string())
}

fn unrecorded(error: &anyhow::Error) -> Status {
    let what = format!("{error:#}");
    say(&what);
    Status::unavailable(what)
}

#[tonic::async_trait]
impl DevicePlugin for ResourceServer {
    async fn get_device_plugin_options(&self, _: Request<Empty>) -> Answer<DevicePluginOptions> {
        Ok(Response::new(OPTIONS))
    }

    type ListAndWatchStream = BoxStream<'static, Result<DeviceList, Status>>;

    /// The list, and again whenever it is another one.
    async fn list_and_watch(&self, _: Request<Empty>) -> Answer<Self::ListAndWatchStream> {
        let lists = unfold((self.clone(), None), async |(mut plugin, last)| {
            loop {
                plugin.offers.borrow_and_update();
                let devices = plugin.list();
                if last.as_ref() != Some(&devices) {
                    let list = DeviceList {
                        devices: devices.clone(),
                    };
                    return Some((Ok(list), (plugin, Some(devices))));
                }
                plugin.offers.changed().await.ok()?;
            }
        });
        Ok(Response::new(lists.boxed()))
    }

    async fn get_preferred_allocation(
        &self,
        asked: Request<PreferredAllocationRequest>,
    ) -> Answer<PreferredAllocationResponse> {
        let devices = self.devices();
        let asked = asked.into_inner().container_requests.into_iter();
        let preferred = asked.map(|container| {
            let chosen = prefer(
                &devices,
                &container.available_device_ids,
                &container.must_include_device_ids,
                usize::try_from(container.allocation_size).unwrap_or(0),
                self.settings.spread(),
            );
            ContainerPreferred {
                device_ids: chosen.iter().map(ToString::to_string).collect(),
            }
        });
        Ok(Response::new(PreferredAllocationResponse {
            container_responses: preferred.collect(),
        }))
    }

    async fn allocate(&self, asked: Request<AllocateRequest>) -> Answer<AllocateResponse> {
        let devices = self.devices();
        let mut responses = Vec::new();
        for container in asked.into_inner().container_requests {
            let chosen = answer::chosen(&self.resource, &devices, &container.device_ids)
                .map_err(|refusal| refused(&refusal))?;
            let vfs: Vec<_> = chosen.iter().map(|it| it.vf.address).collect();
            let added = self
                .allocated
                .add(&self.resource, vfs.iter().copied().collect());
            added.await.map_err(|error| unrecorded(&error))?;
            if let Err(error) = self.info.write(&self.resource, vfs).await {
                // It only adds to what multus tells of the pod.
                say(&format!("{error:#}"));
            }
            let given = answer::answer(&self.resource, &chosen, self.settings.nodes());
            responses.push(response(given));
        }
        Ok(Response::new(AllocateResponse {
            container_responses: responses,
        }))
    }

    async fn pre_start_container(
        &self,
        asked: Request<PreStartContainerRequest>,
    ) -> Answer<PreStartContainerResponse> {
        let ids = asked.into_inner().device_ids;
        let judged = answer::may_start(&self.resource, &self.devices(), &ids);
        judged.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(PreStartContainerResponse {}))
    }
}

fn response(given: answer::Answer) -> ContainerResponse {
    let nodes = given.nodes.into_iter().map(|node| DeviceSpec {
        host_path: node.on_host().to_owned(),
        container_path: node.path.into_owned(),
        permissions: "rw".to_owned(),
    });
    let cdi = given.cdi.into_iter().map(|name| CdiDevice { name });
    ContainerResponse {
        envs: given.envs.into_iter().collect(),
        devices: nodes.collect(),
        cdi_devices: cdi.collect(),
    }
}
