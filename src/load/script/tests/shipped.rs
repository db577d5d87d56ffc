//! The scripts that come with flameload.

use std::path::Path;

use crate::load::{Pool, Script};

#[test]
fn the_shipped_scripts_are_valid_and_found_by_name() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for name in Script::list(&dir).expect("the directory is there") {
        let scripts = Script::find(&dir, &name).expect("it is valid");
        let addr = ([127, 0, 0, 1], 80).into();
        for script in &scripts {
            assert_eq!(script.name, name, "a script is named like its file");
            assert!(script.description.is_some(), "{name} says what it is for");
            Pool::render(script, addr).expect("its requests can be rendered");
        }
        let path = dir.join(name + ".toml");
        assert_eq!(Script::find(&dir, &path.to_string_lossy()).expect("as a path"), scripts);
    }
    // Whoever has no such directory has the same.
    let nowhere = Path::new("/nowhere");
    let names = Script::list(nowhere).expect("it need not be there");
    assert_eq!(names, Script::list(&dir).expect("the directory is there"));
    for name in names {
        let own = Script::find(&dir, &name).expect("it is valid");
        assert_eq!(Script::find(nowhere, &name).expect("it is shipped"), own);
        let text = Script::text(&dir, &name).expect("it can be read");
        assert_eq!(Script::text(nowhere, &name).expect("it is shipped"), text);
    }
    let error = Script::find(&dir, "user").expect_err("it is called users").to_string();
    assert!(error.starts_with("no script 'user'; did you mean 'users'? (there are "), "{error}");
}
