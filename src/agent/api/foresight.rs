//! What would become of other policies, told before they are in force.

use super::handlers::{Api, hung, look_at};
use super::{LIMITS, ProblemDetails, State};
use sriovd_core::host::Look;
use sriovd_core::model::PciAddress;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::resolve::resolve;
use sriovd_core::report::{PfState, Problem};
use sriovd_sim::forecast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The refusals that a pass would end in, by PF.
pub type Refusals = BTreeMap<PciAddress, Vec<Problem>>;

impl State {
    /// What would be refused with `policies` on the PFs for which they mean another thing than
    /// those in force. An error where the host cannot be looked at.
    pub async fn foresee(&self, policies: PolicySet) -> Result<Refusals, ProblemDetails> {
        let api = Api::new(self.clone(), LIMITS);
        let view = api.view();
        let hung = hung(&view.status);
        let concerned = view.seen().filter(|(address, seen)| {
            let now = resolve(&view.policies, &view.node, &seen.pf);
            !hung.contains_key(address) && now != resolve(&policies, &view.node, &seen.pf)
        });
        let concerned: Vec<_> = concerned.map(|(address, _)| address).collect();
        if concerned.is_empty() {
            return Ok(Refusals::new());
        }
        let (host, memory) = (Arc::clone(&self.host), Arc::clone(&self.memory));
        let foresee = move || {
            let snapshot = look_at(&*host, &view, Look::WithHolders, concerned)?;
            let ask = |pf| host.observe(pf, Look::Asking);
            forecast::forecast_asking(snapshot, &policies, &memory.memory(), false, ask)
        };
        let pfs = api.look(foresee).await?.pfs.into_iter();
        let refused = pfs.map(|mut pf| {
            pf.problems.retain(|it| it.kind.state() == PfState::Refused);
            (pf.address, pf.problems)
        });
        Ok(refused.collect())
    }
}
