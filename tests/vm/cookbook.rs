//! docs/cookbook.md, cooked: each policy makes of the host what its commands print. `UPDATE=1` rewrites that.

use crate::document::{self, Block};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};

const PAGE: &str = "docs/cookbook.md";
const PF: &str = "0000:01:00.0";

#[test]
fn every_recipe_of_the_cookbook_does_what_it_says() -> Result<()> {
    let host = Host::installed()?;
    host.install_plugins()?;
    host.start()?;
    host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;
    let blocks = document::blocks(PAGE);
    let mut differences = Vec::new();
    for recipe in blocks.iter().filter(|it| it.policy_file().is_some()) {
        host.policy(recipe.policy_file().unwrap_or_default(), &recipe.text)?;
        host.wait(&format!(
            "sriovctl status --json | jq -e '.pfs[] | select(.address == \"{PF}\")
               | .state == \"ready\" and .vfs_ready > 0 and .vfs_ready == .vfs_wanted'"
        ))?;
        host.assert_second_pass_is_empty()?;
        let consoles = blocks
            .iter()
            .filter(|it| it.section == recipe.section && it.language == "console");
        for console in consoles {
            differences.extend(run(&host, console)?);
        }
        host.run("rm /etc/sriov.d/*.toml")?;
        host.wait_for(PF, "unmanaged", 0)?;
        host.wait(&format!(
            "grep -qx 0 /sys/bus/pci/devices/{PF}/sriov_numvfs"
        ))?;
    }
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

fn run(host: &Host, console: &Block) -> Result<Option<String>> {
    let mut now = Vec::new();
    for (command, shown) in console.commands() {
        let output = match document::is_offline(&command) {
            true => shown,
            false => host
                .run(&command)
                .with_context(|| host.journal().unwrap_or_default())?,
        };
        now.push((command, output));
    }
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        document::replace_outputs(console, &now);
        return Ok(None);
    }
    Ok((now != console.commands()).then(|| format!("{}: {now:#?}", console.place())))
}
