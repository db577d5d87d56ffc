//! The page that explains scripts is true.

use std::{fs, path::Path};

use super::read_levels;

/// The TOML blocks of the page that are whole scripts.
fn blocks(page: &str) -> Vec<&str> {
    let blocks = page.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("schema = 1")).collect()
}

#[test]
fn every_script_of_the_page_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCRIPTS.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let blocks = blocks(&page);
    assert!(blocks.len() >= 3, "the page has scripts");
    for block in blocks {
        if let Err(error) = read_levels(block) {
            panic!("{error}\nin\n{block}");
        }
    }
}
