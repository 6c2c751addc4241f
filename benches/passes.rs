//! What the agent's own work costs, on simulated hosts from one PF with 8 VFs to 64 PFs with 256 each: no kernel is asked.
//!
//! `cargo bench` prints the times.
#![allow(clippy::expect_used, reason = "nothing to measure without it")]

use divan::Bencher;
use sriovd_core::model::world::World;
use sriovd_core::model::{HostSnapshot, PciAddress};
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::file;
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::reconcile::{End, Outcome};
use sriovd_core::render::{self, CniDirectory, OutputSettings};
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};
use std::collections::BTreeMap;
use std::path::Path;

/// PFs, and VFs of each.
const HOSTS: [(u16, u16); 4] = [(1, 8), (8, 64), (64, 64), (64, 256)];

fn main() {
    divan::main();
}

/// Every PF looked at and found as wanted, as after lost events.
#[divan::bench(args = HOSTS)]
fn pass_over_a_converged_host(bencher: Bencher<'_, '_>, host: (u16, u16)) {
    let mut agent = converged(host);
    bencher.bench_local(|| agent.pass_all().len());
}

/// One event of one PF: the number of the others must not matter.
#[divan::bench(args = HOSTS)]
fn pass_over_one_pf_of_it(bencher: Bencher<'_, '_>, host: (u16, u16)) {
    let mut agent = converged(host);
    bencher.bench_local(|| agent.pass(address(0)));
}

/// VFs made, configured and bound; the simulated kernel takes no time.
#[divan::bench(args = HOSTS)]
fn first_pass_over_one_pf(bencher: Bencher<'_, '_>, (_, vfs): (u16, u16)) {
    bencher
        .with_inputs(|| fresh((1, vfs)))
        .bench_local_values(|mut agent| agent.pass(address(0)));
}

#[divan::bench(args = HOSTS)]
fn outputs_of_a_converged_host(bencher: Bencher<'_, '_>, host: (u16, u16)) {
    let mut agent = converged(host);
    let seen = seen(agent.pass_all());
    let policies = &agent.policies;
    let resolutions: BTreeMap<PciAddress, Resolution> = seen
        .pfs
        .iter()
        .map(|(&at, pf)| (at, resolve(policies, &seen.node, pf)))
        .collect();
    let settings = OutputSettings {
        cni_dir: Some("/etc/cni/net.d".into()),
        device_plugin_file: Some("/etc/pcidp/config.json".into()),
        node_state_file: Some("/run/sriovd/state.json".into()),
        pools_file: Some("/run/sriovd/pools.json".into()),
        ..OutputSettings::default()
    };
    let world = World::of_host(&seen, &resolutions);
    bencher.bench_local(|| {
        render::render(&render::RenderInput {
            policies: &policies.policies,
            networks: &policies.networks,
            world: &world,
            previous: &BTreeMap::new(),
            cni_directory: CniDirectory::default(),
            settings: &settings,
        })
    });
}

fn address(pf: u16) -> PciAddress {
    let address = PciAddress::new(u32::from(pf), 1, 0, 0);
    address.expect("device 0 and function 0 are in range")
}

fn fresh((pfs, vfs): (u16, u16)) -> SimAgent {
    let host = SimHost::default();
    for pf in 0..pfs {
        host.plug(SimPf::new(address(pf), DriverModel::ICE));
    }
    SimAgent::new(host, policies(vfs))
}

fn converged(host: (u16, u16)) -> SimAgent {
    let mut agent = fresh(host);
    agent.pass_all();
    assert!(
        agent
            .host
            .snapshot()
            .pfs
            .values()
            .all(|pf| pf.num_vfs == host.1)
    );
    agent.host.take_attempts();
    agent
}

fn policies(vfs: u16) -> PolicySet {
    let text = format!(
        r#"
        [[policy]]
        name = "bench"
        resource = "bench"
        num_vfs = {vfs}
        trust = true
        spoof_check = false
        vlan = 100

        [policy.match]
        vendor = "8086"

        [[network]]
        name = "bench"
        resource = "bench"
        "#
    );
    let content = file::parse(Path::new("bench.toml"), &text).expect("the policy is good");
    PolicySet {
        policies: content.policies,
        networks: content.networks,
    }
}

fn seen(outcomes: BTreeMap<PciAddress, Outcome>) -> HostSnapshot {
    let pfs = outcomes
        .into_iter()
        .filter_map(|(at, outcome)| match outcome.end {
            End::Seen { pf, .. } => Some((at, *pf)),
            End::Gone | End::Unobservable(_) => None,
        });
    HostSnapshot {
        pfs: pfs.collect(),
        ..HostSnapshot::default()
    }
}
