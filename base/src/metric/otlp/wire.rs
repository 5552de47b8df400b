//! OTLP's protobuf messages, as far as they are used.
//!
//! ```text
//! request { resource_metrics = 1 }   resource_metrics { resource = 1 { attributes = 1 }, scope_metrics = 2 { metrics = 2 } }
//! metric { name = 1, description = 2, unit = 3, gauge = 5, sum = 7, histogram = 9, exponential_histogram = 10, summary = 11 }
//! each of those { data_points = 1, aggregation_temporality = 2, is_monotonic = 3 }; fields of points: below, in each function
//! key_value { key = 1, value = 2 { string = 1, bool = 2, int = 3, double = 4, array = 5, kvlist = 6, bytes = 7 } }
//! ```

use super::convert::Converter;
use super::{Attributes, BUCKETS_MAX, Buckets, DataPoint, Metric, Shape, Temporality};
use crate::metric::labels::{BadLabels, LABEL_BYTES_MAX, LABELS_MAX};
use crate::metric::protobuf::{Field, Malformed, Message, take_fixed64s, take_varints};
use serde_json::Value;

/// Lists and maps in an attribute's value, in one another; deeper ones are null.
const DEPTH_MAX: usize = 8;
/// Bytes of an attribute on the wire; as text a longer one would be longer than a label may be.
const ATTRIBUTE_BYTES_MAX: usize = 4 * LABEL_BYTES_MAX;

pub(super) fn read(body: &[u8], converter: &mut Converter<'_>) -> Result<(), Malformed> {
    for resource_metrics in fields(Message(body), 1) {
        let resource_metrics = resource_metrics?.message()?;
        let mut attributes = Attributes::new();
        for resource in fields(resource_metrics, 1) {
            for attribute in fields(resource?.message()?, 1) {
                let attribute = attribute?.message()?;
                // One so long is no label, so it is left out; of too many, one more than allowed tells.
                if attribute.0.len() <= ATTRIBUTE_BYTES_MAX && attributes.len() <= LABELS_MAX {
                    attributes.push(key_value(attribute)?);
                }
            }
        }
        converter.resource(attributes);
        for scope_metrics in fields(resource_metrics, 2) {
            for metric in fields(scope_metrics?.message()?, 2) {
                read_metric(metric?.message()?, converter)?;
            }
        }
    }
    Ok(())
}

