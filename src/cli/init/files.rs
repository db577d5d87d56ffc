//! The files that `init` writes.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use super::guess::{Build, Guess, Port};
use crate::{cli::paths, target::FILE_NAME};

/// The script that it writes.
pub(super) const SCRIPT: &str = "smoke.toml";

/// A file that may not be there yet.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    text: String,
}

impl NewFile {
    /// One at a path from the root of the project.
    pub(super) fn new(path: impl Into<PathBuf>, text: String) -> Self {
        Self { path: paths::root().join(path.into()), text }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Its text, told from what is said of it.
    pub(super) fn indented(&self) -> String {
        let line =
            |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
        self.text.lines().map(line).collect()
    }

    /// Writes it, and nothing over what has come there meanwhile.
    pub(super) fn write(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.path)?
            .write_all(self.text.as_bytes())
    }
}

/// A manifest of the server and a script that asks it for `path`.
pub(super) fn of(guess: &Guess, path: &str) -> Vec<NewFile> {
    let dir = paths::targets().join(&guess.name);
    let root = up(&dir, paths::root());
    let mut files = vec![
        NewFile::new(dir.join(FILE_NAME), manifest(guess, path, &root)),
        NewFile::new(paths::scripts().join(SCRIPT), script(path)),
    ];
    if paths::targets().starts_with(paths::root().join(paths::FOLDER)) {
        let ignored = Path::new(paths::FOLDER).join(".gitignore");
        files.push(NewFile::new(ignored, "/runs/\n/cache/\n".to_owned()));
    }
    files
}

/// The way from a folder to one around it, such as `../..`; the other one as it is, where it is not.
fn up(from: &Path, to: &Path) -> String {
    match from.strip_prefix(to) {
        Ok(below) => {
            let steps = below.components().filter(|part| matches!(part, Component::Normal(_)));
            steps.map(|_| "..").collect::<Vec<_>>().join("/")
        }
        Err(_) => to.display().to_string(),
    }
}

fn manifest(guess: &Guess, path: &str, root: &str) -> String {
    let Guess { name, language, build, command, port, .. } = guess;
    let mut text =
        String::from("# How this project's server is built and started for measurements.\n");
    text += &format!("name = {}\n", quoted(name));
    if !language.is_empty() {
        text += &format!("language = {}\n", quoted(language));
    }
    text += "script = \"smoke\"\n";
    match build {
        Some(Build::Cargo { dir, bin }) => {
            let dir = Path::new(root).join(dir);
            let dir = dir.display().to_string();
            text += &format!(
                "\n[build]\nkind = \"cargo\"\ndir = {}\nbin = {}\n",
                quoted(dir.trim_end_matches('/')),
                quoted(bin)
            );
        }
        Some(Build::Go { package }) => {
            text += &format!("\n[build]\nkind = \"go\"\ndir = {}\n", quoted(root));
            if package != "." {
                text += &format!("package = {}\n", quoted(package));
            }
        }
        None => {}
    }
    if build.is_some() {
        text += "# files = [\".env\"]   # what git ignores and a revision needs\n";
    }
    text += &format!("\n[[process]]\nname = {}\ndir = {}\n", quoted(name), quoted(root));
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    text += &format!("command = [{}]\n", words.join(", "));
    text += &match port {
        Some(Port::Fixed(port)) => format!("port = {port}\n"),
        Some(Port::Variable(name)) => format!("env = {{ {name} = \"{{port}}\" }}\n"),
        Some(Port::Argument) | None => String::new(),
    };
    text + &format!("ready = {{ url = {} }}\n", quoted(path))
}

fn script(path: &str) -> String {
    format!(
        "# What the server is asked, and how hard. See `flameload scripts` for others to begin with.\n\
         schema = 1\nname = \"smoke\"\ndescription = {}\n\n\
         [load]\nmode = \"closed\"    # each connection sends its next request when the response has come\n\
         connections = 16\nduration = \"10s\"\nwarmup = \"2s\"\n\n[[request]]\nname = \"smoke\"\n\
         path = {}\nexpect = {{ status = 200 }}\n",
        quoted(&format!("GET {path} over 16 kept-alive connections")),
        quoted(path)
    )
}

/// A text as TOML has it, which is as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_manifest_says_what_was_found() {
        let guess = Guess {
            name: "shop".to_owned(),
            language: "Rust".to_owned(),
            build: Some(Build::Cargo { dir: "crates/api".into(), bin: "shop".to_owned() }),
            command: vec!["{bin}".to_owned()],
            port: Some(Port::Variable("PORT".to_owned())),
            remarks: Vec::new(),
        };
        let text = manifest(&guess, "/healthz", "../../..");
        expect![[r##"
            # How this project's server is built and started for measurements.
            name = "shop"
            language = "Rust"
            script = "smoke"

            [build]
            kind = "cargo"
            dir = "../../../crates/api"
            bin = "shop"
            # files = [".env"]   # what git ignores and a revision needs

            [[process]]
            name = "shop"
            dir = "../../.."
            command = ["{bin}"]
            env = { PORT = "{port}" }
            ready = { url = "/healthz" }
        "##]]
        .assert_eq(&text);
        let odd = Guess {
            language: String::new(),
            build: None,
            command: vec!["sh".to_owned(), "-c".to_owned(), "echo \"a\\b\"".to_owned()],
            port: Some(Port::Fixed(3000)),
            ..guess
        };
        let dir = tempfile::tempdir().expect("a folder");
        for guess in [odd.clone(), Guess { name: "x".to_owned(), ..odd }] {
            let text = manifest(&guess, "/", "..");
            fs::write(dir.path().join(FILE_NAME), &text).expect("it is ours");
            let read = crate::target::Manifest::read(dir.path()).expect("it fits");
            assert_eq!(read.processes[0].command[2].to_string(), "echo \"a\\b\"", "{text}");
            assert_eq!(read.processes[0].port, Some(3000));
        }
    }

    #[test]
    fn a_script_can_be_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(SCRIPT);
        for asked in ["/a?b=c", "/\"x\"/\\y"] {
            fs::write(&path, script(asked)).expect("it is ours");
            let scripts = crate::load::Script::read(&path).expect("it fits");
            assert_eq!(scripts[0].request().path, asked);
        }
    }

    #[test]
    fn the_way_up_is_as_long_as_the_way_down() {
        assert_eq!(up(Path::new("/a/b/c"), Path::new("/a")), "../..");
        assert_eq!(up(Path::new("/a"), Path::new("/b")), "/b");
    }
}
