//! What each request takes and answers. A route without a line here fails a test.

use super::document::Operation;
use crate::api::handlers::PlanQuery;
use crate::api::sources::PutQuery;
use crate::api::{
    Applied, ApplyRequest, NetworkDetail, PauseRequest, PfDetail, PolicyDetail, SourceSummary,
};
use sriovd_core::model::HostSnapshot;
use sriovd_core::model::world::{World, WorldChange};
use sriovd_core::policy::source::{SourceBody, SourceReport};
use sriovd_core::report::{Event, Status};
use sriovd_sim::forecast::Forecast;
use sriovd_wire::kubelet::{ALLOCATIONS, KubeletAllocate, KubeletAllocations};

const NAME: &str = "The name of the source";

pub(super) fn all() -> Vec<Operation> {
    let get = |path, summary| Operation::new("get", path, summary);
    let post = |path, summary| Operation::new("post", path, summary);
    vec![
        get(
            "/v1/status",
            "How every PF is, and why it is not as wanted",
        )
        .answers::<Status>(),
        get(
            "/v1/world",
            "All PFs and VFs as the agent knows them; for a client that accepts text/event-stream, a stream \
             that begins with the whole and goes on with the PFs that change",
        )
        .answers::<World>()
        .streams::<WorldChange>(),
        get("/v1/snapshot", "The host, looked at now").answers::<HostSnapshot>(),
        get("/v1/plan", "What a pass would do now")
            .query::<PlanQuery>()
            .answers::<Forecast>(),
        get(
            "/v1/pfs",
            "Every PF, with what the last pass saw and what is wanted",
        )
        .answers::<Vec<PfDetail>>(),
        get("/v1/pfs/{pf}", "One PF")
            .path("pf", "The PCI address or interface name of the PF")
            .answers::<PfDetail>(),
        get(
            "/v1/policies",
            "Every policy, with where it was written and which PFs it holds",
        )
        .answers::<Vec<PolicyDetail>>(),
        get("/v1/networks", "Every network, and the VF that it has")
            .answers::<Vec<NetworkDetail>>(),
        get("/v1/sources", "Every source, which is what one program wants")
            .answers::<Vec<SourceSummary>>(),
        get(
            "/v1/sources/{name}",
            "One source as it was put, and what has become of each item",
        )
        .path("name", NAME)
        .answers::<SourceReport>(),
        Operation::new(
            "put",
            "/v1/sources/{name}",
            "Replaces all that one program wants. It is on disk before the answer. Where items are not in order \
             the answer is 422 with `faults`: the others are in force, and of these what was good last",
        )
        .path("name", NAME)
        .query::<PutQuery>()
        .takes::<SourceBody<'_>>()
        .answers::<SourceReport>(),
        post(
            "/v1/sources/{name}/plan",
            "What passes would do if the source were put, over the PFs for which that changes something",
        )
        .path("name", NAME)
        .takes::<SourceBody<'_>>()
        .answers::<Forecast>(),
        Operation::new(
            "delete",
            "/v1/sources/{name}",
            "Removes all that one program wants; answers with the sources that are left",
        )
        .path("name", NAME)
        .answers::<Vec<SourceSummary>>(),
        get(
            ALLOCATIONS,
            "Every VF that kubelet has given to a pod, as far as the bridge of the node has told",
        )
        .answers::<KubeletAllocations>(),
        post(
            ALLOCATIONS,
            "kubelet is about to give VFs to a container: they are in use from now on. It is on disk before the \
             answer, and nothing is another when it is told again",
        )
        .takes::<KubeletAllocate>()
        .answers::<KubeletAllocations>(),
        Operation::new(
            "put",
            ALLOCATIONS,
            "All VFs that kubelet has given away, with the containers that have them: all others are released",
        )
        .takes::<KubeletAllocations>()
        .answers::<KubeletAllocations>(),
        get(
            "/v1/events",
            "Everything that happens from now on, as server-sent events. A client that does not keep up is \
             disconnected",
        )
        .streams::<Event>(),
        post(
            "/v1/apply",
            "Runs a pass over some PFs or all, and answers when it is over",
        )
        .takes::<ApplyRequest>()
        .answers::<Applied>(),
        post("/v1/pause", "Holds changes of some PFs or all")
            .takes::<PauseRequest>()
            .answers::<Status>(),
        post("/v1/resume", "Ends pauses")
            .takes::<PauseRequest>()
            .answers::<Status>(),
        post("/v1/reload", "Reads the policy files again").answers::<Status>(),
        get("/metrics", "Gauges and counters for Prometheus").answers_text(),
        get("/openapi.json", "This description").answers::<serde_json::Map<_, _>>(),
    ]
}
