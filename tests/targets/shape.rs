//! [`Shape`]: what a JSON value has to look like.

use serde_json::Value;

/// What a JSON value has to look like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// This very value, given as JSON.
    Is(&'static str),
    /// A string that is not empty.
    Text,
    /// A whole number from the first to the last.
    Integer(u64, u64),
    Bool,
    /// An object with exactly these keys.
    Object(&'static [(&'static str, Shape)]),
    /// A list of so many elements.
    List(usize, &'static Shape),
}

impl Shape {
    /// What is wrong with `value`, at `place`; nothing if it fits.
    pub(super) fn complaint(&self, place: &str, value: &Value) -> Option<String> {
        let fits = match (self, value) {
            (Self::Is(text), value) => {
                *value == serde_json::from_str::<Value>(text).expect("the table has JSON")
            }
            (Self::Text, Value::String(text)) => !text.is_empty(),
            (Self::Integer(first, last), Value::Number(number)) => {
                number.as_u64().is_some_and(|number| (*first..=*last).contains(&number))
            }
            (Self::Bool, Value::Bool(_)) => true,
            (Self::Object(shapes), Value::Object(object)) => {
                let inside = shapes.iter().find_map(|(key, shape)| {
                    shape.complaint(&format!("{place}.{key}"), object.get(*key)?)
                });
                if inside.is_some() {
                    return inside;
                }
                object.len() == shapes.len()
                    && shapes.iter().all(|(key, _)| object.contains_key(*key))
            }
            (Self::List(length, shape), Value::Array(list)) => {
                let inside = list.iter().enumerate().find_map(|(index, value)| {
                    shape.complaint(&format!("{place}[{index}]"), value)
                });
                if inside.is_some() {
                    return inside;
                }
                list.len() == *length
            }
            _ => false,
        };
        (!fits).then(|| format!("{place} should be {self:?}, but is {value}"))
    }
}

#[test]
fn shapes_find_what_does_not_fit() {
    const POINT: Shape = Shape::Object(&[("x", Shape::Integer(1, 9)), ("name", Shape::Text)]);
    const POINTS: Shape = Shape::List(2, &POINT);
    let complaint = |shape: Shape, text: &str| {
        shape.complaint("it", &serde_json::from_str(text).expect("JSON"))
    };
    let point = r#"{"x": 1, "name": "a"}"#;
    assert_eq!(complaint(POINT, point), None);
    assert_eq!(complaint(POINTS, &format!("[{point}, {point}]")), None);
    assert_eq!(complaint(Shape::Is("[1, true]"), "[1,true]"), None);
    for (shape, wrong) in [
        (POINT, r#"{"x": 1}"#),
        (POINT, r#"{"x": 1, "name": "a", "y": 2}"#),
        (POINTS, &format!("[{point}]")),
        (Shape::Is("1"), "2"),
        (Shape::Bool, "null"),
    ] {
        assert!(complaint(shape, wrong).is_some(), "{wrong}");
    }
    let inside = complaint(POINTS, &format!("[{point}, {{\"x\": 10, \"name\": \"\"}}]"));
    assert_eq!(inside.as_deref(), Some("it[1].x should be Integer(1, 9), but is 10"));
}
