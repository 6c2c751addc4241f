//! What is wrong with a value or a key, before it has a place.

use std::borrow::Cow;

#[derive(Debug)]
pub(crate) struct Fault {
    pub(super) message: String,
    pub(super) expected: Option<String>,
    pub(super) suggestion: Option<String>,
}

/// What a value should have been: a phrase, and the words among which a typing error is looked for.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(super) phrase: Cow<'static, str>,
    pub(super) words: Vec<&'static str>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            expected: None,
            suggestion: None,
        }
    }

    pub(crate) fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// In our words where the parser's mislead.
    pub(super) fn of_syntax(message: &str, before: &str, unexpected: &str) -> Self {
        let (message, expected) = match message.split_once(", expected ") {
            Some((message, expected)) => (message, Some(expected)),
            None => (message, None),
        };
        match message {
            "duplicate key" if before.ends_with('[') => {
                Self::new(format!("[{unexpected}] is given twice"))
                    .suggesting("entries of a list have two brackets, as in [[policy]]")
            }
            "duplicate key" => Self::new(format!("key {unexpected:?} is given twice")),
            "string values must be quoted" | "invalid boolean" => {
                let message = match unexpected {
                    "" => "the value is missing".to_owned(),
                    _ => format!("{unexpected:?} is not a value"),
                };
                Self::new(message).expecting("text in quotation marks, a number, true or false")
            }
            _ => Self {
                message: message.to_owned(),
                expected: expected.map(str::to_owned),
                suggestion: None,
            },
        }
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&'static str> for Expected {
    fn from(phrase: &'static str) -> Self {
        Self {
            phrase: Cow::Borrowed(phrase),
            words: Vec::new(),
        }
    }
}

impl Expected {
    /// One of these words.
    pub(crate) fn word(words: Vec<&'static str>) -> Self {
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let phrase = match quoted.as_slice() {
            [others @ .., last] if !others.is_empty() => {
                format!("{} or {last}", others.join(", "))
            }
            _ => quoted.concat(),
        };
        Self {
            phrase: Cow::Owned(phrase),
            words,
        }
    }

    /// The phrase names these words among other things.
    pub(crate) fn phrase(phrase: &'static str, words: Vec<&'static str>) -> Self {
        Self {
            phrase: Cow::Borrowed(phrase),
            words,
        }
    }
}

/// Keys of the Kubernetes operator for SR-IOV that are called something else here.
const OPERATOR_KEYS: [(&str, &str); 3] = [
    ("nicSelector", "match"),
    ("rootDevices", "pci_address"),
    ("networkNamespace", "namespace"),
];

/// The candidate that was probably meant.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let renamed = OPERATOR_KEYS.iter().find(|(theirs, _)| *theirs == word);
    if let Some((_, ours)) = renamed.filter(|(_, ours)| candidates.contains(ours)) {
        return Some(ours);
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.'], "");
    let wanted = plain(&word.chars().take(64).collect::<String>());
    let tolerance = (wanted.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        let candidate = plain(candidate);
        let shorter = wanted.len().min(candidate.len());
        let extends = candidate.starts_with(&wanted) || wanted.starts_with(&candidate);
        match shorter >= 3 && extends {
            true => 1,
            false => strsim::damerau_levenshtein(&wanted, &candidate),
        }
    };
    candidates
        .iter()
        .map(|candidate| (distance(candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= tolerance && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
