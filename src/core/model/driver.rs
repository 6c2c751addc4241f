//! What is known of PF drivers that they do not tell: read by the planner and by the simulator.
//!
//! Where a driver is not in the table, the field's usual ways are expected of it.

use super::{PfSnapshot, TxRate, VfSetting, Vlan};

/// The ways of one PF driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverFacts {
    /// The PF driver's name, as the `driver` link in sysfs has it.
    pub name: &'static str,
    /// It makes VFs while its PF is down, and sooner so: a running PF is restarted for it. Others
    /// refuse, or answer success and make none (`bnxt_sriov_configure`).
    pub makes_vfs_while_down: bool,
    /// It answers EINVAL to a minimum rate, as to any bad value (`ndo_set_vf_rate`, Linux 6.12).
    pub lacks_min_rate: bool,
    /// The VLAN that it tells of a VF without one.
    pub no_vlan: u16,
    /// What it tells as the maximum rate of a VF that has none.
    pub no_rate: NoRate,
}

/// The maximum rate that a driver tells of a VF that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRate {
    /// 0, as `ip link set PF vf N max_tx_rate 0` asks for.
    Zero,
    /// That of the PF's link.
    LinkSpeed,
    /// This many Mbit/s.
    Fixed(u32),
}

impl DriverFacts {
    const USUAL: Self = Self {
        name: "",
        makes_vfs_while_down: false,
        lacks_min_rate: false,
        no_vlan: 0,
        no_rate: NoRate::Zero,
    };

    const fn intel(name: &'static str, lacks_min_rate: bool) -> Self {
        Self {
            name,
            makes_vfs_while_down: true,
            lacks_min_rate,
            ..Self::USUAL
        }
    }

    const ALL: [Self; 9] = [
        Self::intel("igb", true),
        Self::intel("ixgbe", true),
        Self::intel("i40e", true),
        Self::intel("ice", false),
        Self::intel("mlx5_core", false),
        Self::intel("virtio-pci", false),
        // "The guest tags" is a VLAN there: MLX4_VGT.
        Self {
            name: "mlx4_core",
            no_vlan: 4095,
            ..Self::USUAL
        },
        // qed_get_vf_config and bnx2x_get_vf_config.
        Self {
            name: "qede",
            no_rate: NoRate::LinkSpeed,
            ..Self::USUAL
        },
        Self {
            name: "bnx2x",
            no_rate: NoRate::Fixed(10_000),
            ..Self::USUAL
        },
    ];

    /// The facts of this driver; those of a usual driver where it is not in the table.
    pub fn of(driver: &str) -> &'static Self {
        const USUAL: &DriverFacts = &DriverFacts::USUAL;
        const ALL: &[DriverFacts] = &DriverFacts::ALL;
        let known = ALL.iter().find(|facts| facts.name == driver);
        known.unwrap_or(USUAL)
    }

    /// Whether what the driver tells is what was wanted. `speed`: of the PF's link, in Mbit/s.
    pub fn is_same(&self, wanted: VfSetting, told: VfSetting, speed: Option<u32>) -> bool {
        wanted == told || self.tells(wanted, speed) == told
    }

    /// What the driver tells of a VF of which this was set.
    pub fn tells(&self, setting: VfSetting, speed: Option<u32>) -> VfSetting {
        match setting {
            VfSetting::Vlan(vlan) if vlan.id == 0 => VfSetting::Vlan(Vlan {
                id: self.no_vlan,
                ..vlan
            }),
            VfSetting::TxRate(rate) if rate.max == 0 => {
                let max = match self.no_rate {
                    NoRate::Zero => 0,
                    NoRate::LinkSpeed => speed.unwrap_or(0),
                    NoRate::Fixed(max) => max,
                };
                VfSetting::TxRate(TxRate { max, ..rate })
            }
            other => other,
        }
    }
}

impl PfSnapshot {
    /// The ways of its driver.
    pub fn facts(&self) -> &'static DriverFacts {
        let driver = self.driver.as_ref();
        DriverFacts::of(driver.map_or("", |driver| driver.as_str()))
    }

    /// Whether what its driver tells of a VF is what was wanted.
    pub fn is_same(&self, wanted: VfSetting, told: VfSetting) -> bool {
        let interface = self.interface.as_ref();
        let speed = || interface.and_then(|interface| interface.speed);
        // Nearly always, and without a look into the table.
        wanted == told || self.facts().is_same(wanted, told, speed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_what_the_driver_tells_of_it() {
        let vlan = |id| VfSetting::Vlan(Vlan { id, ..Vlan::NONE });
        let rate = |max| VfSetting::TxRate(TxRate { min: 0, max });
        let speed = Some(25_000);
        for (driver, wanted, told, same) in [
            ("igb", vlan(0), vlan(0), true),
            ("igb", vlan(0), vlan(4095), false),
            ("mlx4_core", vlan(0), vlan(4095), true),
            ("mlx4_core", vlan(0), vlan(0), true),
            ("mlx4_core", vlan(0), vlan(7), false),
            ("mlx4_core", vlan(7), vlan(4095), false),
            ("qede", rate(0), rate(25_000), true),
            ("qede", rate(0), rate(10_000), false),
            ("qede", rate(25_000), rate(25_000), true),
            ("bnx2x", rate(0), rate(10_000), true),
            ("bnx2x", rate(0), rate(25_000), false),
            ("mlx5_core", rate(0), rate(10_000), false),
        ] {
            let is = DriverFacts::of(driver).is_same(wanted, told, speed);
            assert_eq!(is, same, "{driver}: {wanted} and {told}");
        }
        assert!(DriverFacts::of("qede").is_same(rate(0), rate(0), None));
    }
}
