//! gRPC.

mod connection;

use super::attachment::Attachment;
use super::proto::network_attachment_service_server::{
    NetworkAttachmentService, NetworkAttachmentServiceServer,
};
use super::proto::resource_service_server::{ResourceService, ResourceServiceServer};
use super::proto::{
    NetworkAttachment, NetworkAttachmentName, NetworkAttachments, Resource, ResourceConfig,
    ResourceConfigs, ResourceName, Resources,
};
use super::service::Service;
use super::{Listener, proto};
use anyhow::Context;
use connection::Connection;
use futures::Stream;
use pbjson_types::Empty;
use sriovd_wire::Peer;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Larger messages are not what was meant.
const MESSAGE_LIMIT: usize = 256 * 1024;
const CONNECTIONS: usize = 32;
const REQUESTS_OF_ONE: usize = 8;
/// A client that is gone without a word keeps its place no longer than this.
const STILL_THERE: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Out of descriptors or memory: there is no event for having them again.
const PAUSE: Duration = Duration::from_secs(1);

type Answer<T> = Result<Response<T>, Status>;

pub(super) async fn serve(listener: Listener, service: Service) -> anyhow::Result<Infallible> {
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure();
        builder.register_encoded_file_descriptor_set(proto::DESCRIPTORS)
    };
    let broken = "cannot describe vf-operator's API";
    let resources = ResourceServiceServer::new(service.clone());
    let attachments = NetworkAttachmentServiceServer::new(service);
    Server::builder()
        .http2_keepalive_interval(Some(STILL_THERE))
        .http2_keepalive_timeout(Some(ANSWER_WITHIN))
        .concurrency_limit_per_connection(REQUESTS_OF_ONE)
        .max_concurrent_streams(u32::try_from(REQUESTS_OF_ONE).ok())
        .add_service(resources.max_decoding_message_size(MESSAGE_LIMIT))
        .add_service(attachments.max_decoding_message_size(MESSAGE_LIMIT))
        .add_service(reflection().build_v1().context(broken)?)
        .add_service(reflection().build_v1alpha().context(broken)?)
        .serve_with_incoming(incoming(listener))
        .await
        .context("vf-operator's gRPC ended")?;
    anyhow::bail!("vf-operator's gRPC ended")
}

/// At most so many at a time; more wait in the socket's own queue. An error would end the server.
fn incoming(listener: Listener) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    futures::stream::unfold((listener, places), async |(listener, places)| {
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                Err(_) => sleep(PAUSE).await,
            }
        };
        let connection = Connection {
            stream,
            peer,
            _place: place,
        };
        Some((Ok(connection), (listener, places)))
    })
}

/// What is asked, of somebody who may change something.
async fn allowed<T>(service: &Service, asked: Request<T>) -> Result<T, Status> {
    let peer = asked.extensions().get().unwrap_or(&Peer::Unknown);
    service.may_change(peer).await?;
    Ok(asked.into_inner())
}

#[tonic::async_trait]
impl ResourceService for Service {
    async fn create_resource_config(&self, asked: Request<ResourceConfig>) -> Answer<Resource> {
        let config = allowed(self, asked).await?;
        Ok(Response::new(self.create_resource(config).await?))
    }

    async fn delete_resource_config(&self, asked: Request<ResourceName>) -> Answer<Empty> {
        let ResourceName { name } = allowed(self, asked).await?;
        self.delete_resource(name).await?;
        Ok(Response::new(Empty {}))
    }

    async fn get_all_resource_configs(&self, _: Request<Empty>) -> Answer<ResourceConfigs> {
        Ok(Response::new(self.resource_configs().await?))
    }

    async fn get_resource_config(&self, asked: Request<ResourceName>) -> Answer<ResourceConfig> {
        Ok(Response::new(
            self.resource_config(&asked.into_inner().name).await?,
        ))
    }

    async fn get_all_resources(&self, _: Request<Empty>) -> Answer<Resources> {
        Ok(Response::new(self.resources().await?))
    }

    async fn get_resource(&self, asked: Request<ResourceName>) -> Answer<Resource> {
        Ok(Response::new(
            self.resource(&asked.into_inner().name).await?,
        ))
    }
}

#[tonic::async_trait]
impl NetworkAttachmentService for Service {
    async fn create_network_attachment(&self, asked: Request<NetworkAttachment>) -> Answer<Empty> {
        let attachment = Attachment::try_from(allowed(self, asked).await?)?;
        self.create_attachment(attachment).await?;
        Ok(Response::new(Empty {}))
    }

    async fn delete_network_attachment(
        &self,
        asked: Request<NetworkAttachmentName>,
    ) -> Answer<Empty> {
        let NetworkAttachmentName { name } = allowed(self, asked).await?;
        self.delete_attachment(name).await?;
        Ok(Response::new(Empty {}))
    }

    async fn get_all_network_attachments(&self, _: Request<Empty>) -> Answer<NetworkAttachments> {
        let attachments = self.attachments().await?.networkattachments.into_iter();
        Ok(Response::new(NetworkAttachments {
            networkattachments: attachments.map(NetworkAttachment::from).collect(),
        }))
    }

    async fn get_network_attachment(
        &self,
        asked: Request<NetworkAttachmentName>,
    ) -> Answer<NetworkAttachment> {
        let attachment = self.attachment(&asked.into_inner().name).await?;
        Ok(Response::new(attachment.into()))
    }
}
