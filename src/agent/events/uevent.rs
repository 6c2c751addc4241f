//! Which events of devices are worth a look.

use super::{Cause, Scope, Trigger};
use std::ffi::OsStr;

/// The sender of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// After its rules ran. Silent where `/run/udev/control` is missing.
    Udev,
    /// At once, before udev has seen it.
    Kernel,
}

/// An event as the kernel writes it: `action@devpath`, then `KEY=value`, each with a zero byte behind it
/// (`lib/kobject_uevent.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uevent<'a> {
    action: &'a str,
    devpath: &'a str,
    is_driver: bool,
}

impl<'a> Uevent<'a> {
    /// `None` for anything but an event of a PCI device or a driver: of interfaces rtnetlink tells.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let mut parts = message.split(|byte| *byte == 0);
        let head = std::str::from_utf8(parts.next()?).ok()?;
        let subsystem = parts.find_map(|part| part.strip_prefix(b"SUBSYSTEM="))?;
        let (action, devpath) = head.split_once('@')?;
        let is_driver = subsystem == b"drivers";
        (is_driver || subsystem == b"pci").then_some(Self {
            action,
            devpath,
            is_driver,
        })
    }

    /// Where this event asks to look; `None` where it changes nothing for a PF or VF.
    pub fn trigger(&self) -> Option<Trigger> {
        let (_, name) = self.devpath.rsplit_once('/')?;
        if self.is_driver {
            let driver = name.to_owned();
            return (self.action == "add").then_some(Trigger {
                scope: Scope::Drivers,
                cause: Cause::DriverCame { driver },
            });
        }
        trigger(Origin::Kernel, self.action, self.devpath, name)
    }
}

/// What an event says to look at. `None` for devices that do not stand on a PCI function. The name of
/// an interface may be any bytes.
pub fn trigger(
    origin: Origin,
    action: &str,
    devpath: impl AsRef<OsStr>,
    name: impl AsRef<OsStr>,
) -> Option<Trigger> {
    // Before its driver is there nothing can be done with a PF: the kernel says "bind" then, and
    // rtnetlink its interface. Where no driver comes, udev's own "add" is in time to say so.
    if (origin, action) == (Origin::Kernel, "add") {
        return None;
    }
    let devpath = devpath.as_ref().to_string_lossy();
    let function = devpath.rsplit('/').find_map(|part| part.parse().ok())?;
    Some(Trigger {
        scope: Scope::Device(function),
        cause: Cause::Udev {
            action: action.to_owned(),
            device: name.as_ref().to_string_lossy().into_owned(),
            from_kernel: origin == Origin::Kernel,
        },
    })
}

#[cfg(test)]
mod tests;
