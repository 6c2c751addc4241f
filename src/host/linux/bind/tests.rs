//! What is written to bind, and what is said when it did not bind.

use super::{bind, rebind};
use crate::linux::prepared::{PF, Prepared, pci, vf_address};
use sriovd_core::host::HostError;
use sriovd_core::model::{BindTarget, Binding, DriverName, VfIndex};

fn to(driver: &str) -> BindTarget {
    BindTarget::Driver(driver.parse().unwrap())
}

fn driver(name: &str) -> Option<DriverName> {
    name.parse().ok()
}

fn bind_vf_0(host: &Prepared, from: &str, to: &BindTarget) -> Result<(), HostError> {
    let from = driver(from);
    bind(
        &host.tree,
        VfIndex(0),
        vf_address(0),
        from.as_ref(),
        to,
        None,
    )
}

/// In a prepared tree a driver stays bound: as if it had claimed the VF again.
#[test]
fn overrides_unbinds_and_probes() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "vfio-pci");
    assert_eq!(bind_vf_0(&host, "vfio-pci", &to("vfio-pci")), Ok(()));
    assert_eq!(host.text(&format!("{vf}/driver_override")), "vfio-pci");
    let address = vf_address(0).to_string();
    assert_eq!(host.text("sys/bus/pci/drivers/vfio-pci/unbind"), address);
    assert_eq!(host.text("sys/bus/pci/drivers_probe"), address);
}

#[test]
fn the_default_is_no_override() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.file(&format!("{vf}/driver_override"), "");
    assert_eq!(bind_vf_0(&host, "igbvf", &BindTarget::Default), Ok(()));
    assert_eq!(host.text(&format!("{vf}/driver_override")), "\n");
}

#[test]
fn a_driver_that_is_not_loaded_costs_the_vf_nothing() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    let error = bind_vf_0(&host, "igbvf", &to("vfio-pci")).unwrap_err();
    assert!(
        error.to_string().contains("not loaded: modprobe vfio-pci"),
        "{error}"
    );
    assert_eq!(host.text(&format!("{vf}/driver_override")), "(null)\n");
    assert_eq!(host.text("sys/bus/pci/drivers/igbvf/unbind"), "");
}

#[test]
fn success_without_a_driver_is_none() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.directory("sys/bus/pci/drivers/vfio-pci");
    let found = |host: &Prepared, target: &BindTarget| match bind_vf_0(host, "igbvf", target) {
        Err(HostError::NoEffect { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&host, &to("vfio-pci")), "driver igbvf has it");
    host.remove(&format!("{vf}/driver"));
    assert_eq!(found(&host, &to("vfio-pci")), "no driver claimed it");
    assert_eq!(found(&host, &BindTarget::Default), "no driver claimed it");
    host.file(&format!("{}/sriov_drivers_autoprobe", pci(PF)), "0\n");
    let off = "sriov_drivers_autoprobe of its PF is off";
    assert_eq!(found(&host, &BindTarget::Default), off);
    host.remove(&format!("{vf}/iommu_group"));
    assert!(found(&host, &to("vfio-pci")).contains("no IOMMU group"));
}

#[test]
fn a_vf_that_gets_or_loses_its_driver_just_then_is_left_for_later() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.remove(&format!("{vf}/driver"));
    host.file(&format!("{vf}/uevent"), "DRIVER=igbvf\nPCI_CLASS=20000\n");
    let error = HostError::Rebinding {
        what: "VF 0 (0000:01:10.0)".to_owned(),
    };
    for from in ["igbvf", ""] {
        let result = bind_vf_0(&host, from, &BindTarget::Default);
        assert_eq!(result, Err(error.clone()), "{from}");
        assert_eq!(host.text("sys/bus/pci/drivers_probe"), "");
        assert_eq!(host.text(&format!("{vf}/driver_override")), "(null)\n");
    }
    host.file(&format!("{vf}/uevent"), "PCI_CLASS=20000\n");
    let error = bind_vf_0(&host, "igbvf", &BindTarget::Default).unwrap_err();
    assert!(matches!(error, HostError::NoEffect { .. }), "{error}");
}

