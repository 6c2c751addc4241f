//! Who configures the NIC: the agent, the least program that makes the same kernel writes (with an ordinary share of the
//! processors, or with the agent's), or systemd's own `[SR-IOV]` sections in a `.link` file, which udevd applies.

use crate::lab::Guest;
use anyhow::{Context, Result};
use std::fmt::Write;

const POLICY: &str = r#"
[[policy]]
name = "figures"
resource = "figures"
num_vfs = 7
trust = true
spoof_check = false
vlan = 100

[policy.match]
vendor = "8086"

[[network]]
name = "figures"
resource = "figures"
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Reference,
    /// With the share of the processors that sriovd's unit asks for.
    WeightedReference,
    Sriovd,
    Link,
}

/// All three on the guest, none of them at work.
pub(crate) fn install(guest: &Guest) -> Result<()> {
    guest.install_sriovd()?;
    guest.put(POLICY, "/etc/sriov.d/10-figures.toml", 0o644)?;
    let here = std::env::current_exe()?;
    let reference = here.parent().context("no directory")?.join("reference");
    guest.put(std::fs::read(reference)?, "/usr/local/bin/reference", 0o755)?;
    let mut link =
        "[Match]\nDriver=igb\n\n[Link]\nNamePolicy=keep kernel database onboard slot path\n\
                    SR-IOVVirtualFunctions=7\n"
            .to_owned();
    for vf in 0..7 {
        write!(
            link,
            "\n[SR-IOV]\nVirtualFunction={vf}\nVLANId=100\nTrust=yes\nMACSpoofCheck=no\n"
        )?;
    }
    guest.put(link, "/root/10-figures.link", 0o644)
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [
        Self::Reference,
        Self::WeightedReference,
        Self::Sriovd,
        Self::Link,
    ];

    /// At work, for so many NICs to come.
    pub(crate) fn prepare(self, guest: &Guest, nics: usize) -> Result<()> {
        let script = match self {
            Self::Reference | Self::WeightedReference => &format!(
                "rm -f /run/reference.*; systemd-run -q --unit reference -p CPUWeight={} \
                 -p StandardOutput=file:/run/reference.out /usr/local/bin/reference {nics}
                 until grep -q listening /run/reference.out; do sleep 0.05; done",
                match self {
                    Self::Reference => "100",
                    _ => "$(systemctl show sriovd -p CPUWeight --value)",
                }
            ),
            Self::Sriovd => "systemctl start sriovd",
            Self::Link => {
                "cp /root/10-figures.link /etc/systemd/network/ && udevadm control --reload"
            }
        };
        guest.run(script).map(drop)
    }

    /// A shell condition.
    pub(crate) fn done(self, nics: usize) -> String {
        match self {
            Self::Reference | Self::WeightedReference => "test -e /run/reference.done".to_owned(),
            Self::Sriovd => format!(
                "test \"$(sriovctl status --json | grep -c '\"vfs_ready\": 7')\" = {nics} && \
                 test -e /etc/cni/net.d/99-sriovd-figures.conflist -a -e /etc/pcidp/config.json"
            ),
            Self::Link => format!(
                "test \"$(ip link show 2>/dev/null | grep -c 'vlan 100.*checking off.*trust on')\" = {}",
                7 * nics
            ),
        }
    }

    /// The beginning of its threads' names, as the kernel cuts them.
    pub(crate) fn threads(self) -> &'static [&'static str] {
        match self {
            Self::Reference | Self::WeightedReference => &["reference"],
            Self::Sriovd => &["sriovd", "tokio-r", "outbox", "apart"],
            Self::Link => &["(udev-worker)", "systemd-udevd"],
        }
    }

    pub(crate) fn finish(self, guest: &Guest) -> Result<()> {
        let script = match self {
            Self::Reference | Self::WeightedReference => {
                "systemctl stop reference 2>/dev/null; true"
            }
            Self::Sriovd => "systemctl stop sriovd; rm -f /var/lib/sriovd/state.json",
            Self::Link => "rm /etc/systemd/network/10-figures.link && udevadm control --reload",
        };
        guest.run(script).map(drop)
    }
}
