//! What a word on the command line names: a PF, a VF, a policy or a network.

use super::scene::Scene;
use anyhow::{anyhow, bail};
use sriovd_core::model::{HostSnapshot, PfSnapshot, VfIndex, VfSnapshot};
use sriovd_core::policy::{Network, Policy, nearest};

pub(super) enum Subject<'s> {
    Pf(&'s PfSnapshot),
    /// It exists, or a policy wants it.
    Vf(&'s PfSnapshot, VfIndex),
    Policy(&'s Policy),
    Network(&'s Network),
}

impl Subject<'_> {
    /// In front of a word that names several.
    fn kind(&self) -> &'static str {
        match self {
            Self::Pf(_) => "pf",
            Self::Vf(..) => "vf",
            Self::Policy(_) => "policy",
            Self::Network(_) => "network",
        }
    }
}

const KINDS: [&str; 4] = ["pf", "vf", "policy", "network"];

/// `NAME`, or `policy:NAME` where several have it.
pub(super) fn any<'s>(scene: &'s Scene, text: &str) -> anyhow::Result<Subject<'s>> {
    let (kind, name) = match text.split_once(':') {
        Some((kind, name)) if KINDS.contains(&kind) => (Some(kind), name),
        _ => (None, text),
    };
    let mut found = all(scene, name)?;
    found.retain(|subject| kind.is_none_or(|kind| kind == subject.kind()));
    if found.len() > 1 {
        let kinds = found.iter().map(Subject::kind);
        let words: Vec<_> = kinds.map(|kind| format!("{kind}:{name}")).collect();
        bail!("{name:?} names several: say {}", words.join(" or "));
    }
    let one = found.pop();
    one.ok_or_else(|| {
        let what = "neither a PF nor a VF here, nor a policy, nor a network";
        unknown(scene, text, name, what, true)
    })
}

/// A PF, or one of its VFs.
pub(super) fn function<'s>(
    scene: &'s Scene,
    text: &str,
) -> anyhow::Result<(&'s PfSnapshot, Option<VfIndex>)> {
    let found = all(scene, text)?
        .into_iter()
        .find_map(|subject| match subject {
            Subject::Pf(pf) => Some((pf, None)),
            Subject::Vf(pf, index) => Some((pf, Some(index))),
            Subject::Policy(_) | Subject::Network(_) => None,
        });
    found.ok_or_else(|| unknown(scene, text, text, "neither a PF nor a VF here", false))
}

fn all<'s>(scene: &'s Scene, name: &str) -> anyhow::Result<Vec<Subject<'s>>> {
    let mut found = Vec::new();
    if let Some((pf, index)) = name.rsplit_once('#')
        && let Some(pf) = pf_named(scene, pf)
    {
        found.push(vf_numbered(scene, pf, index)?);
    }
    found.extend(pf_named(scene, name).map(Subject::Pf));
    for pf in scene.host.pfs.values() {
        let is = |(_, vf): &(&VfIndex, &VfSnapshot)| {
            let own = vf.interface.as_ref();
            vf.address.to_string() == name || own.is_some_and(|own| own.name.as_str() == name)
        };
        let vfs = pf.vfs.iter().filter(is);
        found.extend(vfs.map(|(&index, _)| Subject::Vf(pf, index)));
    }
    found.extend(scene.policy(name).map(Subject::Policy));
    let networks = scene.policies.networks.iter();
    let networks = networks.filter(|network| network.name.as_str() == name);
    found.extend(networks.map(Subject::Network));
    Ok(found)
}

fn pf_named<'s>(scene: &'s Scene, name: &str) -> Option<&'s PfSnapshot> {
    let is = |pf: &&PfSnapshot| {
        let by_name = pf
            .interface
            .as_ref()
            .is_some_and(|interface| interface.goes_by(name));
        by_name || pf.address.to_string() == name
    };
    scene.host.pfs.values().find(is)
}

fn vf_numbered<'s>(scene: &Scene, pf: &'s PfSnapshot, index: &str) -> anyhow::Result<Subject<'s>> {
    let name = pf.display_name();
    let index = index
        .parse()
        .map(VfIndex)
        .map_err(|_| anyhow!("{index:?} is not the number of a VF, such as {name}#0"))?;
    let wanted = scene.desired(pf.address);
    let wanted = wanted.is_some_and(|desired| desired.vfs.contains_key(&index));
    if !wanted && !pf.vfs.contains_key(&index) {
        let (there, possible) = (pf.num_vfs, pf.total_vfs);
        bail!(
            "{name} has no VF {index}, and no policy wants it: {there} VFs of {possible} are there"
        );
    }
    Ok(Subject::Vf(pf, index))
}

fn unknown(scene: &Scene, text: &str, name: &str, what: &str, any: bool) -> anyhow::Error {
    let mut known = functions(&scene.host);
    if any {
        known.extend(policies_and_networks(scene));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(name, &known) {
        Some(near) => anyhow!("{text:?} is {what}; did you mean {near:?}?"),
        None => anyhow!("{text:?} is {what}"),
    }
}

/// PFs and VFs.
pub(super) fn functions(host: &HostSnapshot) -> Vec<String> {
    let mut names = Vec::new();
    for pf in host.pfs.values() {
        names.push(pf.display_name());
        let interfaces = pf.vfs.values().filter_map(|vf| vf.interface.as_ref());
        names.extend(interfaces.map(|own| own.name.to_string()));
    }
    names
}

fn policies_and_networks(scene: &Scene) -> Vec<String> {
    let policies = scene.policies.policies.iter();
    let networks = scene.policies.networks.iter();
    let policies = policies.map(|policy| policy.name.to_string());
    policies
        .chain(networks.map(|network| network.name.to_string()))
        .collect()
}
