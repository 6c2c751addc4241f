//! What the netlink layer reads of an interface's VFs, and one attribute set: for tests in a VM.
//!
//! `vf-list IFNAME` prints it as JSON; `vf-list IFNAME set VF SETTING` takes a `VfSetting` as JSON.

use anyhow::{Context, Result, bail};
use serde_json::json;
use sriovd_core::model::VfIndex;
use sriovd_host::netlink::Netlink;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [interface] => list(index(interface)?),
        [interface, "set", vf, setting] => {
            let setting = serde_json::from_str(setting).context("the setting")?;
            let vf = VfIndex(vf.parse().context("the VF's index")?);
            Ok(Netlink::open()?.set_vf(index(interface)?, vf, setting)?)
        }
        _ => bail!("usage: vf-list IFNAME [set VF SETTING]"),
    }
}

fn index(interface: &str) -> Result<u32> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex"))?;
    Ok(text.trim().parse()?)
}

fn list(interface: u32) -> Result<()> {
    let link = Netlink::open()?.link(interface)?.context("no such link")?;
    let vfs = link.vfs.iter().flatten();
    let vfs: Vec<_> = vfs
        .map(|(index, settings)| json!({ "index": index, "settings": settings }))
        .collect();
    let seen = json!({
        "name": link.name,
        "altnames": link.altnames,
        "permanent_mac": link.permanent_mac,
        "num_vf": link.num_vf,
        "complete": link.vf_list_complete(),
        "vfs": vfs,
    });
    println!("{seen}");
    Ok(())
}
