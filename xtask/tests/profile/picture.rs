//! An SVG read as XML: what a program finds in it.

use quick_xml::{Reader, events::Event};
use serde_json::Value;

/// What is in a flamegraph.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) metadata: String,
    /// The text of each `title`: the document's first, then each frame's.
    pub(super) titles: Vec<String>,
}

impl Picture {
    /// Reads all of it, so that it fails on anything that is no XML.
    #[track_caller]
    pub(super) fn read(svg: &str) -> Self {
        let mut reader = Reader::from_str(svg);
        reader.config_mut().check_end_names = true;
        let mut picture = Self::default();
        let mut open: Vec<String> = Vec::new();
        loop {
            match reader.read_event().expect("valid XML") {
                Event::Start(start) => {
                    start.attributes().for_each(|attribute| drop(attribute.expect("valid XML")));
                    open.push(start.name().as_ref().to_owned());
                    if open.last().is_some_and(|name| name == "title") {
                        picture.titles.push(String::new());
                    }
                }
                Event::End(_) => drop(open.pop()),
                Event::Text(text) => {
                    picture.text(&open, &text);
                }
                Event::GeneralRef(reference) => {
                    let name: &str = &reference;
                    let entity = format!("&{name};");
                    let text = quick_xml::escape::unescape(&entity).expect("a known entity");
                    picture.text(&open, &text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty(), "every element ends");
        picture
    }

    fn text(&mut self, open: &[String], text: &str) {
        match open.last().map(String::as_str) {
            Some("metadata") => self.metadata.push_str(text),
            Some("title") => self.titles.last_mut().expect("it is open").push_str(text),
            _ => {}
        }
    }

    pub(super) fn metadata(&self) -> Value {
        serde_json::from_str(&self.metadata).expect("metadata is JSON")
    }

    /// Whether a frame's name contains `text`.
    pub(super) fn has_frame(&self, text: &str) -> bool {
        self.titles.iter().skip(1).any(|title| title.contains(text))
    }
}
