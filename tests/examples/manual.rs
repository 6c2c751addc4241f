//! sriovctl(1), made from the arguments that sriovctl takes. `UPDATE=1` rewrites it.

use crate::document;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use sriovd_ctl::Arguments;
use std::fs;
use std::io::{self, Write};

/// clap_mangen's words for an apostrophe, once per section.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

type Section = fn(&Man, &mut dyn Write) -> io::Result<()>;

fn rendered(manual: &Man, sections: &[Section]) -> String {
    let mut text = Vec::new();
    for section in sections {
        section(manual, &mut text).unwrap();
    }
    let text = String::from_utf8(text).unwrap().replace(PREAMBLE, "");
    // Breaks that other breaks make superfluous, of which mandoc warns.
    let text = text.replace("\n.br\n\n.br\n", "\n\n");
    text.replace("\n\n.br\n", "\n\n")
}

fn page() -> String {
    let mut command = Arguments::command();
    command.build();
    // A day that passes must not change the page.
    let manual = Man::new(command.clone())
        .title("SRIOVCTL")
        .date("2026-11-21")
        .source("sriovd");
    let head = rendered(
        &manual,
        &[
            |it, to| it.render_title(to),
            |it, to| it.render_name_section(to),
            |it, to| it.render_synopsis_section(to),
            |it, to| it.render_description_section(to),
            |it, to| it.render_options_section(to),
        ],
    );
    let commands = command
        .get_subcommands()
        .filter(|it| it.get_name() != "help");
    let commands: String = commands.map(section).collect();
    let tail = rendered(&manual, &[|it, to| it.render_extra_section(to)]);
    let tail = tail.replace(".SH EXTRA", ".SH \"EXIT STATUS\"");
    let related = ".BR sriov.d (5),\n.BR sriovd.toml (5),\n.BR sriovd (8)\n";
    format!("{PREAMBLE}{head}.SH COMMANDS\n{commands}{tail}.SH \"SEE ALSO\"\n{related}")
}

fn section(command: &Command) -> String {
    let mut own = command.clone();
    // What all commands take stands once, above.
    let everywhere = ["socket", "root", "json", "help", "version"];
    for argument in command.get_arguments().map(|it| it.get_id().as_str()) {
        if everywhere.contains(&argument) {
            own = own.mut_arg(argument, |it| it.hide(true));
        }
    }
    let usage = own.render_usage().to_string().replace('-', "\\-");
    let usage = usage.trim_start_matches("Usage: ");
    let mut sections: Vec<Section> = vec![|it, to| it.render_description_section(to)];
    if own.get_arguments().any(|it| !it.is_hide_set()) {
        sections.push(|it, to| it.render_options_section(to));
    }
    let text = rendered(&Man::new(own), &sections);
    let lines = text.lines().filter(|line| !line.starts_with(".SH"));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!(".SS \"{usage}\"\n{lines}")
}

#[test]
fn the_manual_page_of_sriovctl_is_that_of_its_arguments() {
    let file = document::root().join("packaging/man/sriovctl.1");
    let page = page();
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(file, page).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(file).unwrap_or_default() == page,
        "UPDATE=1 cargo test --test examples rewrites it:\n{page}"
    );
}
