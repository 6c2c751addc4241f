//! Somebody who knows of problems only what is told of them: what appeared, and what ended.

use sriovd_core::model::PciAddress;
use sriovd_core::report::{News, Problem};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// What was told last, to tell only what is new.
    told: BTreeMap<PciAddress, Vec<Problem>>,
    /// What there must be, by what was heard.
    heard: BTreeMap<PciAddress, Vec<Problem>>,
}

impl Listener {
    /// A pass over the PF has found these problems; after it, what was heard is what is so.
    pub(crate) fn hear(&mut self, pf: PciAddress, problems: &[Problem]) {
        let before = self.told.insert(pf, problems.to_vec()).unwrap_or_default();
        let news = News::between(&before, problems);
        let heard = self.heard.entry(pf).or_default();
        for ended in news.cleared {
            let count = heard.len();
            heard.retain(|it| it != ended);
            assert_ne!(
                heard.len(),
                count,
                "{ended:?} ended, and nobody heard that it began"
            );
        }
        for new in news.appeared {
            heard.retain(|it| it.place() != new.place());
            heard.push(new.clone());
        }
        heard.sort();
        assert_eq!(heard, problems, "what was heard, and what is");
    }
}
