//! How PF drivers differ, as data: what the simulator accepts, refuses, reports and forgets.

use sriovd_core::model::{
    DevlinkParam, DevlinkParams, EswitchMode, ParamKind, ParamMode, ParamValue, PciId, VfAttribute,
    VfSettings,
};

/// How one PF driver behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverModel {
    /// The driver's name, as in sysfs.
    pub name: &'static str,
    /// The driver that takes its VFs where no other one is chosen.
    pub vf_driver: &'static str,
    /// The PCI vendor id of PF and VFs.
    pub vendor: PciId,
    /// The PCI device id of the PF.
    pub device: PciId,
    /// The PCI device id of the VFs.
    pub vf_device: PciId,
    /// `sriov_totalvfs`
    pub total_vfs: u16,
    /// The routing id of the first VF, relative to the PF's.
    pub vf_offset: u16,
    /// From one VF to the next.
    pub vf_stride: u16,
    /// What it does when VFs are asked for while its PF is down.
    pub while_down: WhileDown,
    /// Attributes that the PF tells of its VFs.
    pub reported: &'static [VfAttribute],
    /// Attributes that it lets be set.
    pub settable: &'static [VfAttribute],
    /// Whether it takes a VLAN with the ethertype of 802.1ad.
    pub vlan_8021ad: bool,
    /// Else a minimum rate is refused with EINVAL.
    pub min_rate: bool,
    /// Rates are checked against the link's speed, and refused without a link.
    pub rate_needs_link: bool,
    /// It sets rates to 0 when the link comes up with another speed.
    pub rate_lost_on_speed_change: bool,
    /// The PF's view of a MAC follows what the VF's own driver chose.
    pub reports_own_mac: bool,
    /// A trusted VF keeps its own MAC when it is bound again, and tells it the PF.
    pub trusted_vf_keeps_mac: bool,
    /// Setting trust resets the VF: its driver reads its MAC again.
    pub trust_resets_vf: bool,
    /// The netdev stands on a device of its own below the VF's driver, which keeps the VF even if
    /// nothing drives that.
    pub netdev_below_driver: bool,
    /// So many settings after VFs were made are answered with EAGAIN.
    pub busy_after_creation: u32,
    /// In bytes.
    pub max_mtu: u32,
    /// Whether rules of tc can be given to the hardware.
    pub tc_offload: bool,
    /// Parameters, each with when it takes effect and what it begins with.
    pub params: &'static [(&'static str, ParamMode, InitialParam)],
    /// What it does about the mode of its switch.
    pub eswitch: Eswitch,
    /// Attributes that it refuses in switchdev mode.
    pub not_in_switchdev: &'static [VfAttribute],
}

/// What a driver does about the mode of its switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eswitch {
    /// It lets nobody ask or choose.
    None,
    /// It takes a mode with VFs and without, also the one that it has (mlx5_core).
    AnyTime,
    /// It takes a mode only without VFs (ice).
    WithoutVfs,
    /// It refuses the mode that it has (bnxt_en).
    OnlyAnother,
    /// The mode goes back to legacy with the VFs (netdevsim).
    GoesWithVfs,
}

impl Eswitch {
    /// The mode that the driver begins with.
    pub fn mode(self) -> Option<EswitchMode> {
        (self != Self::None).then_some(EswitchMode::Legacy)
    }
}

/// What a parameter begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialParam {
    /// `true`
    On,
    /// A number of 32 bits.
    Number(u32),
    /// A text.
    Text(&'static str),
}

use InitialParam::{Number, On, Text};
use ParamMode::{Driverinit, Permanent, Runtime};

/// What a driver does when VFs are asked for while its PF is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhileDown {
    /// It makes VFs, as while the PF is up.
    MakesVfs,
    /// Answers success and makes none (bnxt_sriov_configure).
    AnswersSuccess,
}

use VfAttribute::{LinkState as State, Mac, SpoofCheck, Trust, TxRate as Rate, Vlan as Tag};

const ALL_BUT_RSS: &[VfAttribute] = &[Trust, Mac, Tag, SpoofCheck, Rate, State];

