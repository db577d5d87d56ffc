//! What a project says of its server.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What is known of a server before it was ever started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    /// What the target is called.
    pub(super) name: String,
    /// What it is written in.
    pub(super) language: String,
    /// How it is built; none where it is not.
    pub(super) build: Option<Build>,
    /// How it is started: `{bin}` is what was built.
    pub(super) command: Vec<String>,
    /// None where that is not to be seen.
    pub(super) port: Option<Port>,
    /// What to tell the user.
    pub(super) remarks: Vec<String>,
}

/// How a server is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Build {
    /// With the folder of the package from the root.
    Cargo { dir: PathBuf, bin: String },
    /// With the package, as the go command takes it.
    Go { package: String },
}

/// How a server knows where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    /// It always takes this one.
    Fixed(u16),
    /// This variable says it.
    Variable(String),
    /// Its command says it.
    Argument,
}

impl Port {
    /// What somebody says: a number, or the name of a variable.
    ///
    /// # Errors
    /// When it is neither.
    pub(super) fn told(text: &str) -> anyhow::Result<Self> {
        if let Ok(port) = text.parse::<NonZero<u16>>() {
            return Ok(Self::Fixed(port.get()));
        }
        let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name {
            bail!("'{text}' is neither a port nor the name of a variable");
        }
        Ok(Self::Variable(text.to_owned()))
    }
}

/// Crates that make a program a server, the most telling first.
const FRAMEWORKS: [&str; 8] =
    ["axum", "actix-web", "rocket", "warp", "poem", "salvo", "tonic", "hyper"];
/// Variables by which servers are told their port.
const VARIABLES: [&str; 5] = ["PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT", "ROCKET_PORT"];
/// More of a project's files than this are not looked through.
const FILES_MAX: usize = 2_000;
/// Nor longer ones.
const FILE_MAX: u64 = 1 << 20;
/// Folders that are nobody's own source.
const FOREIGN: [&str; 6] = ["target", "node_modules", "vendor", "dist", "build", "testdata"];

/// A server that is started by a command, as one types it.
pub(super) fn of_command(root: &Path, command: &str) -> anyhow::Result<Guess> {
    let command = words(command)?;
    let port = command.iter().any(|word| word.contains("{port}")).then_some(Port::Argument);
    Ok(Guess {
        name: name_of(root),
        language: String::new(),
        build: None,
        command,
        port,
        remarks: Vec::new(),
    })
}

/// The server of a project that cargo, go or npm knows.
///
/// # Errors
/// When there is none, or several and `bin` names none of them.
pub(super) fn of_project(root: &Path, bin: Option<&str>) -> anyhow::Result<Guess> {
    if root.join("Cargo.toml").is_file() {
        return cargo(root, bin);
    }
    if root.join("go.mod").is_file() {
        return go(root, bin);
    }
    if root.join("package.json").is_file() {
        return node(root);
    }
    let python = ["pyproject.toml", "requirements.txt"].iter().any(|it| root.join(it).is_file());
    let example = match python {
        true => "--command 'python3 -m uvicorn app:app --port {port}'",
        false => "--command './server --port {port}'",
    };
    bail!(
        "how the server in {} is started is not to be seen: say it, as in `init {example}`",
        root.display()
    )
}

fn cargo(root: &Path, bin: Option<&str>) -> anyhow::Result<Guess> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let mut programs = programs(&metadata);
    if let Some(bin) = bin {
        programs.retain(|program| program.bin == bin);
    } else if programs.iter().any(|program| program.framework.is_some()) {
        programs.retain(|program| program.framework.is_some());
    }
    let program = match programs.as_slice() {
        [only] => only,
        [] => match bin {
            Some(bin) => bail!("no package in {} has a binary '{bin}'", root.display()),
            None => bail!("no package in {} has a binary", root.display()),
        },
        several => {
            let names: Vec<&str> = several.iter().map(|program| program.bin.as_str()).collect();
            bail!("which is the server? --bin names one of {}", names.join(", "))
        }
    };
    let Program { bin, folder, framework } = program;
    let mut remarks = Vec::new();
    if framework.is_none() {
        remarks.push(format!("'{bin}' depends on no framework for servers that is known here"));
    }
    Ok(Guess {
        name: bin.clone(),
        language: "Rust".to_owned(),
        build: Some(Build::Cargo {
            dir: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
            bin: bin.clone(),
        }),
        command: vec!["{bin}".to_owned()],
        port: match framework {
            Some("rocket") => Some(Port::Variable("ROCKET_PORT".to_owned())),
            _ => port_in(folder, "rs"),
        },
        remarks,
    })
}

