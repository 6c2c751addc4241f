//! `GET /metrics`: how things are and what was counted, as Prometheus reads it.

use super::context::{Api, hung};
use super::counters::{Counters, problem_word};
use super::{ProblemDetails, View};
use axum::extract::State as Extract;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::{
    Encoder, Error, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use sriovd_core::host::Host;
use sriovd_core::model::{PciAddress, ResourceName, VfIndex, VfStatistics};
use sriovd_core::report::{PfState, Seen, Status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every state, so that none is missing while nothing is in it.
const STATES: [(PfState, &str); 7] = [
    (PfState::Ready, "ready"),
    (PfState::Paused, "paused"),
    (PfState::Changing, "changing"),
    (PfState::Refused, "refused"),
    (PfState::Failed, "failed"),
    (PfState::Hung, "hung"),
    (PfState::Unmanaged, "unmanaged"),
];

/// A counter of sriov-network-metrics-exporter, whose names and labels are kept.
pub(super) type VfCounter = (&'static str, fn(&VfStatistics) -> u64);
pub(super) const VF_COUNTERS: [VfCounter; 8] = [
    ("sriov_vf_rx_bytes", |it| it.rx_bytes),
    ("sriov_vf_tx_bytes", |it| it.tx_bytes),
    ("sriov_vf_rx_packets", |it| it.rx_packets),
    ("sriov_vf_tx_packets", |it| it.tx_packets),
    ("sriov_vf_rx_dropped", |it| it.rx_dropped),
    ("sriov_vf_tx_dropped", |it| it.tx_dropped),
    ("sriov_vf_rx_broadcast", |it| it.rx_broadcast),
    ("sriov_vf_rx_multicast", |it| it.rx_multicast),
];

pub(super) async fn metrics(Extract(api): Extract<Api>) -> Result<Response, ProblemDetails> {
    let (view, host) = (api.view(), Arc::clone(&api.state.host));
    let of = Arc::clone(&view);
    let statistics = api.look(move || Ok(all_statistics(&*host, &of))).await?;
    let feed = api.state.feed.clone();
    let written = api.write(move || encoded(&view, &statistics, feed.counters()));
    let text = written.await?.map_err(|error| {
        let detail = format!("the metrics cannot be written: {error}");
        ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    let kind = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
    Ok((kind, text).into_response())
}

type Pfs<'a> = BTreeMap<PciAddress, &'a Arc<Seen>>;
type Statistics = BTreeMap<PciAddress, BTreeMap<VfIndex, VfStatistics>>;

/// Of PFs that cannot tell, or would hold us, nothing.
fn all_statistics(host: &dyn Host, view: &View) -> Statistics {
    let hung = hung(&view.status);
    let mut statistics = Statistics::new();
    for (address, seen) in view.seen().filter(|(pf, _)| !hung.contains_key(pf)) {
        let interface = seen.pf.interface.as_ref();
        let counted = interface.map(|interface| host.vf_statistics(interface.index));
        if let Some(Ok(counted)) = counted {
            statistics.insert(address, counted);
        }
    }
    statistics
}

fn encoded(view: &View, statistics: &Statistics, counters: &Counters) -> Result<Vec<u8>, Error> {
    let (status, pfs) = (&view.status, &view.seen().collect());
    let registry = Registry::new();
    build_info(&registry)?;
    pf_gauges(&registry, status)?;
    pool_gauges(&registry, pfs)?;
    last_good_pass(&registry, counters)?;
    vf_counters(&registry, pfs, statistics)?;
    let mut families = registry.gather();
    families.extend(counters.gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(text)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

fn build_info(registry: &Registry) -> Result<(), Error> {
    let info = gauges(registry, "sriovd_build_info", "Always 1.", &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(())
}

fn pf_gauges(registry: &Registry, status: &Status) -> Result<(), Error> {
    let pfs = gauges(registry, "sriovd_pfs", "PFs by state.", &["state"])?;
    for (state, word) in STATES {
        let count = status.pfs.iter().filter(|pf| pf.state == state).count();
        pfs.with_label_values(&[word]).set(number(count));
    }
    let absent = status.absent.len();
    pfs.with_label_values(&["absent"]).set(number(absent));
    let help = "VFs of a PF: that are as wanted, that are wanted, that it offers.";
    let vfs = gauges(registry, "sriovd_vfs", help, &["pf", "state"])?;
    let help = "What is not as wanted now, by kind.";
    let problems = gauges(registry, "sriovd_problems", help, &["kind"])?;
    for pf in &status.pfs {
        let address = pf.address.to_string();
        for (state, count) in [
            ("ready", pf.vfs_ready),
            ("wanted", pf.vfs_wanted),
            ("possible", pf.vfs_possible),
        ] {
            vfs.with_label_values(&[&*address, state]).set(count.into());
        }
        for problem in &pf.problems {
            let kind = problem_word(problem.kind);
            problems.with_label_values(&[kind]).inc();
        }
    }
    Ok(())
}

/// How many VFs of a pool are ready, and how many are wanted.
#[derive(Default)]
struct Pool {
    ready: usize,
    wanted: usize,
}

fn pool_gauges(registry: &Registry, pfs: &Pfs<'_>) -> Result<(), Error> {
    let mut pools: BTreeMap<&ResourceName, Pool> = BTreeMap::new();
    for seen in pfs.values() {
        let Some(desired) = seen.desired() else {
            continue;
        };
        for (index, wanted) in &desired.vfs {
            let claim = desired.claim_of(*index);
            if let Some(resource) = claim.and_then(|claim| claim.resource.as_ref()) {
                let pool = pools.entry(resource).or_default();
                pool.wanted += 1;
                let vf = seen.pf.vfs.get(index);
                pool.ready += usize::from(vf.is_some_and(|vf| wanted.is_ready(vf)));
            }
        }
    }
    let help = "VFs of a pool: that are as wanted, that are wanted.";
    let gauges = gauges(registry, "sriovd_pool_vfs", help, &["pool", "state"])?;
    for (name, Pool { ready, wanted }) in pools {
        for (state, count) in [("ready", ready), ("wanted", wanted)] {
            let gauge = gauges.with_label_values(&[name.as_str(), state]);
            gauge.set(number(count));
        }
    }
    Ok(())
}

/// None before the first: there is no number for "never".
fn last_good_pass(registry: &Registry, counters: &Counters) -> Result<(), Error> {
    let help = "Seconds since a pass ended with everything as wanted.";
    let gauge = GaugeVec::new(Opts::new("sriovd_last_good_pass_age_seconds", help), &[])?;
    registry.register(Box::new(gauge.clone()))?;
    if let Some(since) = counters.since_last_good_pass() {
        gauge
            .with_label_values::<&str>(&[])
            .set(since.as_secs_f64());
    }
    Ok(())
}

fn vf_counters(registry: &Registry, pfs: &Pfs<'_>, statistics: &Statistics) -> Result<(), Error> {
    for (name, value) in VF_COUNTERS {
        let help = "Counted by the PF for its VF.";
        let labels = ["numa_node", "pciAddr", "pf", "vf"];
        let counters = IntCounterVec::new(Opts::new(name, help), &labels)?;
        registry.register(Box::new(counters.clone()))?;
        for pf in pfs.values().map(|seen| &seen.pf) {
            let numa_node = pf.numa_node.map(|node| node.to_string());
            let numa_node = numa_node.unwrap_or_default();
            let name = pf.display_name();
            for (index, counted) in statistics.get(&pf.address).into_iter().flatten() {
                let vf = pf.vfs.get(index).map(|vf| vf.address.to_string());
                let labels = [
                    &numa_node,
                    &vf.unwrap_or_default(),
                    &name,
                    &index.to_string(),
                ];
                counters.with_label_values(&labels).inc_by(value(counted));
            }
        }
    }
    Ok(())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
