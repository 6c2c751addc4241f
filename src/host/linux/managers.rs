//! Network managers that have taken a netdev in hand, whether it got an address from them or not.

use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::Holder;

/// A line of `/run/systemd/netif/links/INDEX`, as `networkctl` shows it (`AdministrativeState`).
const STATE: &str = "ADMIN_STATE=";

pub(super) fn networkd(tree: &Tree, interface: u32) -> Result<Option<Holder>, HostError> {
    let text = if_present(tree.read(format!("/run/systemd/netif/links/{interface}")))?;
    let text = text.unwrap_or_default();
    let state = text.lines().find_map(|line| line.strip_prefix(STATE));
    // Others, such as unmanaged and pending, mean that no file of networkd names it, or not yet.
    let is_its = matches!(state, Some("configuring" | "configured" | "failed"));
    Ok(is_its.then(|| Holder::NetworkManager {
        program: "systemd-networkd".to_owned(),
    }))
}
