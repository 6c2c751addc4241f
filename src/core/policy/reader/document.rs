//! A text of TOML, and the places of its keys.

use super::{EntryPart, Fault, Given, KeyPath, PathStep, Table, key};
use crate::policy::diagnostic::{Diagnostic, Severity, SourceText};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// In bytes of the text.
pub type Span = Range<usize>;

/// More errors than this, or more warnings, help nobody.
const LIMIT: usize = 50;

/// A text that is TOML.
pub struct Document<'t> {
    file: &'t Path,
    text: SourceText<'t>,
    table: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// The path is for messages only. An error is one diagnostic, where the text stops being TOML.
    pub fn parse(file: &'t Path, text: &'t str) -> Result<Self, Vec<Diagnostic>> {
        let source = SourceText::new(text);
        match DeTable::parse(text) {
            Ok(table) => Ok(Self {
                file,
                text: source,
                table,
            }),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let before = text.get(..span.start).unwrap_or_default();
                let unexpected = text.get(span.clone()).unwrap_or_default();
                let fault = of_syntax(error.message(), before, unexpected);
                Err(vec![diagnostic(file, &source, &span, fault)])
            }
        }
    }

    /// The table that it is, with the faults of its keys and values.
    pub fn read<T: Table>(&self) -> (T, Vec<Fault>) {
        let (table, faults) = key::read_whole(&Given::from(self.table.get_ref()));
        (table.unwrap_or_default(), faults)
    }

    /// Counted from 1.
    pub fn line_number(&self, path: &KeyPath) -> usize {
        self.text
            .line_number(self.span(path, EntryPart::Value).start)
    }

    /// Of a table in brackets its header is the place, and of what is not there the table that
    /// lacks it.
    pub fn span(&self, path: &KeyPath, part: EntryPart) -> Span {
        let mut found = 0..0;
        let mut within = At::Table(self.table.get_ref());
        for step in &path.0 {
            let next = match (&within, step) {
                (At::Table(table), PathStep::Key(key)) => table.get_key_value(key.as_str()),
                (At::Value(DeValue::Table(table)), PathStep::Key(key)) => {
                    table.get_key_value(key.as_str())
                }
                (At::Value(DeValue::Array(items)), PathStep::Index(index)) => {
                    let Some(item) = items.get(*index) else { break };
                    (found, within) = (item.span(), At::Value(item.get_ref()));
                    continue;
                }
                _ => None,
            };
            let Some((key, value)) = next else { break };
            if part == EntryPart::Name && std::ptr::eq(step, &path.0[path.0.len() - 1]) {
                return key.span();
            }
            (found, within) = (value.span(), At::Value(value.get_ref()));
        }
        found
    }

    /// What is wrong, in the order of the text.
    pub fn diagnostics(&self, faults: Vec<Fault>) -> Vec<Diagnostic> {
        let placed = faults.into_iter().map(|fault| {
            let span = self.span(&fault.path, fault.part);
            (span.start, self.diagnostic(&span, fault))
        });
        let mut placed: Vec<_> = placed.collect();
        placed.sort_by_key(|(start, _)| *start);
        let mut shown = Vec::new();
        for severity in [Severity::Error, Severity::Warning] {
            let mut of_kind = placed.iter().filter(|(_, it)| it.severity == severity);
            shown.extend(of_kind.by_ref().take(LIMIT).cloned());
            if of_kind.next().is_some() {
                let message = "more is wrong in this file than is shown";
                let more = Diagnostic::new(severity, self.file, message);
                let end = self.text.text().len();
                shown.push((usize::MAX, more.at(&self.text.excerpt(&(end..end)))));
            }
        }
        shown.sort_by_key(|(start, _)| *start);
        shown
            .into_iter()
            .map(|(_, diagnostic)| diagnostic)
            .collect()
    }

    fn diagnostic(&self, span: &Span, mut fault: Fault) -> Diagnostic {
        if let Some(other) = fault.other.take() {
            fault.message += &format!(" on line {}", self.line_number(&other));
        }
        if let Some(header) = self.header(span) {
            fault.suggestion = fault.suggestion.or(match fault.expected.as_deref() {
                Some("a table") => {
                    let one = &header[1..header.len() - 1];
                    Some(format!("write {one} with one bracket"))
                }
                Some("a list of tables") => Some(format!("write [{header}] with two brackets")),
                _ => None,
            });
        }
        diagnostic(self.file, &self.text, span, fault)
    }

    /// The text, if it is the header of a table and not a value.
    fn header(&self, span: &Span) -> Option<&'t str> {
        let (before, text) = self.text.text().split_at_checked(span.start)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        let header = text.get(..span.len())?;
        (line.trim().is_empty() && header.starts_with('[') && header.ends_with(']'))
            .then_some(header)
    }
}

enum At<'d> {
    Table(&'d DeTable<'d>),
    Value(&'d DeValue<'d>),
}

fn diagnostic(file: &Path, text: &SourceText<'_>, span: &Span, fault: Fault) -> Diagnostic {
    Diagnostic {
        expected: fault.expected,
        suggestion: fault.suggestion,
        ..Diagnostic::new(fault.severity, file, fault.message)
    }
    .at(&text.excerpt(span))
}

/// In our words where the parser's mislead.
fn of_syntax(message: &str, before: &str, unexpected: &str) -> Fault {
    let (message, expected) = match message.split_once(", expected ") {
        Some((message, expected)) => (message, Some(expected)),
        None => (message, None),
    };
    match message {
        "duplicate key" if before.ends_with('[') => {
            Fault::new(format!("[{unexpected}] is given twice"))
                .suggesting("entries of a list have two brackets, as in [[policy]]")
        }
        "duplicate key" => Fault::new(format!("key {unexpected:?} is given twice")),
        "string values must be quoted" | "invalid boolean" => {
            let message = match unexpected {
                "" => "the value is missing".to_owned(),
                _ => format!("{unexpected:?} is not a value"),
            };
            Fault::new(message).expecting("text in quotation marks, a number, true or false")
        }
        _ => Fault {
            expected: expected.map(str::to_owned),
            ..Fault::new(message)
        },
    }
}
