//! Chains whose processes come from other targets.

use std::{fs, sync::atomic::AtomicBool};

use flameload::target::{BuildOptions, Guard, LaunchOptions, Manifest, build, launch};

use super::support::GO_ON;

/// A target whose build makes a script that says who and where it is.
fn target(name: &str, processes: &str) -> String {
    format!(
        "name = \"{name}\"\nlanguage = \"sh\"\ndescription = \"a test\"\n[build]\n\
         command = [\"sh\", \"-c\", \"echo 'echo {name} in $(pwd) to $BACK; exec sleep 1000' > made\"]\n\
         binary = \"made\"\n{processes}"
    )
}

/// A process that runs what its target's build made.
fn process(name: &str, more: &str) -> String {
    format!(
        "[[process]]\nname = \"{name}\"\ncommand = [\"sh\", \"{{bin}}\"]\n\
         env.PORT = \"{{port}}\"\nready = {{ line = \" in \" }}\n{more}"
    )
}

#[test]
fn each_process_runs_what_its_own_target_made_in_its_own_folder() {
    let root = tempfile::tempdir().expect("a folder");
    let back = target("back", &process("only", ""));
    let borrowed = |name| format!("[[process]]\nname = \"{name}\"\ntarget = \"../back\"\n");
    let front = process("front", "env.BACK = \"{port:first} {port:second}\"\n");
    let front = target("front", &[borrowed("first"), borrowed("second"), front].concat());
    for (name, text) in [("back", back), ("front", front)] {
        fs::create_dir(root.path().join(name)).expect("a folder");
        fs::write(root.path().join(name).join("target.toml"), text).expect("a file");
    }
    let manifest = Manifest::read(&root.path().join("front")).expect("fits");
    let guard = Guard::start().expect("a guard");
    let options = BuildOptions { cache: root.path().join("cache"), ..BuildOptions::default() };
    let built = build(&manifest, &options, &guard, &AtomicBool::new(false), &mut |_| {});
    let built = built.expect("builds");
    assert_eq!(built.products.len(), 2, "the back is built once");
    let held = launch(&manifest, &built, &LaunchOptions::default(), &guard).expect("forks");
    let running = held.release(&GO_ON).expect("starts");
    assert_eq!(running.profiled().len(), 3);
    let exits = running.stop();
    let root = root.path().canonicalize().expect("exists");
    let said = |exit: &flameload::target::Exit| exit.last_lines.concat();
    let names: Vec<&str> = exits.iter().map(|exit| exit.process.as_str()).collect();
    assert_eq!(names, ["first", "second", "front"]);
    for exit in &exits[..2] {
        assert_eq!(said(exit), format!("back in {} to", root.join("back").display()));
    }
    let said = said(&exits[2]);
    let ports = said.strip_prefix(&format!("front in {} to ", root.join("front").display()));
    let ports: Vec<u16> =
        ports.expect(&said).split(' ').map(|port| port.parse().expect("a port")).collect();
    assert!(ports.len() == 2 && ports[0] != ports[1], "{ports:?}");
}
