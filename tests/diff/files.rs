//! Another parser than ours, and runs as they are kept.

use std::process::Command;

use flameload::{
    fold::{DeltaTree, Folded},
    render::{
        Link,
        diff::{DiffCaption, DiffGraph},
    },
};

use super::graph::write;
use crate::skip::skip;

/// Names that have broken other tools: XML, HTML, folded text, scripts.
const A: &str = "\
app;<hyper::Conn<I, B> as core::future::Future>::poll::{{closure}} 7
app;a -- b ]]> <!-- & \" ' </title></svg></script></style> 2
app;control \u{1b}[31m\u{7f} characters 1
app;Größe::量::🔥 9
";
const B: &str = "\
app;<hyper::Conn<I, B> as core::future::Future>::poll::{{closure}} 5
app;no\u{fffe}n\u{ffff}characters 3
app;Größe::量::🔥;\u{202e}desrever 9
";

#[test]
fn hostile_names_make_files_that_other_programs_read() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let side = |text: &str| text.parse::<Folded>().expect("folded stacks");
    let tree = DeltaTree::merge((&side(A), 0.5), (&side(B), 0.75));
    let caption = DiffCaption {
        title: "a </title> & b -- ]]>".to_owned(),
        verdict: "<script>document.title = 'changed'</script>".to_owned(),
        warnings: vec!["\u{0}\u{1b}[31m".to_owned()],
        metadata: "{\"x\": \"</metadata>\"}".to_owned(),
        links: vec![Link { text: "\"><b>".to_owned(), href: "\"><b>".to_owned() }],
        ..DiffCaption::default()
    };
    let [svg, page] = write(&DiffGraph::new(tree, caption), folder.path());
    for part in ["Größe::量::🔥", "poll::{{closure}}", "a &lt;/title&gt; &amp; b -- ]]&gt;"] {
        assert!(svg.contains(part) && page.contains(part), "{part}");
    }
    assert_eq!(svg.matches("<script").count(), 1);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);

    let file = folder.path().join("diff.svg");
    let Ok(output) = Command::new("xmllint").args(["--noout", "--nonet"]).arg(file).output() else {
        return skip("xmllint is not installed (libxml2-utils)");
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
}
