//! What udev says of a device, and whether it has more to say.

use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;

/// There while udev runs.
const CONTROL: &str = "/run/udev/control";
/// There while udev has events to handle.
const QUEUE: &str = "/run/udev/queue";

/// What udev remembers of a device; nothing while it does not know the device.
pub(super) fn record(tree: &Tree, device: &str) -> Result<String, HostError> {
    let record = if_present(tree.read_bytes(format!("/run/udev/data/{device}")))?;
    let record = record.unwrap_or_default();
    Ok(String::from_utf8_lossy(&record).into_owned())
}

pub(super) fn property(record: &str, key: &str) -> Option<String> {
    let value = |line: &str| {
        let (found, value) = line.strip_prefix("E:")?.split_once('=')?;
        (found == key).then(|| value.to_owned())
    };
    record.lines().find_map(value)
}

/// Whether udev's rules for the device of the record ran, and with that its interface is named.
pub(super) fn is_processed(record: &str) -> bool {
    record.lines().any(|line| line.starts_with("I:"))
}

/// As `is_processed`; without udev nobody processes it.
pub(super) fn is_initialized(tree: &Tree, record: &str) -> Result<bool, HostError> {
    Ok(is_processed(record) || !tree.exists(CONTROL)?)
}

/// Whether udev may still load the device's driver: it does so after it has written the record
/// (`udev_event_execute_run`, systemd 252 to 260), and leaves its queue after that.
pub(super) fn is_at_work_on(tree: &Tree, device: &str) -> Result<bool, HostError> {
    Ok(tree.exists(CONTROL)?
        && (tree.exists(QUEUE)? || !is_initialized(tree, &record(tree, device)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::prepared::Prepared;

    #[test]
    fn a_driver_may_come_until_udev_has_done_with_the_device_and_with_all_others() {
        let host = Prepared::new();
        let device = "+pci:0000:01:10.0";
        let is_at_work = || is_at_work_on(&host.tree, device).unwrap();
        assert!(!is_at_work(), "no udev");
        host.file("run/udev/control", "");
        assert!(is_at_work(), "not seen yet");
        host.file("run/udev/queue", "");
        assert!(is_at_work());
        host.file(&format!("run/udev/data/{device}"), "I:1\nE:DRIVER=x\n");
        assert!(is_at_work(), "it loads the module after that");
        host.remove("run/udev/queue");
        assert!(!is_at_work());
    }
}
