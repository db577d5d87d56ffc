//! A target of two processes: each has figures and a picture of its own.

use std::fs;

use serde_json::Value;

use super::{
    case::{Case, run, tool},
    picture::Picture,
    system::{alone, can_sample, faulty_server},
};

/// Two servers, of which the last gets the load, and `back` only its own readiness.
fn chain() -> Case {
    let case = Case::faulty("none", u64::MAX);
    let process = |name: &str| {
        format!(
            "[[process]]\nname = \"{name}\"\n\
             command = ['{}', 'none', '{{port}}', '{}', '{}']\nready = {{ timeout = \"60s\" }}\n",
            faulty_server().display(),
            u64::MAX,
            case.marker(),
        )
    };
    let manifest = format!(
        "name = \"chain\"\nlanguage = \"Rust\"\ndescription = \"two servers\"\n{}{}",
        process("back"),
        process("front")
    );
    fs::write(case.path("target.toml"), manifest).expect("a file");
    case
}

#[test]
fn front_and_back_add_up_to_the_whole() {
    let _alone = alone();
    if !can_sample() {
        return;
    }
    let case = chain();
    let outcome = run(&mut case.profile());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in ["\n    back  ", "\n    front  "] {
        assert!(outcome.stdout.contains(line), "{}", outcome.stdout);
    }
    let (directory, record) = case.kept();
    let processes = record["processes"].as_array().expect("a list");
    let names: Vec<&Value> = processes.iter().map(|process| &process["name"]).collect();
    assert_eq!(names, ["back", "front"]);
    let of = |name: &str| -> Vec<f64> {
        processes.iter().map(|process| process[name].as_f64().expect("a figure")).collect()
    };
    let whole = |path: &str| record.pointer(path).and_then(Value::as_f64).expect("a figure");
    for name in ["cpu_us_per_request", "cpus_used"] {
        let sum: f64 = of(name).iter().sum();
        let whole = whole(&format!("/server/{name}"));
        assert!((sum - whole).abs() <= whole * 1e-9, "{name}: {sum} is not {whole}");
    }
    assert!(of("cpu_us_per_request")[1] > of("cpu_us_per_request")[0], "the front has the load");
    assert_eq!(of("samples").iter().sum::<f64>(), whole("/profile/samples"));
    assert_eq!(of("rss_initial_bytes").iter().sum::<f64>(), whole("/server/rss_initial_bytes"));

    let read = |file: &str| fs::read(directory.join(file)).expect("it is there");
    let files = ["cpu.svg", "cpu-front.svg", "cpu-back.svg", "cpu-front.folded", "cpu.folded"];
    let before = files.map(read);
    let front = Picture::read(&String::from_utf8_lossy(&before[1]));
    assert_eq!(front.titles[0], "chain · short · front alone");
    assert_eq!(front.metadata()["process"], "front");
    assert_eq!(front.metadata()["cpu_us_per_request"], processes[1]["cpu_us_per_request"]);
    let mut render = tool();
    let outcome = run(render.arg("render").arg(&directory));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(files.map(read) == before, "rendered again, byte for byte");
    case.assert_clean();
}
