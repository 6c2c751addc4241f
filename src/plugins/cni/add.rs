//! ADD and DEL: a VF comes, a VF goes.

use super::error::{CniError, Code, chain};
use super::ipam::Ipam;
use super::log::{Level, Log};
use super::netconf::NetConf;
use super::plugin::Plugin;
use super::result::{Given, render};
use crate::attach::{self, Allocated, AttachError, Request};

pub(super) fn add(plugin: &Plugin, conf: &NetConf, log: &mut Log) -> Result<String, CniError> {
    let ipam = plugin.ipam()?;
    let choice = conf.choice.clone().ok_or_else(|| {
        let message = "neither \"pool\" nor \"deviceID\" says which VF to allocate";
        let remark = conf.remark.iter().map(|remark| format!("; {remark}"));
        CniError::new(
            Code::InvalidConfig,
            message.to_owned() + &remark.collect::<String>(),
        )
    })?;
    let request = Request {
        container: plugin.call.container_in(&plugin.header.name)?,
        choice,
        settings: plugin.settings(conf),
        mtu: None,
        userspace: true,
    };
    let allocated = attach::allocate(&plugin.allocator, &request);
    let allocated = allocated.map_err(|error| CniError::attaching(&error))?;
    let vf = allocated.allocation.address;
    match address(plugin, &allocated, ipam.as_ref()) {
        Ok(result) => {
            log.write(
                Level::Info,
                &format!("VF {vf} allocated to {}", plugin.call.container()),
            );
            Ok(result)
        }
        Err(error) => Err(match attach::undo(&plugin.allocator, &allocated) {
            Ok(()) => error,
            Err(trouble) => error.and(&format!("releasing the VF: {}", chain(&trouble))),
        }),
    }
}

fn address(
    plugin: &Plugin,
    allocated: &Allocated,
    ipam: Option<&Ipam>,
) -> Result<String, CniError> {
    let attaching = |error| CniError::attaching(&error);
    // It asks over the interface, and the others do without.
    if ipam.is_some_and(|ipam| ipam.plugin == "dhcp") {
        attach::set_up(&plugin.allocator, allocated).map_err(attaching)?;
    }
    let given = ipam.map(|ipam| ipam.run("ADD")).transpose();
    let configured = given.and_then(|given| {
        let given = given.map_or_else(|| Ok(Given::default()), |given| Given::read(&given))?;
        let interface = attach::configure(&plugin.allocator, allocated, &given.addressing()?);
        Ok((given, interface.map_err(attaching)?))
    });
    match configured {
        Ok((given, interface)) => {
            let version = &plugin.header.version;
            let mac = interface
                .map(|interface| interface.mac)
                .or(allocated.admin_mac);
            let mtu = interface.map(|interface| interface.mtu);
            Ok(render(version, &allocated.allocation, mac, mtu, &given))
        }
        Err(error) => Err(match ipam.map(|ipam| ipam.run("DEL")) {
            Some(Err(trouble)) => error.and(&trouble.to_string()),
            Some(Ok(_)) | None => error,
        }),
    }
}

/// What is gone already is fine. The addresses go first: the plugin may ask over the interface.
pub(super) fn del(plugin: &Plugin, log: &mut Log) -> Result<String, CniError> {
    let addresses = plugin
        .ipam()
        .and_then(|ipam| ipam.map(|ipam| ipam.run("DEL")).transpose());
    let (container, interface) = (plugin.call.container(), plugin.call.interface());
    let released = match take_over(plugin) {
        // What cannot be understood cannot be released, now or later.
        Err(error @ AttachError::Theirs { .. }) => {
            log.write(Level::Warning, &chain(&error));
            attach::release(&plugin.allocator, container, interface)
        }
        Ok(()) => attach::release(&plugin.allocator, container, interface),
        Err(error) => Err(error),
    };
    match released {
        Ok(released) => {
            let troubles = released.into_iter().flat_map(|it| it.troubles);
            troubles.for_each(|trouble| log.write(Level::Warning, &trouble));
        }
        Err(error) => {
            let error = CniError::new(Code::CannotDetach, chain(&error));
            return Err(match addresses {
                Ok(_) => error,
                Err(trouble) => error.and(&trouble.to_string()),
            });
        }
    }
    addresses.map(|_| String::new())
}

/// What the plugin attached in whose place this one may be.
fn take_over(plugin: &Plugin) -> Result<(), AttachError> {
    let (container, namespace) = (plugin.call.container(), plugin.call.namespace());
    match &plugin.call.interface {
        Some(interface) => attach::take_over(&plugin.allocator, container, interface, namespace),
        None => Ok(()),
    }
}
