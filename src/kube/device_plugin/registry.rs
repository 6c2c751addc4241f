//! What kubelet asks of a socket that it has found in its directory of plugins.

use super::journal::say;
use super::offer::Resource;
use super::proto::registration::registration_server::Registration;
use super::proto::registration::{
    InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse,
};
use std::path::PathBuf;
use tonic::{Request, Response, Status};

/// kubelet's name for what a device plugin is.
const TYPE: &str = "DevicePlugin";

/// The version of the protocol between kubelet and device plugins.
pub(super) const VERSION: &str = "v1beta1";

/// A resource and the socket that serves it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) resource: Resource,
    pub(super) socket: PathBuf,
}

#[tonic::async_trait]
impl Registration for Found {
    async fn get_info(&self, _: Request<InfoRequest>) -> Result<Response<PluginInfo>, Status> {
        Ok(Response::new(PluginInfo {
            r#type: TYPE.to_owned(),
            name: self.resource.to_string(),
            endpoint: self.socket.display().to_string(),
            supported_versions: vec![VERSION.to_owned()],
        }))
    }

    async fn notify_registration_status(
        &self,
        asked: Request<RegistrationStatus>,
    ) -> Result<Response<RegistrationStatusResponse>, Status> {
        let status = asked.into_inner();
        match status.plugin_registered {
            true => say(&format!("kubelet has resource {}", self.resource)),
            // It tries again.
            false => say(&format!(
                "kubelet does not take resource {}: {}",
                self.resource, status.error
            )),
        }
        Ok(Response::new(RegistrationStatusResponse {}))
    }
}
