//! The files of a comparison that is kept.

use super::{
    ReportError,
    difference::{difference, folded},
};
use crate::{
    compare::{Comparison, Pair},
    render::diff::{page, svg},
};

/// The files that two sides and their comparison determine, with their names. Those of frames are
/// there where functions could be compared.
///
/// # Errors
/// When one of them cannot be made.
pub fn derive_comparison(
    pair: &Pair,
    comparison: &Comparison,
) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let graph = difference(pair, comparison);
    let mut html = Vec::new();
    page(&graph, &mut html)?;
    let mut json = serde_json::to_vec_pretty(comparison)?;
    json.push(b'\n');
    let markdown = comparison_markdown(comparison, "").into_bytes();
    let mut files =
        vec![("comparison.json", json), ("comparison.md", markdown), ("index.html", html)];
    if let Some(paths) = comparison.frames.as_ref().and_then(|_| pair.paths()) {
        let mut picture = Vec::new();
        svg(&graph, &mut picture)?;
        let [a, b] = folded(&paths);
        files.extend([
            ("diff.svg", picture),
            ("a.folded", a.into_bytes()),
            ("b.folded", b.into_bytes()),
        ]);
    }
    Ok(files)
}

/// A comparison as Markdown with links to its files, which are in the directory `place`; empty for
/// the text's own.
pub fn comparison_markdown(comparison: &Comparison, place: &str) -> String {
    let pictures = [("index.html", "A, B and their difference"), ("diff.svg", "the difference")];
    let pictures = pictures.into_iter().filter(|(file, _)| match comparison.frames {
        Some(_) => true,
        None => *file != "diff.svg",
    });
    let links: Vec<String> = pictures
        .chain([("comparison.json", "all figures")])
        .map(|(file, text)| {
            let path = match place.trim_end_matches('/') {
                "" => file.to_owned(),
                place => format!("{place}/{file}"),
            };
            // In these brackets a path may have spaces and parentheses.
            format!("[{text}](<{}>)", path.replace(['<', '>', '\n'], "_"))
        })
        .collect();
    format!("{}\nFiles: {}.\n", comparison.markdown(), links.join(", "))
}
