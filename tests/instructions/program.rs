//! A simulated host as it should be, and so many passes: what `tests/instructions.rs` counts the instructions of.
//!
//! `instructions PFS VFS all|one|twin PASSES`

use anyhow::{Context, bail, ensure};
use sriovd_core::model::{MacAddress, PciAddress};
use sriovd_core::policy::{PolicySet, file};
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pfs, vfs, over, passes] = &arguments[..] else {
        bail!("instructions PFS VFS all|one|twin PASSES");
    };
    let mut agent = converged(pfs.parse()?, vfs.parse()?, over == "twin")?;
    for _ in 0..passes.parse()? {
        match over.as_str() {
            "all" => drop(agent.pass_all()),
            "one" | "twin" => drop(agent.pass(address(0)?)),
            other => bail!("{other:?} is neither all, one nor twin"),
        }
    }
    ensure!(agent.host.take_attempts().is_empty(), "something was done");
    Ok(())
}

/// A bus for each, and so a permanent address of its own.
fn address(pf: u32) -> anyhow::Result<PciAddress> {
    PciAddress::new(0, u8::try_from(1 + pf)?, 0, 0).context("no such address")
}

/// Twins came with one permanent address, so that their VFs go without.
fn converged(pfs: u32, vfs: u16, are_twins: bool) -> anyhow::Result<SimAgent> {
    let host = SimHost::default();
    for at in 0..pfs {
        let mut pf = SimPf::new(address(at)?, DriverModel::ICE);
        if let Some(interface) = pf.snapshot.interface.as_mut().filter(|_| are_twins) {
            interface.permanent_mac = MacAddress([0x52, 0x54, 0, 0, 0, 1]);
        }
        host.plug(pf);
    }
    let text = format!(
        "[[policy]]\nname = \"all\"\nresource = \"all\"\nnum_vfs = {vfs}\ntrust = true\nspoof_check = false\n\
         vlan = 100\nmac = \"stable\"\nmatch.vendor = \"8086\"\n"
    );
    let content = file::parse(Path::new("all.toml"), &text);
    let content = content.ok().context("the policy is bad")?;
    let policies = PolicySet {
        policies: content.policies,
        networks: content.networks,
    };
    let mut agent = SimAgent::new(host, policies);
    agent.pass_all();
    agent.host.take_attempts();
    Ok(agent)
}
