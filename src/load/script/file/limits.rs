//! `[limits]`: what keeps a load from doing harm.

use serde::Deserialize;

use crate::load::script::Limits;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    allow_remote: Option<bool>,
    max_error_rate_abort: Option<f64>,
    nofile: Option<Nofile>,
    preflight: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Nofile {
    Raise,
    Keep,
}

impl LimitsSection {
    pub(super) fn into_limits(self) -> Result<Limits, String> {
        let usual = Limits::default();
        let max_error_rate = self.max_error_rate_abort.unwrap_or(usual.max_error_rate);
        if !(max_error_rate > 0.0 && max_error_rate <= 1.0) {
            return Err(format!(
                "[limits] max_error_rate_abort is {max_error_rate}, but it is a share of all \
                 attempts, above 0 and at most 1 (1 never ends a measurement)"
            ));
        }
        let raise_nofile = self.nofile.map_or(usual.raise_nofile, |nofile| nofile == Nofile::Raise);
        Ok(Limits {
            allow_remote: self.allow_remote.unwrap_or(usual.allow_remote),
            max_error_rate,
            raise_nofile,
            preflight: self.preflight.unwrap_or(usual.preflight),
        })
    }
}