/// A binary of a cargo package.
struct Program {
    bin: String,
    folder: PathBuf,
    framework: Option<&'static str>,
}

fn programs(metadata: &Value) -> Vec<Program> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let path = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let dependencies = package["dependencies"].as_array();
        let has = |name: &&&str| {
            dependencies.is_some_and(|all| all.iter().any(|it| it["name"].as_str() == Some(**name)))
        };
        let framework = FRAMEWORKS.iter().find(has).copied();
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_bin =
                target["kind"].as_array().is_some_and(|kinds| kinds.contains(&"bin".into()));
            if let (true, Some(bin), Some(folder)) =
                (is_bin, target["name"].as_str(), path.parent())
            {
                found.push(Program { bin: bin.to_owned(), folder: folder.to_owned(), framework });
            }
        }
    }
    found
}

fn go(root: &Path, package: Option<&str>) -> anyhow::Result<Guess> {
    let commands = root.join("cmd");
    let mut packages: Vec<String> = match package {
        Some(package) if !has_main(&root.join(package)) => {
            bail!("there is no package main in {}", root.join(package).display())
        }
        // Without a dot, go looks among what it comes with.
        Some(package) if package.starts_with('.') => vec![package.to_owned()],
        Some(package) => vec![format!("./{package}")],
        None if has_main(root) => vec![".".to_owned()],
        None => fs::read_dir(&commands)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| has_main(&entry.path()))
            .filter_map(|entry| Some(format!("./cmd/{}", entry.file_name().to_str()?)))
            .collect(),
    };
    packages.sort();
    let package = match packages.as_slice() {
        [only] => only,
        [] => bail!("no package main in {} or its cmd/: --bin names one", root.display()),
        several => bail!("which is the server? --bin names one of {}", several.join(", ")),
    };
    let name = match package.rsplit('/').next() {
        Some(name) if name != "." => plain(name),
        _ => name_of(root),
    };
    Ok(Guess {
        name,
        language: "Go".to_owned(),
        build: Some(Build::Go { package: package.clone() }),
        command: vec!["{bin}".to_owned()],
        port: port_in(root, "go"),
        remarks: Vec::new(),
    })
}

fn has_main(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut go = files.filter(|path| path.extension().is_some_and(|extension| extension == "go"));
    go.any(|path| {
        read(&path).is_some_and(|text| text.lines().any(|line| line.trim() == "package main"))
    })
}