/// The fields of a number; a fault anywhere comes through.
fn fields(message: Message<'_>, number: u32) -> impl Iterator<Item = Result<Field<'_>, Malformed>> {
    message.filter_map(move |field| match field {
        Ok((found, field)) => (found == number).then_some(Ok(field)),
        Err(malformed) => Some(Err(malformed)),
    })
}

fn read_metric(message: Message<'_>, converter: &mut Converter<'_>) -> Result<(), Malformed> {
    let mut metric = Metric::default();
    let mut data = Message(&[]);
    for field in message {
        let (number, field) = field?;
        match number {
            1 => metric.name = field.text()?,
            2 => metric.help = field.text()?,
            3 => metric.unit = field.text()?,
            5 | 7 | 9 | 10 | 11 => {
                data = field.message()?;
                metric.shape = match number {
                    5 => Shape::Gauge,
                    7 => Shape::Sum,
                    9 => Shape::Histogram,
                    10 => Shape::Exponential,
                    _ => Shape::Summary,
                };
            }
            _ => {}
        }
    }
    for field in data {
        match field? {
            (2, number) => {
                metric.temporality = match number.varint()? {
                    1 => Temporality::Delta,
                    2 => Temporality::Cumulative,
                    _ => Temporality::Unspecified,
                };
            }
            (3, number) => metric.is_monotonic = number.varint()? != 0,
            _ => {}
        }
    }
    converter.metric(&metric);
    for point in fields(data, 1) {
        let point = read_point(point?.message()?, metric.shape)?;
        converter.point(&metric, point);
    }
    Ok(())
}

fn read_point(message: Message<'_>, shape: Shape) -> Result<DataPoint, Malformed> {
    let mut point = DataPoint::default();
    for field in message {
        let (number, field) = field?;
        match (shape, number) {
            (_, 2) => point.start_ns = field.fixed64()?,
            (_, 3) => point.time_ns = field.fixed64()?,
            (Shape::Gauge | Shape::Sum, number) => read_number(number, field, &mut point)?,
            (Shape::Histogram, number) => read_histogram(number, field, &mut point)?,
            (Shape::Exponential, number) => read_exponential(number, field, &mut point)?,
            (Shape::Summary, number) => read_summary(number, field, &mut point)?,
            (Shape::None, _) => {}
        }
    }
    Ok(point)
}

fn read_number(number: u32, field: Field<'_>, point: &mut DataPoint) -> Result<(), Malformed> {
    match number {
        4 => point.number = Some(field.double()?),
        6 => point.number = Some(field.fixed64()? as i64 as f64),
        7 => push_attribute(field, point)?,
        8 => point.is_without_value = field.varint()? & 1 > 0,
        _ => {}
    }
    Ok(())
}

fn read_histogram(number: u32, field: Field<'_>, point: &mut DataPoint) -> Result<(), Malformed> {
    match number {
        4 => point.count = field.fixed64()?,
        5 => point.sum = Some(field.double()?),
        6 => {
            let fit = take_fixed64s(field, BUCKETS_MAX, &mut point.counts)?;
            point.limit(fit)
        }
        7 => {
            let mut bounds = Vec::new();
            point.limit(take_fixed64s(field, BUCKETS_MAX, &mut bounds)?);
            point.bounds.extend(bounds.into_iter().map(f64::from_bits));
        }
        9 => push_attribute(field, point)?,
        10 => point.is_without_value = field.varint()? & 1 > 0,
        11 => point.min = Some(field.double()?),
        12 => point.max = Some(field.double()?),
        _ => {}
    }
    Ok(())
}

fn read_exponential(number: u32, field: Field<'_>, point: &mut DataPoint) -> Result<(), Malformed> {
    match number {
        1 => push_attribute(field, point)?,
        4 => point.count = field.fixed64()?,
        5 => point.sum = Some(field.double()?),
        6 => point.scale = to_i32(field.signed()?)?,
        7 => point.zero_count = field.fixed64()?,
        8 => {
            let fit = read_buckets(field.message()?, &mut point.positive)?;
            point.limit(fit)
        }
        9 => {
            let fit = read_buckets(field.message()?, &mut point.negative)?;
            point.limit(fit)
        }
        10 => point.is_without_value = field.varint()? & 1 > 0,
        12 => point.min = Some(field.double()?),
        13 => point.max = Some(field.double()?),
        _ => {}
    }
    Ok(())
}

/// False when there are too many.
fn read_buckets(message: Message<'_>, buckets: &mut Buckets) -> Result<bool, Malformed> {
    let mut fit = true;
    for field in message {
        match field? {
            (1, number) => buckets.offset = to_i32(number.signed()?)?,
            (2, counts) => fit &= take_varints(counts, BUCKETS_MAX, &mut buckets.counts)?,
            _ => {}
        }
    }
    Ok(fit)
}

fn read_summary(number: u32, field: Field<'_>, point: &mut DataPoint) -> Result<(), Malformed> {
    match number {
        4 => point.count = field.fixed64()?,
        5 => point.sum = Some(field.double()?),
        6 if point.quantiles.len() == BUCKETS_MAX => point.limit(false),
        6 => {
            let (mut quantile, mut value) = (0.0, 0.0);
            for field in field.message()? {
                match field? {
                    (1, number) => quantile = number.double()?,
                    (2, number) => value = number.double()?,
                    _ => {}
                }
            }
            point.quantiles.push((quantile, value));
        }
        7 => push_attribute(field, point)?,
        8 => point.is_without_value = field.varint()? & 1 > 0,
        _ => {}
    }
    Ok(())
}

impl DataPoint {
    fn limit(&mut self, fit: bool) {
        self.refused = self.refused.or((!fit).then_some("too many buckets"));
    }
}

fn push_attribute(field: Field<'_>, point: &mut DataPoint) -> Result<(), Malformed> {
    let attribute = field.message()?;
    if attribute.0.len() > ATTRIBUTE_BYTES_MAX {
        point.refused = Some(BadLabels::TooLong.reason());
    } else if point.attributes.len() <= LABELS_MAX {
        // Of too many, one more than allowed tells.
        point.attributes.push(key_value(attribute)?);
    }
    Ok(())
}

fn to_i32(number: i64) -> Result<i32, Malformed> {
    i32::try_from(number).map_err(|_| Malformed)
}

fn key_value(message: Message<'_>) -> Result<(String, String), Malformed> {
    let (key, value) = pair(message, 0)?;
    Ok((key, super::json::text(value)))
}

fn pair(message: Message<'_>, depth: usize) -> Result<(String, Value), Malformed> {
    let (mut key, mut found) = (String::new(), Value::Null);
    for field in message {
        match field? {
            (1, text) => key = text.text()?.to_owned(),
            (2, message) => found = value(message.message()?, depth)?,
            _ => {}
        }
    }
    Ok((key, found))
}

fn value(message: Message<'_>, depth: usize) -> Result<Value, Malformed> {
    let mut found = Value::Null;
    for field in message {
        found = match field? {
            (1, text) => text.text()?.into(),
            (2, number) => (number.varint()? != 0).into(),
            (3, number) => (number.varint()? as i64).into(),
            (4, number) => number.double()?.into(),
            (5 | 6, _) if depth == DEPTH_MAX => Value::Null,
            (5, list) => fields(list.message()?, 1)
                .map(|element| value(element?.message()?, depth + 1))
                .collect::<Result<_, _>>()?,
            (6, map) => fields(map.message()?, 1)
                .map(|element| pair(element?.message()?, depth + 1))
                .collect::<Result<_, _>>()?,
            (7, bytes) => hex(bytes.bytes()?).into(),
            _ => found,
        };
    }
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
