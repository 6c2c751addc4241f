//! Reads TOML tables key by key and never stops at the first error.
//!
//! The keys that a table asks for are the keys it knows: what is left at its end is unknown.

mod fault;
pub(crate) mod json;
mod shape;
mod table;
pub(crate) mod value;

use super::diagnostic::{Diagnostic, Severity, SourceText};
pub use fault::nearest;
pub(crate) use fault::{Expected, Fault};
use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
pub(crate) use table::Table;
use toml::de::DeTable;

pub(crate) type Span = Range<usize>;

/// More errors than this, or more warnings, help nobody.
const LIMIT: usize = 50;

pub(crate) struct Reader<'t> {
    file: &'t Path,
    text: SourceText<'t>,
    found: RefCell<Vec<(usize, Diagnostic)>>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(file: &'t Path, text: &'t str) -> Self {
        Self {
            file,
            text: SourceText::new(text),
            found: RefCell::default(),
        }
    }

    /// Reads the whole text; `None` where it is not TOML.
    pub(crate) fn document<T>(&self, read: impl FnOnce(&mut Table<'_>) -> T) -> Option<T> {
        match DeTable::parse(self.text.text()) {
            Ok(document) => Some(Table::read_through(
                self,
                document.get_ref(),
                "this file",
                0..0,
                &[],
                read,
            )),
            Err(error) => {
                let text = self.text.text();
                let span = error.span().unwrap_or(0..0);
                let before = text.get(..span.start).unwrap_or_default();
                let unexpected = text.get(span.clone()).unwrap_or_default();
                let fault = Fault::of_syntax(error.message(), before, unexpected);
                self.report(Severity::Error, &span, fault);
                None
            }
        }
    }

    pub(crate) fn file(&self) -> &Path {
        self.file
    }

    pub(crate) fn line_number(&self, span: &Span) -> usize {
        self.text.line_number(span.start)
    }

    /// The text, if it is the header of a table and not a value.
    fn header(&self, span: &Span) -> Option<&'t str> {
        let (before, text) = self.text.text().split_at_checked(span.start)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        let header = text.get(..span.len())?;
        (line.trim().is_empty() && header.starts_with('[') && header.ends_with(']'))
            .then_some(header)
    }

    pub(crate) fn error(&self, span: &Span, fault: impl Into<Fault>) {
        self.report(Severity::Error, span, fault.into());
    }

    pub(crate) fn warning(&self, span: &Span, fault: impl Into<Fault>) {
        self.report(Severity::Warning, span, fault.into());
    }

    fn report(&self, severity: Severity, span: &Span, fault: Fault) {
        let mut found = self.found.borrow_mut();
        let so_far = found.iter().filter(|(_, d)| d.severity == severity).count();
        if so_far > LIMIT {
            return;
        }
        let diagnostic = if so_far < LIMIT {
            Diagnostic {
                expected: fault.expected,
                suggestion: fault.suggestion,
                ..Diagnostic::new(severity, self.file, fault.message)
            }
        } else {
            Diagnostic::new(
                severity,
                self.file,
                "more is wrong in this file than is shown",
            )
        };
        let order = if so_far < LIMIT {
            span.start
        } else {
            usize::MAX
        };
        found.push((order, diagnostic.at(&self.text.excerpt(span))));
    }

    /// Everything that was found, in the order of the text.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(start, _)| *start);
        found
            .into_iter()
            .map(|(_, diagnostic)| diagnostic)
            .collect()
    }
}
