//! An attachment as it is on this host: what was posted, with the VF that it was given. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::proto::NetworkAttachment;
use crate::model::PciAddress;
use pbjson_types::value::Kind;
use pbjson_types::{Struct, Value};

/// The plugin that takes the VF is the first, as in the file for container runtimes.
pub(super) fn with_device(
    mut attachment: NetworkAttachment,
    device: Option<PciAddress>,
) -> NetworkAttachment {
    if let (Some(device), Some(config)) = (device, &mut attachment.config)
        && let Some(plugin) = first_plugin(config)
    {
        let device = Value {
            kind: Some(Kind::StringValue(device.to_string())),
        };
        plugin.fields.insert("deviceID".to_owned(), device);
    }
    attachment
}

/// A configuration without a list of plugins is one itself.
fn first_plugin(config: &mut Struct) -> Option<&mut Struct> {
    if !config.fields.contains_key("plugins") {
        return Some(config);
    }
    let plugins = config.fields.get_mut("plugins")?.kind.as_mut()?;
    let Kind::ListValue(plugins) = plugins else {
        return None;
    };
    match plugins.values.first_mut()?.kind.as_mut()? {
        Kind::StructValue(plugin) => Some(plugin),
        _ => None,
    }
}
