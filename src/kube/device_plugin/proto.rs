//! Made of the files in `proto` by `build.rs`.
#![expect(unreachable_pub, reason = "nobody wrote it")]

/// kubelet and device plugins.
pub(super) mod plugin {
    tonic::include_proto!("v1beta1");
}

/// kubelet and who asks it for the devices of pods.
pub(super) mod pods {
    tonic::include_proto!("v1");
}

/// kubelet and what it finds in its directory of plugins.
pub(super) mod registration {
    tonic::include_proto!("pluginregistration");
}
