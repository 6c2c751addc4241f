//! Shell globs for interface and host names: `*`, `?`, `[a-z]`, `[!x]`.
//!
//! Whole names are matched, case counts, and nothing escapes: `[*]` is a star. The time is at most
//! pattern × name, whatever the pattern.

enum Token<'p> {
    Star,
    Any,
    Literal(char),
    /// What stands between the brackets.
    Set(&'p [char]),
}

/// A bracket that is not closed stands for itself, as in a shell.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let (tokens, _) = tokens(&pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut seen) = (0, 0);
    // The token after the last star, and how much of the name is left to it and those behind it.
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(&c) = name.get(seen) {
        match tokens.get(at) {
            Some(Token::Star) => {
                at += 1;
                last_star = Some((at, seen));
            }
            Some(token) if token.takes(c) => {
                at += 1;
                seen += 1;
            }
            _ => {
                // Earlier stars need not be tried again: the last one can take all they could.
                let Some((after, from)) = last_star else {
                    return false;
                };
                last_star = Some((after, from + 1));
                (at, seen) = (after, from + 1);
            }
        }
    }
    tokens[at..]
        .iter()
        .all(|token| matches!(token, Token::Star))
}

/// Whether it may match other names than its own.
pub fn is_glob(pattern: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let literal = |token: &Token<'_>| matches!(token, Token::Literal(_));
    !tokens(&pattern).0.iter().all(literal)
}

/// Every bracket is closed, so that nothing is taken literally by accident.
pub fn is_well_formed(pattern: &str) -> bool {
    tokens(&pattern.chars().collect::<Vec<_>>()).1
}

/// The tokens, and whether every bracket was closed.
fn tokens(mut pattern: &[char]) -> (Vec<Token<'_>>, bool) {
    let mut tokens = Vec::new();
    let mut well_formed = true;
    while let Some((&c, mut rest)) = pattern.split_first() {
        tokens.push(match (c, well_formed) {
            ('*', _) => Token::Star,
            ('?', _) => Token::Any,
            ('[', true) => match set_length(rest) {
                Some(length) => {
                    let set = &rest[..length];
                    rest = &rest[length + 1..];
                    Token::Set(set)
                }
                None => {
                    well_formed = false;
                    Token::Literal('[')
                }
            },
            (literal, _) => Token::Literal(literal),
        });
        pattern = rest;
    }
    (tokens, well_formed)
}

/// How far it is to the closing bracket. A `]` that comes first is a member.
fn set_length(after_bracket: &[char]) -> Option<usize> {
    let negated = matches!(after_bracket.first(), Some('!' | '^'));
    let first_end = 1 + usize::from(negated);
    let rest = after_bracket.get(first_end..)?;
    Some(first_end + rest.iter().position(|&c| c == ']')?)
}

impl Token<'_> {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Literal(literal) => *literal == c,
            Self::Set(set) => set_contains(set, c),
        }
    }
}

fn set_contains(set: &[char], c: char) -> bool {
    let (negated, mut members) = match set {
        ['!' | '^', members @ ..] => (true, members),
        members => (false, members),
    };
    let mut found = false;
    while let Some((&first, rest)) = members.split_first() {
        members = match rest {
            ['-', last, rest @ ..] => {
                found |= (first..=*last).contains(&c);
                rest
            }
            _ => {
                found |= first == c;
                rest
            }
        };
    }
    found != negated
}

#[cfg(test)]
mod tests;