impl DriverModel {
    /// A driver without quirks, for drivers that are not described.
    pub const GENERIC: Self = Self {
        name: "generic",
        vf_driver: "genericvf",
        vendor: PciId(0x1d0f),
        device: PciId(0x0001),
        vf_device: PciId(0x0002),
        total_vfs: 64,
        vf_offset: 16,
        vf_stride: 1,
        while_down: WhileDown::MakesVfs,
        reported: &VfAttribute::ALL,
        settable: &VfAttribute::ALL,
        vlan_8021ad: true,
        min_rate: true,
        rate_needs_link: false,
        rate_lost_on_speed_change: false,
        reports_own_mac: false,
        trusted_vf_keeps_mac: false,
        trust_resets_vf: false,
        netdev_below_driver: false,
        busy_after_creation: 0,
        max_mtu: 9978,
        tc_offload: false,
        params: &[],
        eswitch: Eswitch::None,
        not_in_switchdev: &[],
    };

    /// As emulated by QEMU (82576), measured with Linux 6.12.
    pub const IGB: Self = Self {
        name: "igb",
        vf_driver: "igbvf",
        vendor: PciId(0x8086),
        device: PciId(0x10c9),
        vf_device: PciId(0x10ca),
        total_vfs: 7,
        vf_offset: 0x80,
        vf_stride: 2,
        reported: ALL_BUT_RSS,
        settable: &[Trust, Mac, Tag, SpoofCheck, Rate],
        vlan_8021ad: false,
        min_rate: false,
        rate_needs_link: true,
        rate_lost_on_speed_change: true,
        reports_own_mac: true,
        trusted_vf_keeps_mac: true,
        max_mtu: 9216,
        ..Self::GENERIC
    };

    /// Intel 82599: no minimum rate, no 802.1ad. Rates need a link, and end when its speed changes.
    pub const IXGBE: Self = Self {
        name: "ixgbe",
        vf_driver: "ixgbevf",
        vendor: PciId(0x8086),
        device: PciId(0x10fb),
        vf_device: PciId(0x10ed),
        total_vfs: 63,
        vf_offset: 0x80,
        vf_stride: 2,
        vlan_8021ad: false,
        min_rate: false,
        rate_needs_link: true,
        rate_lost_on_speed_change: true,
        reports_own_mac: true,
        max_mtu: 9710,
        ..Self::GENERIC
    };

    /// Intel X710: no minimum rate. Rates need a link.
    pub const I40E: Self = Self {
        name: "i40e",
        vf_driver: "iavf",
        vendor: PciId(0x8086),
        device: PciId(0x1572),
        vf_device: PciId(0x154c),
        reported: ALL_BUT_RSS,
        settable: ALL_BUT_RSS,
        min_rate: false,
        rate_needs_link: true,
        reports_own_mac: true,
        max_mtu: 9706,
        ..Self::GENERIC
    };

    /// Intel E810: setting trust resets the VF.
    pub const ICE: Self = Self {
        name: "ice",
        vf_driver: "iavf",
        vendor: PciId(0x8086),
        device: PciId(0x1592),
        vf_device: PciId(0x1889),
        total_vfs: 256,
        vf_offset: 8,
        reported: ALL_BUT_RSS,
        settable: ALL_BUT_RSS,
        reports_own_mac: true,
        trust_resets_vf: true,
        max_mtu: 9702,
        tc_offload: true,
        eswitch: Eswitch::WithoutVfs,
        not_in_switchdev: &[Trust],
        ..Self::GENERIC
    };

    /// Mellanox ConnectX-5: no 802.1ad.
    pub const MLX5: Self = Self {
        name: "mlx5_core",
        vf_driver: "mlx5_core",
        vendor: PciId(0x15b3),
        device: PciId(0x1017),
        vf_device: PciId(0x1018),
        total_vfs: 127,
        vf_offset: 2,
        reported: ALL_BUT_RSS,
        settable: ALL_BUT_RSS,
        vlan_8021ad: false,
        tc_offload: true,
        params: &[
            ("flow_steering_mode", Runtime, Text("dmfs")),
            ("enable_roce", Driverinit, On),
        ],
        eswitch: Eswitch::AnyTime,
        not_in_switchdev: &[Tag, SpoofCheck, Trust, State],
        ..Self::GENERIC
    };

