//! A simulated host as it should be, and so many passes: what `tests/instructions.rs` counts the instructions of.
//!
//! `instructions PFS VFS all|one PASSES`

use anyhow::{Context, bail, ensure};
use sriovd_core::model::PciAddress;
use sriovd_core::policy::{PolicySet, file};
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pfs, vfs, over, passes] = &arguments[..] else {
        bail!("instructions PFS VFS all|one PASSES");
    };
    let mut agent = converged(pfs.parse()?, vfs.parse()?)?;
    for _ in 0..passes.parse()? {
        match over.as_str() {
            "all" => drop(agent.pass_all()),
            "one" => drop(agent.pass(address(0)?)),
            other => bail!("{other:?} is neither all nor one"),
        }
    }
    ensure!(agent.host.take_attempts().is_empty(), "something was done");
    Ok(())
}

/// Each with a bus of its own, and so a permanent address of its own.
fn address(pf: u32) -> anyhow::Result<PciAddress> {
    PciAddress::new(0, u8::try_from(1 + pf)?, 0, 0).context("no such address")
}

fn converged(pfs: u32, vfs: u16) -> anyhow::Result<SimAgent> {
    let host = SimHost::default();
    for pf in 0..pfs {
        host.plug(SimPf::new(address(pf)?, DriverModel::ICE));
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
