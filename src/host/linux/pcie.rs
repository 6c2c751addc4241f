//! Where a device is attached, by its path in sysfs.

use std::path::Path;

/// The first directory on the way that is named after a bus, as in `devices/pci0000:3a/0000:3a:00.0`. On hosts without ACPI
/// there are others above it.
pub(super) fn root_of(device: &Path) -> Option<String> {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_bus = |name: &&str| {
        let bus = name.strip_prefix("pci").and_then(|it| it.split_once(':'));
        bus.is_some_and(|(domain, bus)| {
            domain.len() >= 4 && bus.len() == 2 && is_hex(domain) && is_hex(bus)
        })
    };
    let mut names = device.iter().filter_map(|name| name.to_str());
    names.find(is_bus).map(str::to_owned)
}
