//! What others have of the agent: VFs, and files that tell of them.

use crate::host::{Host, PATIENCE};
use anyhow::{Result, ensure};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What must not change while a read fails or a stranger is at work.
#[derive(PartialEq, Eq)]
pub(crate) struct Outside(String);

impl Outside {
    pub(crate) fn now(host: &Host) -> Result<Self> {
        // Links come up and go down by themselves, and a driver that is bound again tells the PF an address of its own.
        host.run(
            r#"cd /sys/bus/pci/devices
               for count in */sriov_numvfs; do echo "$count $(cat $count)"; done
               for vf in */physfn; do readlink ${vf%/*}/driver; done
               ip link show | grep '^ *vf ' | sed 's, link/ether [^ ]*,,'
               for file in /etc/cni/net.d/99-sriovd-* /etc/pcidp/config.json; do
                 echo "$file"; cat "$file"
               done
               jq '.status.interfaces[] | .pciAddress, .numVfs, [.Vfs[]?.pciAddress]' /run/sriovd/state.json"#,
        )
        .map(Self)
    }

    pub(crate) fn assert_still(&self, host: &Host, meanwhile: &str) -> Result<()> {
        self.compare(&Self::now(host)?, host, meanwhile)
    }

    /// What others changed is as before after a while.
    pub(crate) fn assert_again(&self, host: &Host, meanwhile: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Self::now(host)?;
            if *self == now || Instant::now() > deadline {
                return self.compare(&now, host, meanwhile);
            }
            sleep(Duration::from_secs(1));
        }
    }

    fn compare(&self, now: &Self, host: &Host, meanwhile: &str) -> Result<()> {
        let journal = || host.journal().unwrap_or_default();
        ensure!(
            self == now,
            "{}\n{meanwhile}:\n{}\nbecame\n{}",
            journal(),
            self.0,
            now.0
        );
        Ok(())
    }
}