fn node(root: &Path) -> anyhow::Result<Guess> {
    let path = root.join("package.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let package: Value =
        serde_json::from_str(&text).with_context(|| format!("{} does not fit", path.display()))?;
    // npm stands between us and the server, and passes signals on badly.
    let command = match (package["scripts"]["start"].as_str(), package["main"].as_str()) {
        (Some(start), _) => words(start)?,
        (None, Some(main)) => vec!["node".to_owned(), main.to_owned()],
        (None, None) => bail!(
            "{} has neither `scripts.start` nor `main`: say how the server is started, as in \
             `init --command 'node server.js'`",
            path.display()
        ),
    };
    Ok(Guess {
        name: package["name"].as_str().map_or_else(|| name_of(root), plain),
        language: "JavaScript".to_owned(),
        build: None,
        command,
        port: port_in(root, "js").or_else(|| port_in(root, "ts")),
        remarks: vec![
            "functions of JavaScript have names with `node --perf-basic-prof`".to_owned(),
        ],
    })
}

/// How the sources below a folder read their port: from a variable, or always the same.
fn port_in(folder: &Path, extension: &str) -> Option<Port> {
    let mut files = Vec::new();
    walk(folder, extension, &mut files);
    let texts: Vec<String> = files.iter().filter_map(|path| read(path)).collect();
    let quoted = |name: &&&str| {
        let forms = [format!("\"{name}\""), format!("'{name}'"), format!("env.{name}")];
        texts.iter().any(|text| forms.iter().any(|form| text.contains(form.as_str())))
    };
    if let Some(name) = VARIABLES.iter().find(quoted) {
        return Some(Port::Variable((*name).to_owned()));
    }
    let mut ports: Vec<u16> = texts.iter().flat_map(|text| ports(text)).collect();
    ports.sort_unstable();
    ports.dedup();
    match ports.as_slice() {
        [only] => Some(Port::Fixed(*only)),
        _ => None,
    }
}

/// The ports of addresses to listen on in a text, as `127.0.0.1:3000`, `[::]:3000` or `":3000"`.
fn ports(text: &str) -> impl Iterator<Item = u16> + '_ {
    const HOSTS: [&str; 6] = ["127.0.0.1:", "0.0.0.0:", "localhost:", "[::]:", "[::1]:", "\":"];
    let after =
        HOSTS.iter().flat_map(move |host| text.match_indices(host).map(|(at, _)| at + host.len()));
    after.filter_map(move |at| {
        let digits = text[at..].split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().filter(|port| *port > 0)
    })
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if found.len() >= FILES_MAX || name.starts_with('.') || FOREIGN.contains(&name) {
            continue;
        }
        // What a link leads to is met where it is.
        let is = |kind: fn(&fs::FileType) -> bool| {
            fs::symlink_metadata(&path).is_ok_and(|it| kind(&it.file_type()))
        };
        if is(fs::FileType::is_dir) {
            walk(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) && is(fs::FileType::is_file)
        {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let is_short = fs::metadata(path).is_ok_and(|it| it.len() <= FILE_MAX);
    is_short.then(|| fs::read_to_string(path).ok()).flatten()
}

/// The words of a command line, with quotes as a shell has them; nothing else of a shell.
fn words(line: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() || words.is_empty() {
        bail!("'{line}' is no command");
    }
    let is_shells = |word: &String| ["&&", "||", "|", ";", ">", "<"].contains(&word.as_str());
    if words.iter().any(is_shells) {
        return Ok(vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]);
    }
    Ok(words)
}

/// A name for what is in a folder.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    plain(&name.unwrap_or_default())
}

/// A name as targets have them.
pub(super) fn plain(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let fits = |c: char| if c.is_alphanumeric() || "-_.+".contains(c) { c } else { '-' };
    let name: String = name.chars().map(fits).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "server".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_port_is_read_is_seen_in_the_sources() {
        let dir = tempfile::tempdir().expect("a folder");
        let check = |text: &str, port: Option<Port>| {
            fs::write(dir.path().join("main.rs"), text).expect("it is ours");
            assert_eq!(port_in(dir.path(), "rs"), port, "{text}");
        };
        let variable = |name: &str| Some(Port::Variable(name.to_owned()));
        check("let port = std::env::var(\"PORT\").unwrap();", variable("PORT"));
        check("env!(\"HTTP_PORT\") \"127.0.0.1:80\"", variable("HTTP_PORT"));
        check("TcpListener::bind(\"0.0.0.0:3000\")", Some(Port::Fixed(3000)));
        check("bind(\"[::]:8080\"); print(\"http://localhost:8080/\")", Some(Port::Fixed(8080)));
        check("a(\"127.0.0.1:1\"); b(\"127.0.0.1:2\")", None);
        check("bind(\"127.0.0.1:0\"); \"127.0.0.1:99999\"", None);
        check("", None);
    }

    #[test]
    fn commands_have_the_words_that_a_shell_sees() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(words(line).expect("a command"), expected, "{line}");
        };
        check("npm start", &["npm", "start"]);
        check(" a 'b c' \"d\"e  '' ", &["a", "b c", "de", ""]);
        check("a && b", &["sh", "-c", "a && b"]);
        assert!(words("").is_err() && words("'a").is_err());
    }

    #[test]
    fn a_port_is_a_number_or_a_name() {
        assert_eq!(Port::told("3000").ok(), Some(Port::Fixed(3000)));
        assert_eq!(Port::told("MY_PORT").ok(), Some(Port::Variable("MY_PORT".to_owned())));
        for wrong in ["", "0", "70000", "-1", "A B", "A\"", "1A"] {
            assert!(Port::told(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_of_targets() {
        for (name, expected) in [
            ("shop", "shop"),
            ("@my/shop api", "shop-api"),
            (".x", "x"),
            ("..", "server"),
            ("../../x", "x"),
            ("", "server"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }
}
