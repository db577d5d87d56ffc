//! `flameload completions` and `flameload man`: what shells and man(1) want to know.

use anyhow::Context as _;

use crate::cli::{called, exit::Exit, out, parser};

/// Print what a shell completes the command line by
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload completions bash > ~/.local/share/bash-completion/completions/flameload
  flameload completions fish > ~/.config/fish/completions/flameload.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page, or that of a command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload man | man -l -
  flameload man regress > flameload-regress.1")]
pub struct ManArgs {
    /// The command
    command: Option<String>,
}

/// Runs `completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let (mut text, mut parser) = (Vec::new(), parser::<super::Command>(called()));
    clap_complete::generate(args.shell, &mut parser, name(), &mut text);
    print(&text)
}

/// Runs `man`.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    print(&page(args.command.as_deref())?)
}

/// The page of a command, or of the program.
fn page(command: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut parser = parser::<super::Command>(called());
    parser.build();
    let (found, title) = match command {
        None => (parser, name()),
        Some(command) => {
            let found = parser.find_subcommand(command).cloned();
            let found = found.with_context(|| format!("there is no command '{command}'"))?;
            (found, format!("{}-{command}", name()))
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(found).title(title).render(&mut text)?;
    Ok(text)
}

/// The program, which a shell knows by one word.
fn name() -> String {
    called().replace(' ', "-")
}

fn print(text: &[u8]) -> anyhow::Result<Exit> {
    out::print(std::str::from_utf8(text)?)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let parser = parser::<crate::cli::Command>("flameload");
        for command in parser.get_subcommands().map(clap::Command::get_name) {
            let text = page(Some(command)).expect("there is one");
            let text = String::from_utf8(text).expect("it is text");
            assert!(text.contains(&format!(".TH flameload-{command} 1")), "{text}");
        }
        assert!(page(None).is_ok() && page(Some("no")).is_err());
    }
}
