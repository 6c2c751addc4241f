//! JSON over several lines, byte for byte as Go's `json.Indent` writes it: what the operator wrote is then not written again.

/// One level.
const INDENT: &str = "    ";

/// The same values in the same words; only white space between them changes.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(2 * json.len());
    let mut depth = 0;
    let (mut is_text, mut is_escaped) = (false, false);
    // Whatever is empty stays on its line.
    let mut is_opened = false;
    for c in json.chars() {
        if is_text {
            text.push(c);
            is_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        if is_opened && !closes {
            depth += 1;
            line(&mut text, depth);
        }
        match c {
            '}' | ']' if !is_opened => {
                depth -= 1;
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(c),
        }
        is_opened = matches!(c, '{' | '[');
        is_text = c == '"';
    }
    text
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(INDENT, depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each with what Go 1.26 makes of it.
    #[test]
    fn json_is_as_go_indents_it() {
        for (compact, wanted) in [
            ("{}", "{}"),
            ("{ }", "{}"),
            ("  {\"a\" :1}", "{\n    \"a\": 1\n}"),
            (
                "{\"a\":[ ],\"b\":{ }}",
                "{\n    \"a\": [],\n    \"b\": {}\n}",
            ),
            (
                "[1,[2.50,{\"k\":\"v\"}],null]",
                "[\n    1,\n    [\n        2.50,\n        {\n            \"k\": \"v\"\n        }\n    ],\n    null\n]",
            ),
            (
                r#"{"a b":"{ \"x\" : [1,2] }\\","ü":"\u00fc"}"#,
                "{\n    \"a b\": \"{ \\\"x\\\" : [1,2] }\\\\\",\n    \"ü\": \"\\u00fc\"\n}",
            ),
        ] {
            assert_eq!(indented(compact), wanted, "{compact}");
        }
    }
}
