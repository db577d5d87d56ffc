//! The script's file: its tables as serde sees them, one module for each, and how they become
//! [`Script`]s.

mod base;
mod context;
mod http;
mod limits;
mod load;
mod request;
mod secret;
mod stage;
mod threshold;
mod var;

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

pub(super) use self::context::Context;
use self::{
    http::HttpSection, limits::LimitsSection, load::LoadSection, request::RequestSection,
    stage::StageSection, threshold::ThresholdSection, var::VarSection,
};
use super::{Engine, EngineKind, Script};
use crate::load::LoadError;

/// The only format there is so far.
const SCHEMA: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptFile {
    schema: u32,
    pub(super) name: String,
    description: Option<String>,
    #[serde(default)]
    engine: EngineKind,
    engine_script: Option<PathBuf>,
    base: Option<String>,
    #[serde(default = "forty_two")]
    seed: u64,
    load: LoadSection,
    #[serde(default, rename = "stage")]
    stages: Vec<StageSection>,
    #[serde(default)]
    http: HttpSection,
    #[serde(default)]
    vars: BTreeMap<String, VarSection>,
    #[serde(default, rename = "request")]
    requests: Vec<RequestSection>,
    #[serde(default, rename = "threshold")]
    thresholds: Vec<ThresholdSection>,
    #[serde(default)]
    limits: LimitsSection,
}

fn forty_two() -> u64 {
    42
}

impl ScriptFile {
    /// Validates the values: one script for each level.
    pub(super) fn into_scripts(self, context: &Context<'_>) -> Result<Vec<Script>, LoadError> {
        if self.schema != SCHEMA {
            let schema = self.schema;
            return Err(context.invalid(format!("schema is {schema}, but only {SCHEMA} is known")));
        }
        let levels = self.load.levels(self.stages).map_err(|why| context.invalid(why))?;
        let base = base::parse(self.base.as_deref()).map_err(|why| context.invalid(why))?;
        let HttpSection { headers, auth, .. } = &self.http;
        let authorization = auth.as_ref().map(|auth| auth.secret(context)).transpose()?;
        let requests: Result<Vec<_>, LoadError> = self
            .requests
            .into_iter()
            .map(|request| request.into_request(headers, context))
            .collect();
        let requests = requests?;
        let vars: Result<Vec<_>, LoadError> =
            self.vars.into_iter().map(|(name, var)| var.into_var(name, context)).collect();
        let thresholds: Result<Vec<_>, String> =
            self.thresholds.into_iter().map(ThresholdSection::into_threshold).collect();
        let script = Script {
            name: self.name,
            description: self.description,
            engine: Engine {
                kind: self.engine,
                own_script: self.engine_script.map(|path| context.path(&path)),
            },
            seed: self.seed,
            pace: levels.first,
            threads: self.load.threads,
            extent: levels.extent,
            warmup: self.load.warmup,
            cooldown: self.load.cooldown,
            timeout: self.load.timeout,
            requests_per_connection: self.load.requests_per_connection(),
            pipeline: self.load.pipeline,
            http: self.http.into_http(&base, context).map_err(|why| context.invalid(why))?,
            base: base.base,
            authorization,
            environment: secret::of_headers(&requests, context)?,
            vars: vars?,
            by_request: self.load.by_request,
            requests,
            thresholds: thresholds.map_err(|why| context.invalid(why))?,
            limits: self.limits.into_limits().map_err(|why| context.invalid(why))?,
        };
        let others = levels.others.into_iter().map(|pace| Script { pace, ..script.clone() });
        let scripts: Vec<Script> = std::iter::once(script.clone()).chain(others).collect();
        scripts.into_iter().map(Script::checked).collect()
    }
}
