//! What is counted of everything that happens, for `/metrics`. Every label is one of a few words.

use prometheus::proto::MetricFamily;
use prometheus::{Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use sriovd_core::report::{Happening, ProblemKind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From a pass that only looks to one that makes hundreds of VFs.
const PASS_SECONDS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0];

#[derive(Debug)]
pub(super) struct Counters {
    registry: Registry,
    passes: HistogramVec,
    actions: IntCounterVec,
    failures: IntCounterVec,
    problems: IntCounterVec,
    overruns: IntCounterVec,
    outputs: IntCounter,
    last_good: Mutex<Option<Instant>>,
}

impl Counters {
    pub(super) fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let counted = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let actions = counted(
            "sriovd_actions_total",
            "Steps that were done, by kind.",
            "kind",
        )?;
        let failures = counted(
            "sriovd_action_failures_total",
            "Steps that failed, by kind.",
            "kind",
        )?;
        let problems = counted(
            "sriovd_problems_total",
            "Refusals and failures when they appeared, by kind.",
            "kind",
        )?;
        let overruns = counted(
            "sriovd_event_overruns_total",
            "How often events were lost, by source.",
            "source",
        )?;
        let passes = HistogramOpts::new(
            "sriovd_pass_duration_seconds",
            "Passes over a PF, by what set them off.",
        );
        let passes = HistogramVec::new(passes.buckets(PASS_SECONDS.to_vec()), &["trigger"])?;
        registry.register(Box::new(passes.clone()))?;
        let outputs = IntCounter::new(
            "sriovd_outputs_written_total",
            "Files for other programs that were written or removed.",
        )?;
        registry.register(Box::new(outputs.clone()))?;
        Ok(Self {
            registry,
            passes,
            actions,
            failures,
            problems,
            overruns,
            outputs,
            last_good: Mutex::default(),
        })
    }

    pub(super) fn count(&self, happening: &Happening) {
        match happening {
            Happening::StepDone { kind, .. } => self.actions.with_label_values(&[kind]).inc(),
            Happening::StepFailed { kind, .. } => self.failures.with_label_values(&[kind]).inc(),
            Happening::PassDone {
                kind,
                good,
                duration_usec,
                ..
            } => {
                let took = Duration::from_micros(*duration_usec).as_secs_f64();
                self.passes.with_label_values(&[kind]).observe(took);
                if *good {
                    *self.last_good() = Some(Instant::now());
                }
            }
            Happening::ProblemAppeared { problem, .. } => {
                let kind = problem_word(problem.kind);
                self.problems.with_label_values(&[kind]).inc();
            }
            Happening::Overrun { source } => self.overruns.with_label_values(&[source]).inc(),
            Happening::OutputWritten { .. } | Happening::OutputRemoved { .. } => self.outputs.inc(),
            _ => {}
        }
    }

    pub(super) fn since_last_good_pass(&self) -> Option<Duration> {
        self.last_good().map(|at| at.elapsed())
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    fn last_good(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.last_good
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the API writes it.
pub(super) fn problem_word(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Hung => "hung",
        ProblemKind::Paused => "paused",
        ProblemKind::Failed => "failed",
        ProblemKind::Contested => "contested",
        ProblemKind::InUse => "in_use",
        ProblemKind::DisruptionForbidden => "disruption_forbidden",
        ProblemKind::NoLongerMatches => "no_longer_matches",
        ProblemKind::TooManyVfs => "too_many_vfs",
        ProblemKind::AddressTaken => "address_taken",
        ProblemKind::NoDriver => "no_driver",
        ProblemKind::ShortVfList => "short_vf_list",
        ProblemKind::Unsupported => "unsupported",
        ProblemKind::OfOthers => "of_others",
        ProblemKind::Awaits => "awaits",
        ProblemKind::PfDown => "pf_down",
        ProblemKind::PortOfBond => "port_of_bond",
    }
}
