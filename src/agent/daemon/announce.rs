//! What is new since it was last said: nothing is told twice.

use super::backoff::{Backoff, jitter};
use super::journal;
use super::publisher::Published;
use crate::api::Feed;
use crate::events::Cause;
use crate::load::{FileState, Loaded};
use sriovd_core::model::pools::POOLS;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::source::{ItemFault, ItemReport, SourceReport};
use sriovd_core::report::{
    Happening, News, Performed, PfReport, PfState, Problem, Trouble, event, sentence,
};
use sriovd_plugins::attach::{AttachError, Collected};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// With what caused it.
pub(super) fn in_full(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// A pass that is over, also one that did nothing.
pub(super) fn pass(
    pf: &PfReport,
    performed: &[Performed],
    cause: &Cause,
    took: Duration,
    feed: &Feed,
) {
    let changes = (!performed.is_empty()).then(|| sentence::pass_done(pf, performed, cause, took));
    feed.tell(Happening::PassDone {
        pf: pf.address,
        kind: cause.kind().to_owned(),
        trigger: cause.to_string(),
        changes,
        steps: performed.len(),
        good: matches!(pf.state, PfState::Ready | PfState::Unmanaged),
        duration_usec: event::microseconds(took),
    });
}

/// Problems that appeared, changed or ended.
pub(super) fn problems(pf: &PfReport, before: &[Problem], after: &[Problem], feed: &Feed) {
    let news = News::between(before, after);
    let address = pf.address;
    for &problem in &news.cleared {
        let (pf, problem) = (address, problem.clone());
        feed.tell(Happening::ProblemCleared { pf, problem });
    }
    for &problem in &news.appeared {
        let (pf, problem) = (address, problem.clone());
        feed.tell(Happening::ProblemAppeared { pf, problem });
    }
    for trouble in Trouble::group(&news.cleared) {
        journal::problem_cleared(pf, &trouble);
    }
    for trouble in Trouble::group(&news.appeared) {
        journal::problem_appeared(pf, &trouble);
    }
}

/// Policy files that broke or are good again; warnings that were not there before.
pub(super) fn policies(before: Option<&Loaded>, now: &Loaded) {
    let nothing = Loaded::default();
    let before = before.unwrap_or(&nothing);
    let was_broken = |path: &Path| {
        let mut files = before.files.iter();
        files.any(|file| file.path == path && file.state.is_broken())
    };
    for file in &now.files {
        match &file.state {
            FileState::Broken { kept_last_good } | FileState::Refused { kept_last_good } => {
                let errors = now.diagnostics.iter().filter(|it| it.file == file.path);
                let new = errors.filter(|it| it.is_error() && !before.diagnostics.contains(it));
                new.for_each(|it| {
                    journal::policy_broken(&file.path, &it.one_line(), *kept_last_good);
                });
            }
            FileState::Used if was_broken(&file.path) => journal::policy_restored(&file.path),
            FileState::PartlyBroken { .. } => {}
            FileState::Used | FileState::Masked | FileState::Overridden { .. } => {}
        }
    }
    now.sources.iter().for_each(|source| items(before, source));
    let new = |it: &&Diagnostic| !it.is_error() && !before.diagnostics.contains(it);
    now.diagnostics
        .iter()
        .filter(new)
        .for_each(|it| journal::policy_warning(&it.file, &it.one_line()));
}

/// Items of a source that are not in order, where that was not said before.
fn items(before: &Loaded, source: &SourceReport) {
    let mut sources = before.sources.iter();
    let before = sources.find(|it| it.name == source.name);
    let was_said = |item: &ItemReport, fault: &ItemFault| {
        let mut items = before.iter().flat_map(|source| &source.items);
        items.any(|it| (it.kind, &it.name) == (item.kind, &item.name) && it.faults.contains(fault))
    };
    for item in &source.items {
        let errors = item.faults.iter().filter(|fault| fault.is_error());
        for fault in errors.filter(|fault| !was_said(item, fault)) {
            journal::item_broken(source, item, fault);
        }
    }
}

/// What the state directory does not take, as it was said.
#[derive(Debug, Default)]
pub(super) struct Unsaved(Option<String>);

impl Unsaved {
    pub(super) fn announce(&mut self, error: Option<&(dyn Error + 'static)>) {
        let error = error.map(in_full);
        match &error {
            Some(error) if self.0.as_ref() != Some(error) => journal::state_not_saved(error),
            None if self.0.is_some() => journal::state_saved(),
            _ => {}
        }
        self.0 = error;
    }
}

fn refused(feed: &Feed, file: &Path, reason: &str) {
    feed.tell(Happening::OutputRefused {
        file: file.to_owned(),
        reason: reason.to_owned(),
    });
}

/// Files that are not as they should be, with the reason that was last given.
#[derive(Debug, Default)]
pub(super) struct AnnouncedOutputs {
    reasons: BTreeMap<PathBuf, String>,
    contested: BTreeSet<PathBuf>,
    unsaved: Unsaved,
}

const CONTESTED: &str = "another program keeps changing or removing it; it is written again less \
                         and less often until that ends";

impl AnnouncedOutputs {
    /// `node_state` and the pools are written whenever anything is seen to change: no news of its own.
    pub(super) fn announce(
        &mut self,
        published: &Published,
        contested: BTreeSet<PathBuf>,
        node_state: &Path,
        feed: &Feed,
    ) {
        self.announce_drift(&published.repaired, contested, feed);
        self.unsaved
            .announce(published.unsaved.as_ref().map(|it| it as _));
        let mut reasons = BTreeMap::new();
        for (file, reason) in published.held_back() {
            if self.is_new(&file, &reason) {
                journal::output_held_back(&file, &reason);
                refused(feed, &file, &reason);
            }
            reasons.insert(file, reason);
        }
        let Some(report) = &published.report else {
            self.reasons.extend(reasons);
            return;
        };
        report.removed.iter().for_each(|file| {
            journal::output_removed(file);
            let file = file.clone();
            feed.tell(Happening::OutputRemoved { file });
        });
        report
            .written
            .iter()
            .filter(|file| *file != node_state && *file != Path::new(POOLS))
            .filter(|file| !published.repaired.contains(*file))
            .for_each(|file| {
                journal::output_written(file);
                let file = file.clone();
                feed.tell(Happening::OutputWritten { file });
            });
        let taken_by_others = report
            .refused
            .iter()
            .map(|(file, reason)| (file, reason.to_string()));
        let failed = report
            .failed
            .iter()
            .map(|(file, error)| (file, in_full(error)));
        for (file, reason) in taken_by_others.chain(failed) {
            if self.is_new(file, &reason) {
                journal::output_refused(file, &reason);
                refused(feed, file, &reason);
            }
            reasons.insert(file.clone(), reason);
        }
        // Where nothing could be done in a directory, what was said of its files may still be so.
        let before = std::mem::take(&mut self.reasons).into_iter();
        let is_hidden = |file: &Path| {
            let directory = file.parent();
            (report.failed.iter()).any(|(failed, _)| Some(failed.as_path()) == directory)
        };
        for (file, reason) in before.filter(|(file, _)| is_hidden(file)) {
            reasons.entry(file).or_insert(reason);
        }
        self.reasons = reasons;
    }

    /// What is contested is told once, and not each time it is written again.
    fn announce_drift(
        &mut self,
        repaired: &BTreeSet<PathBuf>,
        contested: BTreeSet<PathBuf>,
        feed: &Feed,
    ) {
        for file in repaired.difference(&contested) {
            journal::output_repaired(file);
            let file = file.clone();
            feed.tell(Happening::OutputWritten { file });
        }
        for file in contested.difference(&self.contested) {
            journal::output_contested(file, CONTESTED);
            refused(feed, file, CONTESTED);
        }
        let over = self.contested.difference(&contested);
        over.for_each(|file| journal::output_uncontested(file));
        self.contested = contested;
    }

    fn is_new(&self, file: &Path, reason: &str) -> bool {
        self.reasons.get(file).is_none_or(|said| said != reason)
    }
}

/// What came back from containers that ended without a word, and what has not.
#[derive(Default)]
pub(super) struct Collection {
    said: BTreeSet<String>,
    backoff: Backoff,
    /// That a record can be read again gives no event.
    pub(super) retry_at: Option<Instant>,
}

impl Collection {
    /// `of_all`: of every PF.
    pub(super) fn announce(&mut self, collected: &[Result<Collected, AttachError>], of_all: bool) {
        let mut wrong = BTreeSet::new();
        for result in collected {
            match result {
                Ok(collected) => journal::vf_collected(collected),
                Err(error) => {
                    wrong.insert(in_full(error));
                }
            }
        }
        let new = wrong.difference(&self.said);
        new.for_each(|text| journal::not_collected(text));
        if of_all {
            // What was read of one PF says nothing of the others.
            self.said.clear();
        }
        self.said.append(&mut wrong);
        if self.said.is_empty() {
            self.backoff.reset();
            self.retry_at = None;
        } else if self.retry_at.is_none() {
            self.retry_at = Some(Instant::now() + self.backoff.next(jitter()));
        }
    }
}

#[cfg(test)]
mod tests;
