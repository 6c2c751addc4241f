//! Who may change something, whichever way it is asked.

use super::proto::resource_service_server::ResourceService;
use super::proto::{ResourceConfig, ResourceName};
use super::rest::MayChange;
use super::service::Service;
use axum::extract::FromRequestParts;
use axum::http;
use sriovd_wire::Peer;
use tonic::Code;

/// Where no agent answers: who may change something learns that.
fn service(admin_group: &str) -> Service {
    Service::new("/nonexistent".into(), Some(admin_group.to_owned()))
}

const STRANGER: Peer = Peer::User {
    uid: 4_000_000,
    gid: 4_000_000,
};

#[tokio::test]
async fn on_a_socket_only_those_may_change_something_who_may_on_the_agents_own() {
    let group = nix::unistd::Group::from_name("daemon").unwrap().unwrap();
    let member = Peer::User {
        uid: 4_000_000,
        gid: group.gid.as_raw(),
    };
    let root = Peer::User { uid: 0, gid: 0 };
    let service = service("daemon");
    for (peer, may) in [
        (Some(root), true),
        (Some(member), true),
        (Some(Peer::Local), true),
        (Some(STRANGER), false),
        (Some(Peer::Unknown), false),
        (None, false),
    ] {
        let code = if may {
            Code::Unavailable
        } else {
            Code::PermissionDenied
        };
        let config = ResourceConfig {
            name: "a".to_owned(),
            num_vfs: 1,
            ..ResourceConfig::default()
        };
        let refused = service.create_resource_config(asked(config, peer.as_ref()));
        assert_eq!(refused.await.unwrap_err().code(), code, "{peer:?}");
        let name = ResourceName {
            name: "a".to_owned(),
        };
        let refused = service.delete_resource_config(asked(name, peer.as_ref()));
        assert_eq!(refused.await.unwrap_err().code(), code, "{peer:?}");

        let mut request = http::Request::builder().header("host", "localhost");
        if let Some(peer) = &peer {
            request = request.extension(peer.clone());
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let allowed = MayChange::from_request_parts(&mut parts, &service).await;
        assert_eq!(allowed.is_ok(), may, "{peer:?}");
    }
}

fn asked<T>(message: T, peer: Option<&Peer>) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer.clone());
    }
    request
}

#[tokio::test]
async fn who_may_only_read_is_told_who_may_change() {
    let refused = service("netadmin").may_change(&STRANGER).await.unwrap_err();
    let message = "user 4000000 may read; changing is for root and the group netadmin";
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::PermissionDenied, message)
    );
}
