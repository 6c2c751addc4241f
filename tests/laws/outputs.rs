//! What other programs read, held against what the passes saw, without the help of what rendered it.

use super::check::is_bound_as_wanted;
use super::run::{Run, Seen};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sriovd_core::model::Assignment;
use sriovd_core::model::world::World;
use sriovd_core::model::{HostSnapshot, NetworkName, Node, PciAddress, PfSnapshot, ResourceName};
use sriovd_core::policy::Network;
use sriovd_core::policy::file;
use sriovd_core::policy::resolve::Resolution;
use sriovd_core::render::{self, CniDirectory, OutputSettings, Outputs, RenderInput};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

/// More networks than a pool may have VFs.
static NETWORKS: LazyLock<Vec<Network>> = LazyLock::new(|| {
    let networks = [
        ("one", "a"),
        ("two", "a"),
        ("three", "a"),
        ("four", "b"),
        ("five", "b"),
    ];
    let text = networks
        .map(|(name, pool)| format!("[[network]]\nname = \"{name}\"\nresource = \"{pool}\"\n"));
    let content = file::parse(Path::new("networks.toml"), &text.concat());
    content.expect("the networks are good").networks
});

/// All but the node state, which tells also of VFs that are not ready.
fn settings() -> OutputSettings {
    OutputSettings {
        cni_dir: Some("/etc/cni/net.d".into()),
        device_plugin_file: Some("/etc/pcidp/config.json".into()),
        cdi_dir: Some("/run/cdi".into()),
        podman_dir: Some("/etc/containers/networks".into()),
        ..OutputSettings::default()
    }
}

/// Somebody who reads the files each time they are written.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    assignments: BTreeMap<NetworkName, Assignment>,
}

impl Reader {
    pub(crate) fn check(&mut self, run: &Run) -> Result<(), TestCaseError> {
        let (host, resolutions) = as_seen(run.seen());
        let outputs = rendered(&host, &resolutions, &self.assignments);
        let ready = ready(&host, &resolutions);

        let named = outputs.files.values().flat_map(|text| addresses(text));
        let named: BTreeSet<PciAddress> = named.collect();
        let strangers: Vec<_> = named.iter().filter(|vf| !ready.contains_key(vf)).collect();
        prop_assert!(
            strangers.is_empty(),
            "{strangers:?} not ready in {:#?}",
            outputs.files
        );

        let lists = outputs
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("/etc/cni"));
        let given: Vec<PciAddress> = lists.flat_map(|(_, text)| addresses(text)).collect();
        let distinct: BTreeSet<_> = given.iter().collect();
        prop_assert_eq!(
            distinct.len(),
            given.len(),
            "a VF in two networks: {:?}",
            given
        );

        for network in NETWORKS.iter() {
            let Some(last) = self.assignments.get(&network.name) else {
                continue;
            };
            let same_nic = |pf: &&PfSnapshot| {
                let mac = pf
                    .interface
                    .as_ref()
                    .map(|interface| interface.permanent_mac);
                mac.is_some() && mac == last.permanent_mac
            };
            let pf = host.pfs.get(&last.pf).filter(same_nic);
            let vf = pf.and_then(|pf| pf.vfs.get(&last.vf));
            let pool = vf.and_then(|vf| ready.get(&vf.address).copied());
            let stays =
                pool.is_some() && pool == network.resource.as_ref().map(ResourceName::as_str);
            let now = outputs.assignments.get(&network.name);
            prop_assert!(!stays || now == Some(last), "{last:?} became {now:?}");
        }

        let again = rendered(&host, &resolutions, &outputs.assignments);
        prop_assert_eq!(&again, &outputs);
        self.assignments = outputs.assignments;
        Ok(())
    }
}

fn as_seen(seen: &BTreeMap<PciAddress, Seen>) -> (HostSnapshot, BTreeMap<PciAddress, Resolution>) {
    let resolutions = seen.iter().map(|(&at, seen)| (at, seen.resolution.clone()));
    let pfs = seen.iter().map(|(&at, seen)| (at, seen.pf.clone()));
    let host = HostSnapshot {
        node: Node::default(),
        pfs: pfs.collect(),
    };
    (host, resolutions.collect())
}

fn rendered(
    host: &HostSnapshot,
    resolutions: &BTreeMap<PciAddress, Resolution>,
    previous: &BTreeMap<NetworkName, Assignment>,
) -> Outputs {
    render::render(&RenderInput {
        policies: &[],
        networks: &NETWORKS,
        world: &World::of_host(host, resolutions),
        previous,
        cni_directory: CniDirectory::default(),
        settings: &settings(),
    })
}

/// VFs that are there with the driver that their policy names, and the pool they are for.
fn ready<'a>(
    host: &HostSnapshot,
    resolutions: &'a BTreeMap<PciAddress, Resolution>,
) -> BTreeMap<PciAddress, &'a str> {
    let mut ready = BTreeMap::new();
    for (at, pf) in &host.pfs {
        let Some(Resolution::Desired(desired)) = resolutions.get(at) else {
            continue;
        };
        for (index, vf) in &pf.vfs {
            let (Some(wanted), Some(claim)) = (desired.vfs.get(index), desired.claim_of(*index))
            else {
                continue;
            };
            let bound = is_bound_as_wanted(vf, wanted, None);
            if let Some(pool) = claim.resource.as_ref().filter(|_| bound) {
                ready.insert(vf.address, pool.as_str());
            }
        }
    }
    ready
}

/// Everything in a text that reads as the address of a PCI function.
fn addresses(text: &str) -> Vec<PciAddress> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.'));
    words.filter_map(|word| word.parse().ok()).collect()
}
