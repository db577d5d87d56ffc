//! Variables against the templates that use them.

use std::collections::BTreeSet;

use super::request::is_header_value;
use crate::load::{
    script::{Body, Script, ScriptRequest, Values, Var},
    template::Template,
};

/// Every template must be one, every variable used, and every value fit where it is used.
pub(super) fn check(script: &Script) -> Result<(), String> {
    let vars = &script.vars;
    let mut used = BTreeSet::new();
    let mut in_headers = BTreeSet::new();
    for request in &script.requests {
        let names = |text: &str| {
            let template = Template::parse(text, vars);
            template.map_err(|why| format!("request '{}': {why}", request.name))
        };
        let ScriptRequest { path, headers, body, .. } = request;
        used.extend(names(path)?.variables());
        if let Body::Template(text) = body {
            used.extend(names(text)?.variables());
        }
        for (_, value) in headers {
            let template = Template::parse_header(value, vars, &script.environment);
            let template = template.map_err(|why| format!("request '{}': {why}", request.name))?;
            in_headers.extend(template.variables().filter(|place| *place < vars.len()));
        }
    }
    used.extend(&in_headers);
    for (place, var) in vars.iter().enumerate() {
        if !used.contains(&place) {
            let name = &var.name;
            return Err(format!(
                "vars.{name} is not used: write {{{name}}} in a path, a header or a body template, \
                 or leave it out"
            ));
        }
        if in_headers.contains(&place) {
            check_header_values(var)?;
        }
    }
    Ok(())
}

fn check_header_values(var: &Var) -> Result<(), String> {
    let Values::List(texts) = &var.values else {
        return Ok(());
    };
    match texts.iter().position(|text| !is_header_value(text)) {
        Some(row) => Err(format!(
            "vars.{} stands in a header, and its value number {} has a line end or a control \
             character",
            var.name,
            row + 1
        )),
        None => Ok(()),
    }
}
