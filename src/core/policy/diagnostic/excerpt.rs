//! From bytes of a text to the line, the column and the words around them.

use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Range;

/// The longest part of a line that is shown.
const SHOWN: usize = 110;
/// How much of a cut line is shown before the place.
const BEFORE: usize = 40;

/// A place in a text. Lines and columns count from 1, columns and widths in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
pub struct Place {
    /// Its line.
    pub line: usize,
    /// Its first character.
    pub column: usize,
    /// How many characters it has, at least 1.
    pub width: usize,
}

/// A text that knows where its lines begin.
pub struct SourceText<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

/// A place with the line it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Where in the text.
    pub place: Place,
    /// The line, or of a long line the part around the place.
    pub text: String,
    /// The column of the first character of `text`.
    pub text_column: usize,
}

impl<'t> SourceText<'t> {
    /// Looks for the lines of a text.
    pub fn new(text: &'t str) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(newlines).collect(),
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The number of the line that holds this byte.
    pub fn line_number(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// `span` is in bytes. What lies behind the last line is moved to its end.
    pub fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let last = self.text.trim_end_matches(['\n', '\r']).len();
        let start = self.boundary(span.start.min(last));
        let number = self.line_number(start);
        let line_start = self.line_starts[number - 1];
        let rest = &self.text[line_start..];
        let line = rest
            .split(['\n'])
            .next()
            .unwrap_or(rest)
            .trim_end_matches('\r');
        let line_end = (line_start + line.len()).max(start);
        let end = self.boundary(span.end.clamp(start, line_end));

        let before = self.text[line_start..start].chars().count();
        let (text_column, text) = cut(line, before);
        Excerpt {
            place: Place {
                line: number,
                column: before + 1,
                width: self.text[start..end].chars().count().max(1),
            },
            text,
            text_column,
        }
    }

    fn boundary(&self, mut at: usize) -> usize {
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The part of a line around its character `place`, and the column at which the part begins.
fn cut(line: &str, place: usize) -> (usize, String) {
    let length = line.chars().count();
    if length <= SHOWN {
        return (1, line.to_owned());
    }
    let first = place.saturating_sub(BEFORE).min(length - SHOWN);
    let mut part: Vec<char> = line.chars().skip(first).take(SHOWN).collect();
    if let (true, Some(left)) = (first > 0, part.first_mut()) {
        *left = '…';
    }
    if let (true, Some(right)) = (first + SHOWN < length, part.last_mut()) {
        *right = '…';
    }
    (first + 1, part.into_iter().collect())
}
