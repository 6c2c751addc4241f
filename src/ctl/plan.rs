//! `plan`: what a pass would do now.

use crate::options::Options;
use crate::output;
use crate::reach::{daemon_to_read, own};
use crate::scene::{Elsewhere, Scene};
use crate::verdict::Verdict;
use sriovd_sim::forecast::Forecast;

/// The daemon's, or our own of what a daemon would do first.
pub(crate) fn plan(options: &Options, elsewhere: &Elsewhere) -> anyhow::Result<Forecast> {
    if elsewhere.policy_dir.is_some() {
        return Ok(Scene::look(options, elsewhere)?.forecast());
    }
    if let Some(client) = daemon_to_read(options)? {
        return client.get("/v1/plan");
    }
    let own = own(options);
    let (host, policies) = (own.snapshot()?, own.policies()?);
    let forecast = own.forecast(host, &policies, false);
    output::note("this is what sriovd would do if it started now");
    Ok(forecast)
}

pub(crate) fn show(options: &Options, forecast: &Forecast) -> anyhow::Result<Verdict> {
    output::show(options, forecast, output::forecast)?;
    Ok(Verdict::converged(forecast.is_converged()))
}
