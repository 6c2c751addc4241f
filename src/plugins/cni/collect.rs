//! GC: what the runtime does not know any more comes back.

use super::error::{CniError, Code, chain};
use super::log::{Level, Log};
use super::plugin::Plugin;
use crate::attach::{self, AttachError};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    #[serde(rename = "containerID")]
    container: String,
    ifname: String,
}

impl Attachment {
    fn record_of_sriov_cni(&self) -> String {
        format!("{}-{}", self.container, self.ifname)
    }
}

pub(super) fn collect(plugin: &Plugin, log: &mut Log) -> Result<String, CniError> {
    let valid = plugin.header.raw.get("cni.dev/valid-attachments");
    let valid: Vec<Attachment> = serde_json::from_value(valid.cloned().unwrap_or_default())
        .or_else(|error| match valid.is_none_or(Value::is_null) {
            true => Ok(Vec::new()),
            false => Err(CniError::new(
                Code::InvalidConfig,
                format!("\"cni.dev/valid-attachments\": {error}"),
            )),
        })?;
    let mut failed = Vec::new();
    let allocations = plugin.allocator.allocations();
    for allocation in allocations.map_err(|error| CniError::attaching(&error))? {
        let container = &allocation.container;
        let attachment = Attachment {
            container: container.id.clone(),
            ifname: container.interface.to_string(),
        };
        if container.network != plugin.header.name || valid.contains(&attachment) {
            continue;
        }
        match attach::release_this(&plugin.allocator, &allocation) {
            Ok(released) => {
                let troubles = released.into_iter().flat_map(|it| it.troubles);
                troubles.for_each(|trouble| log.write(Level::Warning, &trouble));
            }
            Err(error) => failed.push(chain(&error)),
        }
    }
    let names: Vec<_> = valid.iter().map(Attachment::record_of_sriov_cni).collect();
    let is_valid = |name: &str| names.iter().any(|valid| valid == name);
    for theirs in attach::collect_theirs(&plugin.allocator, &plugin.header.name, is_valid) {
        match theirs {
            Ok(released) => {
                let troubles = released.troubles.iter();
                troubles.for_each(|trouble| log.write(Level::Warning, trouble));
            }
            // Whose it is cannot be told, now or later.
            Err(error @ AttachError::Theirs { .. }) => log.write(Level::Warning, &chain(&error)),
            Err(error) => failed.push(chain(&error)),
        }
    }
    let collected = attach::collect(&plugin.allocator, None);
    failed.extend(
        collected
            .iter()
            .filter_map(|it| it.as_ref().err().map(|error| chain(error))),
    );
    let forwarded = plugin
        .ipam()
        .and_then(|ipam| ipam.map_or(Ok(()), |ipam| ipam.forward("GC")));
    if failed.is_empty() {
        return forwarded.map(|()| String::new());
    }
    let error = CniError::new(Code::CannotDetach, failed.join("; "));
    Err(match forwarded {
        Ok(()) => error,
        Err(trouble) => error.and(&trouble.to_string()),
    })
}
