//! The device nodes that a container needs of a VF beside its network: a table of paths, read by the Container Device Interface
//! and by the device plugin of Kubernetes.

use super::DriverName;
use std::borrow::Cow;

/// A node in `/dev`, to be read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNode {
    /// Where it is in the container.
    pub path: Cow<'static, str>,
    /// Where it is on the host, if that is elsewhere.
    pub host_path: Option<String>,
}

impl DeviceNode {
    fn at(path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: path.into(),
            host_path: None,
        }
    }

    /// Where it is on the host.
    pub fn on_host(&self) -> &str {
        self.host_path.as_deref().unwrap_or(&self.path)
    }
}

/// What of a VF a program can open, and what its policy gives to containers.
#[derive(Debug, Clone, Copy)]
pub struct Openable<'a> {
    /// The driver that is bound.
    pub driver: Option<&'a DriverName>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
    /// The group is one of VFIO's no-IOMMU mode.
    pub no_iommu: bool,
    /// Its RDMA devices, such as `uverbs0`.
    pub rdma: &'a [String],
    /// Containers get its RDMA devices.
    pub is_rdma: bool,
    /// Containers get `/dev/vhost-net` and `/dev/net/tun`.
    pub need_vhost_net: bool,
}

impl Openable<'_> {
    /// In the order in which they are given: VFIO's, those of virtual networks, RDMA's.
    pub fn nodes(&self) -> Vec<DeviceNode> {
        let mut nodes = self.vfio();
        nodes.extend(self.vhost_net());
        nodes.extend(self.rdma());
        nodes
    }

    /// VFIO's own node, and that of the group. None without a driver of VFIO.
    pub fn vfio(&self) -> Vec<DeviceNode> {
        let is_vfio = self.driver.is_some_and(DriverName::is_vfio);
        let Some(group) = self.iommu_group.filter(|_| is_vfio) else {
            return Vec::new();
        };
        let without_iommu = || format!("/dev/vfio/noiommu-{group}");
        let group = DeviceNode {
            host_path: self.no_iommu.then(without_iommu),
            ..DeviceNode::at(format!("/dev/vfio/{group}"))
        };
        vec![DeviceNode::at("/dev/vfio/vfio"), group]
    }

    /// Where the policy gives them.
    pub fn vhost_net(&self) -> Vec<DeviceNode> {
        match self.need_vhost_net {
            true => ["/dev/vhost-net", "/dev/net/tun"]
                .map(DeviceNode::at)
                .into(),
            false => Vec::new(),
        }
    }

    /// Where the policy gives them and there are some.
    pub fn rdma(&self) -> Vec<DeviceNode> {
        if !self.is_rdma || self.rdma.is_empty() {
            return Vec::new();
        }
        // The connection manager is one for all.
        let mut nodes = vec![DeviceNode::at("/dev/infiniband/rdma_cm")];
        let own = self.rdma.iter();
        nodes.extend(own.map(|name| DeviceNode::at(format!("/dev/infiniband/{name}"))));
        nodes
    }
}