    /// Broadcom NetXtreme-E: while the PF is down it makes no VFs and reports success.
    pub const BNXT: Self = Self {
        name: "bnxt_en",
        vf_driver: "bnxt_en",
        vendor: PciId(0x14e4),
        device: PciId(0x16d8),
        vf_device: PciId(0x16dc),
        total_vfs: 128,
        while_down: WhileDown::AnswersSuccess,
        reported: ALL_BUT_RSS,
        settable: ALL_BUT_RSS,
        max_mtu: 9500,
        tc_offload: true,
        params: &[("enable_sriov", Permanent, On)],
        eswitch: Eswitch::OnlyAnother,
        ..Self::GENERIC
    };

    /// Mellanox ConnectX-3: no trust.
    pub const MLX4: Self = Self {
        name: "mlx4_core",
        vf_driver: "mlx4_core",
        vendor: PciId(0x15b3),
        device: PciId(0x1003),
        vf_device: PciId(0x1004),
        vf_offset: 1,
        reported: &[Mac, Tag, SpoofCheck, Rate, State],
        settable: &[Mac, Tag, SpoofCheck, Rate, State],
        ..Self::GENERIC
    };

    /// As of Linux 4.9: it takes trust, and does not tell of it.
    pub const QEDE: Self = Self {
        name: "qede",
        vf_driver: "qede",
        vendor: PciId(0x1077),
        device: PciId(0x8070),
        vf_device: PciId(0x8090),
        reported: &[Mac, Tag, SpoofCheck, Rate, State],
        settable: ALL_BUT_RSS,
        vlan_8021ad: false,
        ..Self::GENERIC
    };

    /// Broadcom NetXtreme II: no trust; it tells rates and takes none.
    pub const BNX2X: Self = Self {
        name: "bnx2x",
        vf_driver: "bnx2x",
        vendor: PciId(0x14e4),
        device: PciId(0x168e),
        vf_device: PciId(0x16af),
        reported: &[Mac, Tag, SpoofCheck, Rate, State],
        settable: &[Mac, Tag, SpoofCheck, State],
        ..Self::GENERIC
    };

    /// It makes VFs and knows nothing of their attributes.
    pub const VIRTIO: Self = Self {
        name: "virtio-pci",
        vf_driver: "virtio-pci",
        vendor: PciId(0x1af4),
        device: PciId(0x1041),
        vf_device: PciId(0x1041),
        vf_offset: 1,
        reported: &[],
        settable: &[],
        netdev_below_driver: true,
        max_mtu: 65535,
        ..Self::GENERIC
    };

    /// The kernel's simulated netdevs, as if they stood on PCI devices.
    pub const NETDEVSIM: Self = Self {
        name: "netdevsim",
        vf_driver: "netdevsim",
        tc_offload: true,
        params: &[
            ("max_macs", Driverinit, Number(32)),
            ("test1", Driverinit, On),
        ],
        eswitch: Eswitch::GoesWithVfs,
        not_in_switchdev: &[Rate],
        ..Self::GENERIC
    };

    /// Every driver that is described, without the generic one.
    pub const ALL: [Self; 11] = [
        Self::IGB,
        Self::IXGBE,
        Self::I40E,
        Self::ICE,
        Self::MLX5,
        Self::BNXT,
        Self::MLX4,
        Self::QEDE,
        Self::BNX2X,
        Self::VIRTIO,
        Self::NETDEVSIM,
    ];

    /// The model of this driver; the generic one for drivers that are not described.
    pub fn of(driver: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|model| model.name == driver)
            .unwrap_or(Self::GENERIC)
    }

    /// The parameters of a device that has just got its driver.
    pub(super) fn params(&self) -> DevlinkParams {
        let param = |&(name, mode, initial): &(&str, _, _)| {
            let (kind, value) = match initial {
                On => (ParamKind::Bool, ParamValue::Switch(true)),
                Number(number) => (ParamKind::U32, ParamValue::Number(number)),
                Text(text) => (ParamKind::String, ParamValue::Text(text.to_owned())),
            };
            let values = [(mode, value)].into();
            (name.to_owned(), DevlinkParam { kind, values })
        };
        self.params.iter().map(param).collect()
    }

    /// What the PF tells of a VF that was just made.
    pub(super) fn fresh_settings(&self) -> VfSettings {
        let mut settings = VfSettings::default();
        for attribute in self.reported {
            settings.set(attribute.facts().initial.likely());
        }
        settings
    }
}
