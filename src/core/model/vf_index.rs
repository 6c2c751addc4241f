//! Which VFs: their indexes on the PF, and lists of them as policies write them.

use super::{Malformed, serde_as_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of a VF on its PF: `virtfn3` is index 3.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct VfIndex(pub u16);

impl fmt::Display for VfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Indexes written as `0-3,5`: first and last inclusive, ascending, without overlap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VfRange(Vec<(u16, u16)>);

impl VfRange {
    /// The first `count` VFs; `None` for none.
    pub fn first(count: u16) -> Option<Self> {
        count.checked_sub(1).map(|last| Self(vec![(0, last)]))
    }

    /// `None` for none; ascending.
    pub fn of(indexes: impl IntoIterator<Item = VfIndex>) -> Option<Self> {
        let mut spans: Vec<(u16, u16)> = Vec::new();
        for VfIndex(index) in indexes {
            match spans.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(index) => *last = index,
                _ => spans.push((index, index)),
            }
        }
        (!spans.is_empty()).then_some(Self(spans))
    }

    /// All VFs that are in any of them; `None` for none.
    pub fn union<'a>(ranges: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let ranges = ranges.into_iter();
        let mut spans: Vec<_> = ranges.flat_map(|range| range.0.iter().copied()).collect();
        spans.sort_unstable();
        let mut union: Vec<(u16, u16)> = Vec::new();
        for (first, last) in spans {
            match union.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => union.push((first, last)),
            }
        }
        (!union.is_empty()).then_some(Self(union))
    }

    /// Whether the VF is in it.
    pub fn contains(&self, index: VfIndex) -> bool {
        self.0
            .iter()
            .any(|&(first, last)| (first..=last).contains(&index.0))
    }

    /// Whether any VF is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0
            .iter()
            .any(|&(a, b)| other.0.iter().any(|&(c, d)| a <= d && c <= b))
    }

    /// The highest index. A range is never empty.
    pub fn last(&self) -> VfIndex {
        VfIndex(self.0.last().map_or(0, |&(_, last)| last))
    }

    /// First and last index of each span, ascending, both inclusive.
    pub fn spans(&self) -> impl Iterator<Item = (VfIndex, VfIndex)> + '_ {
        self.0
            .iter()
            .map(|&(first, last)| (VfIndex(first), VfIndex(last)))
    }
}

impl fmt::Display for VfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, &(first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for VfRange {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let span = |part: &str| match part.split_once('-') {
            Some((first, last)) => Some((number(first)?, number(last)?)).filter(|(a, b)| a <= b),
            None => number(part).map(|only| (only, only)),
        };
        let spans: Option<Vec<_>> = text.split(',').map(|part| span(part.trim())).collect();
        spans
            .map(|mut spans| {
                spans.sort_unstable();
                spans
            })
            .filter(|spans| spans.windows(2).all(|pair| pair[0].1 < pair[1].0))
            .map(Self)
            .ok_or_else(|| Malformed::new(text, "a list of VF indexes such as 0-3,5, each once"))
    }
}
serde_as_text!(VfRange, {
    "description": "VF indexes, as in 0-3,5",
});