#[test]
fn a_driver_that_came_after_the_look_is_not_unbound() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    for (from, to) in [("", BindTarget::Default), ("vfio-pci", to("igbvf"))] {
        let error = bind_vf_0(&host, from, &to).unwrap_err();
        assert!(matches!(error, HostError::Rebound { .. }), "{error}");
        assert_eq!(host.text("sys/bus/pci/drivers/igbvf/unbind"), "");
        assert_eq!(host.text(&format!("{vf}/driver_override")), "(null)\n");
    }
}

#[test]
fn a_driver_that_udev_has_still_to_load_is_awaited() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.remove(&format!("{vf}/driver"));
    host.file("run/udev/control", "");
    let bind = || bind_vf_0(&host, "", &BindTarget::Default).unwrap_err();
    assert!(matches!(bind(), HostError::DriverComing { .. }));
    host.file("run/udev/data/+pci:0000:01:10.0", "I:1\n");
    let error = bind().to_string();
    assert!(error.contains("no driver claimed it"), "{error}");
}

#[test]
fn a_vf_that_is_gone_is_said_to_be() {
    let host = Prepared::with_pf();
    assert!(matches!(
        bind_vf_0(&host, "", &BindTarget::Default),
        Err(HostError::Gone { .. })
    ));
}

#[test]
fn a_device_is_given_to_the_driver_that_it_had_and_to_no_other() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.file("sys/bus/pci/drivers/igbvf/bind", "");
    rebind(&host.tree, vf_address(0)).unwrap();
    for file in ["unbind", "bind"] {
        let text = host.text(&format!("sys/bus/pci/drivers/igbvf/{file}"));
        assert_eq!(text, vf_address(0).to_string(), "{file}");
    }
    host.remove(&format!("{vf}/driver"));
    rebind(&host.tree, vf_address(0)).unwrap();
}

#[test]
fn a_vf_that_somebody_else_has_given_a_driver_since_is_left_to_them() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    let seen = Binding {
        driver: "igbvf".parse().ok(),
        driver_override: None,
    };
    let bind = |host: &Prepared| {
        let to = BindTarget::Default;
        let from = driver("igbvf");
        bind(
            &host.tree,
            VfIndex(0),
            vf_address(0),
            from.as_ref(),
            &to,
            Some(&seen),
        )
    };
    host.file(&format!("{vf}/driver_override"), "vfio-pci\n");
    let overtaken = HostError::Rebound {
        what: "VF 0 (0000:01:10.0)".to_owned(),
    };
    assert_eq!(bind(&host), Err(overtaken.clone()));
    assert_eq!(host.text(&format!("{vf}/driver_override")), "vfio-pci\n");
    host.file(&format!("{vf}/driver_override"), "(null)\n");
    assert_eq!(bind(&host), Ok(()));
    host.file(&format!("{vf}/driver_override"), "");
    host.remove(&format!("{vf}/driver"));
    assert_eq!(bind(&host), Err(overtaken));
}

/// In a prepared tree a driver stays bound: what claims nothing is a VF without one.
#[test]
fn what_fails_leaves_the_override_as_it_was() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.directory("sys/bus/pci/drivers/vfio-pci");
    let is = |host: &Prepared| host.text(&format!("{vf}/driver_override"));
    bind_vf_0(&host, "igbvf", &to("vfio-pci")).unwrap_err();
    assert!(is(&host).starts_with('\n'), "{}", is(&host));
    // Somebody is unbinding it.
    host.file(&format!("{vf}/driver_override"), "vfio-pci\n");
    host.remove(&format!("{vf}/driver"));
    host.file(&format!("{vf}/uevent"), "DRIVER=igbvf\n");
    let error = bind_vf_0(&host, "igbvf", &BindTarget::Default).unwrap_err();
    assert!(matches!(error, HostError::Rebinding { .. }), "{error}");
    assert_eq!(is(&host).trim(), "vfio-pci");
    // Nothing takes it.
    host.file(&format!("{vf}/uevent"), "PCI_CLASS=20000\n");
    bind_vf_0(&host, "igbvf", &BindTarget::Default).unwrap_err();
    assert_eq!(is(&host).trim(), "vfio-pci");
}
