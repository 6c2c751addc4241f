//! A PF or a VF: which policies it has, which it has not, and what is in the way.

use super::against::Against;
use crate::attribute::Compared;
use crate::place::Place;
use crate::scene::Scene;
use crate::show::{ShownVf, show_vf};
use crate::table::{Table, dash};
use crate::{colour, output};
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{PciAddress, PfSnapshot, PolicyName, VfAttribute, VfIndex};
use sriovd_core::policy::{MacChoice, Policy};
use sriovd_core::report::{PfState, Problem};

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedPf {
    address: PciAddress,
    interface: Option<String>,
    state: PfState,
    /// Strongest first.
    policies: Vec<Against>,
    /// The bridge of Open vSwitch that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<AskedBridge>,
    problems: Vec<Problem>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedVf {
    vf: ShownVf,
    /// Why it has no policy, or which one it has and where that stands.
    claim: Option<ClaimedBy>,
    /// Where each wanted value comes from.
    origins: Vec<Origin>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct AskedBridge {
    name: String,
    #[serde(flatten)]
    by: ClaimedBy,
    /// Further policies in force with a bridge: the strongest decides.
    passed_over: Vec<PolicyName>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct ClaimedBy {
    policy: PolicyName,
    #[serde(flatten)]
    place: Place,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Origin {
    attribute: &'static str,
    /// As it would be written in the file.
    from: String,
}

pub(super) fn explain_pf(scene: &Scene, pf: &PfSnapshot) -> ExplainedPf {
    let mut order: Vec<(usize, &Policy)> = scene.policies.policies.iter().enumerate().collect();
    order.sort_by_key(|(at, policy)| (policy.priority, std::cmp::Reverse(*at)));
    let report = scene.reports.get(&pf.address);
    ExplainedPf {
        address: pf.address,
        interface: pf.interface.as_ref().map(|it| it.name.to_string()),
        state: scene.state(pf.address),
        policies: order
            .into_iter()
            .map(|(_, policy)| Against::new(scene, policy, pf))
            .collect(),
        bridge: asked_bridge(scene, pf),
        problems: report.map_or_else(Vec::new, |report| report.problems.clone()),
    }
}

fn asked_bridge(scene: &Scene, pf: &PfSnapshot) -> Option<AskedBridge> {
    let desired = scene.desired(pf.address)?;
    let name = desired.bridge.as_ref()?.name_on(pf.address)?;
    let mut with_one = desired.policies.iter().filter(|claim| {
        let policy = scene.policy(claim.policy.as_str());
        policy.is_some_and(|policy| policy.bridge.is_some())
    });
    let strongest = with_one.next()?;
    Some(AskedBridge {
        name: name.to_string(),
        by: ClaimedBy {
            policy: strongest.policy.clone(),
            place: (&strongest.origin).into(),
        },
        passed_over: with_one.map(|claim| claim.policy.clone()).collect(),
    })
}

fn bridge_line(bridge: &AskedBridge) -> String {
    let AskedBridge {
        name,
        by: ClaimedBy { policy, place },
        passed_over,
    } = bridge;
    let others = passed_over.iter().map(ToString::to_string);
    let others: Vec<String> = others.collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!(", which is stronger than {}", others.join(", ")),
    };
    format!("bridge {name} is asked for by policy {policy} ({place}){others}\n")
}

pub(super) fn pf_text(pf: &ExplainedPf) -> String {
    let address = pf.address.to_string();
    let name = match &pf.interface {
        Some(interface) => format!("{} ({address})", colour::paint(colour::TITLE, interface)),
        None => colour::paint(colour::TITLE, &address),
    };
    let state = colour::paint(colour::of_state(pf.state), output::state(pf.state));
    let head = format!("{name}: {state}\n");
    let policies = pf.policies.iter().map(|against| {
        let (name, priority) = (&against.policy, against.priority);
        let (place, verdict) = (&against.place, against.verdict());
        let keys = against.key_lines("  ");
        format!("policy {name} {verdict} (priority {priority}, {place})\n{keys}")
    });
    let policies: Vec<String> = policies.collect();
    let policies = match policies.is_empty() {
        true => vec!["There is no policy.\n".to_owned()],
        false => policies,
    };
    let problems = output::troubles(&pf.problems, "-", "    ");
    let bridge = pf.bridge.as_ref().map_or_else(String::new, bridge_line);
    let last = [bridge, problems];
    output::paragraphs([head].into_iter().chain(policies).chain(last))
}

pub(super) fn explain_vf(scene: &Scene, pf: &PfSnapshot, index: VfIndex) -> ExplainedVf {
    let shown = show_vf(scene, pf, index);
    let desired = scene.desired(pf.address);
    let claim = desired.and_then(|desired| desired.claim_of(index));
    let policy = claim.and_then(|claim| scene.policy(claim.policy.as_str()));
    let wanted = shown.attributes.iter().filter(|it| it.wanted.is_some());
    let origins = wanted.filter_map(|compared| origin(policy?, index, compared));
    ExplainedVf {
        claim: claim.map(|claim| ClaimedBy {
            policy: claim.policy.clone(),
            place: (&claim.origin).into(),
        }),
        origins: origins.collect(),
        vf: shown,
    }
}

fn origin(policy: &Policy, index: VfIndex, compared: &Compared) -> Option<Origin> {
    let special = policy.overrides.get(&index);
    let is_special = special.is_some_and(|special| match compared.attribute {
        "mac" => special.mac.is_some(),
        name => {
            let is = |it: &&VfAttribute| it.to_string() == name;
            let attribute = VfAttribute::ALL.iter().find(is);
            attribute.is_some_and(|it| special.settings.get(*it).is_some())
        }
    });
    let mac = match special.and_then(|it| it.mac).unwrap_or(policy.mac) {
        MacChoice::Stable => " (\"stable\": from the PF's address and the VF's number)",
        MacChoice::Kernel | MacChoice::Fixed(_) => "",
    };
    let note = if compared.attribute == "mac" { mac } else { "" };
    let from = match is_special {
        true => format!("[[policy.vf]] index = {index}{note}"),
        false => format!("[[policy]] {}{note}", policy.name),
    };
    Some(Origin {
        attribute: compared.attribute,
        from,
    })
}

pub(super) fn vf_text(explained: &ExplainedVf) -> String {
    let vf = &explained.vf;
    let pf = vf.pf.to_string();
    let name = vf.pf_interface.as_deref().unwrap_or(&pf);
    let title = colour::paint(colour::TITLE, &format!("VF {} of {name}", vf.index));
    let there = match vf.address {
        Some(address) => format!("{title} is {address}"),
        None => format!("{title} is wanted and not there"),
    };
    let claim = match &explained.claim {
        Some(ClaimedBy { policy, place }) => format!("claimed by policy {policy} ({place})"),
        None => "claimed by no policy: it is left as it is".to_owned(),
    };
    let pool = match &vf.resource {
        Some(resource) => format!(", in pool {resource}"),
        None => String::new(),
    };
    let head = format!("{there}, {claim}{pool}.\n");
    let mut table = Table::new(&["ATTRIBUTE", "IS", "WANTED", "BY"]);
    for compared in &vf.attributes {
        let is = compared.is.clone().unwrap_or_else(dash);
        let is = match compared.differs {
            true => colour::paint(colour::BAD, &is),
            false => is,
        };
        let mut origins = explained.origins.iter();
        let origin = origins.find(|origin| origin.attribute == compared.attribute);
        table.row(vec![
            compared.attribute.to_owned(),
            is,
            compared.wanted.clone().unwrap_or_else(dash),
            origin.map_or_else(String::new, |origin| origin.from.clone()),
        ]);
    }
    let networks = vf.networks.iter();
    let networks = networks.map(|it| format!("Network {it} names it.\n"));
    let holders = vf.holders.iter().flatten();
    let holders = holders.map(|holder| format!("In use by {holder}.\n"));
    let users = networks.chain(holders).collect();
    let problems = output::troubles(&vf.problems, "-", "    ");
    output::paragraphs([head, table.render(), users, problems])
}
