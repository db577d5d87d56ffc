//! Calibrations in the store: `<root>/calibration.json`, for each kind of machine, target and
//! script the last one.

use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{RecordError, SCHEMA, Store, of_version, write::replace};
use crate::record::calibration::{Calibration, HostClass};

/// The file.
const CALIBRATIONS: &str = "calibration.json";

/// What is in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Calibrations {
    schema: u32,
    calibrations: Vec<Calibration>,
}

impl Store {
    /// Keeps a calibration in place of the last one of the same kind.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn write_calibration(&self, calibration: Calibration) -> Result<(), RecordError> {
        let mut all = self.all_calibrations()?;
        all.retain(|known| {
            (&known.class, &known.target, &known.script)
                != (&calibration.class, &calibration.target, &calibration.script)
        });
        all.push(calibration);
        let path = self.root().join(CALIBRATIONS);
        let content = Calibrations { schema: SCHEMA, calibrations: all };
        let mut json = serde_json::to_vec_pretty(&content)
            .map_err(|source| RecordError::Calibration { path, source })?;
        json.push(b'\n');
        fs::create_dir_all(self.root())
            .map_err(|source| RecordError::Unwritable { path: self.root().to_owned(), source })?;
        replace(self.root(), CALIBRATIONS, &json)
    }

    /// The calibrations that were made on machines of a kind.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn calibrations(&self, class: &HostClass) -> Result<Vec<Calibration>, RecordError> {
        let mut all = self.all_calibrations()?;
        all.retain(|calibration| calibration.class == *class);
        Ok(all)
    }

    fn all_calibrations(&self) -> Result<Vec<Calibration>, RecordError> {
        let path = self.root().join(CALIBRATIONS);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(RecordError::Read { path, source }),
        };
        let wrong = |source| RecordError::Calibration { path: path.clone(), source };
        of_version::<Calibrations>(&json, &path, wrong).map(|content| content.calibrations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FloorFacts, UtcTime};

    fn calibration(target: &str, cpus: u32, sd: f64) -> Calibration {
        Calibration {
            class: HostClass { cpus, ..HostClass::default() },
            target: target.to_owned(),
            script: "users".to_owned(),
            at: UtcTime::from_unix_seconds(1_800_000_000),
            floors: [("cpu".to_owned(), FloorFacts { sd, comparisons: 20 })].into(),
        }
    }

    #[test]
    fn the_last_one_of_its_kind_is_kept() {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::new(root.path().join("flamegraphs"));
        let class = |cpus| HostClass { cpus, ..HostClass::default() };
        assert_eq!(store.calibrations(&class(2)).expect("there are none"), []);
        for one in [calibration("a", 2, 0.1), calibration("b", 2, 0.2), calibration("a", 4, 0.3)] {
            store.write_calibration(one).expect("it can be written");
        }
        store.write_calibration(calibration("a", 2, 0.4)).expect("it can be written");
        let kept = store.calibrations(&class(2)).expect("they can be read");
        assert_eq!(kept, [calibration("b", 2, 0.2), calibration("a", 2, 0.4)]);
    }

    #[test]
    fn what_is_no_calibration_says_so() {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::new(root.path().to_owned());
        let read =
            || store.calibrations(&HostClass::default()).expect_err("it is wrong").to_string();
        fs::write(root.path().join(CALIBRATIONS), "{").expect("it can be written");
        assert!(read().contains("remove it and calibrate again"), "{}", read());
        fs::write(root.path().join(CALIBRATIONS), "{\"schema\":9}").expect("it can be written");
        assert!(read().contains("schema 9"), "{}", read());
    }
}
