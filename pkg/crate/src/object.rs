//! JavaScript objects as bytes: [MessagePack](https://msgpack.org), so that other programs can read what was stored.
//!
//! | JavaScript | stored | comes back as |
//! | --- | --- | --- |
//! | `null`, `undefined` | nil | `null` |
//! | boolean, string, array | the same | the same |
//! | number, bigint | integer where it is one, else float 64 | number, or bigint beyond the safe integers |
//! | `Uint8Array`, `ArrayBuffer` | bin | `Uint8Array` |
//! | `Date` | timestamp (extension -1) of 12 bytes | `Date` |
//! | object, `Map` | map | object; `Map` where a key is no string |
//!
//! Anything else (functions, symbols, sets, bigints beyond 64 bits) is refused, and so is nesting beyond [`DEPTH`], hence a cycle.

use js_sys::{Array, Date, Map, Object, Uint8Array};
use rmp::{Marker, decode, encode};
use serde::Serializer as _;
use serde::de::{self, DeserializeSeed, Deserializer as _};
use serde_wasm_bindgen::{Deserializer, Error, Serializer, preserve};
use wasm_bindgen::prelude::*;

/// How deep arrays and objects may nest. The module's stack is small, and a cycle must end.
const DEPTH: u32 = 64;

const TIMESTAMP: i8 = -1;

/// The stored form of `value`.
///
/// # Errors
/// Names what cannot be stored.
#[wasm_bindgen(js_name = encodeObject)]
pub fn encode_object(value: JsValue) -> Result<Uint8Array, JsValue> {
    let mut stored = Stored { out: Vec::new(), refusal: None };
    let written = stored.write(value, 0);
    // What was refused inside comes up through serde as an error of its own; the first is the one to tell.
    match stored.refusal.map_or(written, Err) {
        Ok(()) => Ok(Uint8Array::from(stored.out.as_slice())),
        Err(error) => Err(error.into()),
    }
}

/// The value whose stored form `bytes` is.
///
/// # Errors
/// Where it is no stored form, or more follows it.
#[wasm_bindgen(js_name = decodeObject)]
pub fn decode_object(bytes: &[u8]) -> Result<JsValue, JsValue> {
    let mut rest = bytes;
    let value = read(&mut rest, 0)?;
    if !rest.is_empty() {
        return Err(not_stored().into());
    }
    Ok(value)
}

fn refuse(why: &str) -> Error {
    <Error as de::Error>::custom(why)
}

fn not_stored() -> Error {
    refuse("the value is no object stored by setObject")
}

fn too_deep() -> Error {
    refuse("the object nests deeper than 64 levels, or contains itself")
}

// ---- writing --------------------------------------------------------------------------------------------------------------------------

/// A stored form in the making.
struct Stored {
    out: Vec<u8>,
    /// The first value inside that was refused.
    refusal: Option<Error>,
}

impl Stored {
    fn write(&mut self, value: JsValue, depth: u32) -> Result<(), Error> {
        if depth > DEPTH {
            return Err(too_deep());
        }
        match value.dyn_ref::<Date>() {
            Some(date) => write_date(date, &mut self.out),
            None => Deserializer::from(value).deserialize_any(Writer { stored: self, depth }),
        }
    }
}

fn write_date(date: &Date, out: &mut Vec<u8>) -> Result<(), Error> {
    let ms = date.get_time();
    if ms.is_nan() {
        return Err(refuse("an invalid Date cannot be stored"));
    }
    let seconds = (ms / 1000.0).floor();
    let nanoseconds = (ms - seconds * 1000.0) * 1e6;
    encode::write_ext_meta(out, 12, TIMESTAMP).map_err(too_large::<_, Error>)?;
    out.extend_from_slice(&(nanoseconds as u32).to_be_bytes());
    out.extend_from_slice(&(seconds as i64).to_be_bytes());
    Ok(())
}

/// Writing to a Vec fails by memory alone, and then not here.
fn too_large<T, E: de::Error>(_: T) -> E {
    E::custom("the object is too large")
}

/// Writes what serde-wasm-bindgen finds.
struct Writer<'s> {
    stored: &'s mut Stored,
    depth: u32,
}

/// One element, key or value inside.
struct Inner<'s> {
    stored: &'s mut Stored,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Inner<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let value: JsValue = preserve::deserialize(deserializer)?;
        self.stored.write(value, self.depth).map_err(|refusal| {
            self.stored.refusal.get_or_insert(refusal);
            de::Error::custom("")
        })
    }
}

impl<'de> de::Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a value that can be stored")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.stored.out.push(Marker::Null.to_u8());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.stored.out.push(if value { Marker::True } else { Marker::False }.to_u8());
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        encode::write_sint(&mut self.stored.out, value).map(drop).map_err(too_large)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        encode::write_uint(&mut self.stored.out, value).map(drop).map_err(too_large)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        encode::write_f64(&mut self.stored.out, value).map_err(too_large)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        encode::write_str(&mut self.stored.out, value).map_err(too_large)
    }

    fn visit_byte_buf<E: de::Error>(self, value: Vec<u8>) -> Result<(), E> {
        encode::write_bin(&mut self.stored.out, &value).map_err(too_large)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { stored, depth } = self;
        let start = stored.out.len();
        let mut count = 0u32;
        while items.next_element_seed(Inner { stored, depth: depth + 1 })?.is_some() {
            count += 1;
        }
        let mut header = Vec::new();
        encode::write_array_len(&mut header, count).map_err(too_large::<_, A::Error>)?;
        stored.out.splice(start..start, header);
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { stored, depth } = self;
        let start = stored.out.len();
        let mut count = 0u32;
        while entries.next_key_seed(Inner { stored, depth: depth + 1 })?.is_some() {
            entries.next_value_seed(Inner { stored, depth: depth + 1 })?;
            count += 1;
        }
        let mut header = Vec::new();
        encode::write_map_len(&mut header, count).map_err(too_large::<_, A::Error>)?;
        stored.out.splice(start..start, header);
        Ok(())
    }
}

// ---- reading --------------------------------------------------------------------------------------------------------------------------

const SAFE: i64 = (1 << 53) - 1;

fn read(rest: &mut &[u8], depth: u32) -> Result<JsValue, Error> {
    if depth > DEPTH {
        return Err(too_deep());
    }
    let to_js = Serializer::new();
    let first = *rest.first().ok_or_else(not_stored)?;
    match Marker::from_u8(first) {
        Marker::Null => {
            take(rest, 1)?;
            Ok(JsValue::NULL)
        }
        Marker::True | Marker::False => {
            take(rest, 1)?;
            Ok(JsValue::from_bool(first == Marker::True.to_u8()))
        }
        Marker::F64 => Ok(JsValue::from_f64(decode::read_f64(rest).map_err(unreadable)?)),
        Marker::F32 => Ok(JsValue::from_f64(f64::from(decode::read_f32(rest).map_err(unreadable)?))),
        Marker::U64 => match decode::read_u64(rest).map_err(unreadable)? {
            value if value <= SAFE as u64 => Ok(JsValue::from_f64(value as f64)),
            value => Ok(JsValue::from(value)),
        },
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            let length = decode::read_str_len(rest).map_err(unreadable)?;
            let text = core::str::from_utf8(take(rest, length)?).map_err(unreadable)?;
            to_js.serialize_str(text)
        }
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
            let length = decode::read_bin_len(rest).map_err(unreadable)?;
            to_js.serialize_bytes(take(rest, length)?)
        }
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
            let count = decode::read_array_len(rest).map_err(unreadable)?;
            let items = Array::new();
            for _ in 0..count {
                items.push(&read(rest, depth + 1)?);
            }
            Ok(items.into())
        }
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
            let count = decode::read_map_len(rest).map_err(unreadable)?;
            read_map(rest, count, depth)
        }
        Marker::FixExt1
        | Marker::FixExt2
        | Marker::FixExt4
        | Marker::FixExt8
        | Marker::FixExt16
        | Marker::Ext8
        | Marker::Ext16
        | Marker::Ext32 => read_date(rest),
        _ => {
            let value: i64 = decode::read_int(rest).map_err(unreadable)?;
            Ok(if (-SAFE..=SAFE).contains(&value) { JsValue::from_f64(value as f64) } else { JsValue::from(value) })
        }
    }
}

fn read_map(rest: &mut &[u8], count: u32, depth: u32) -> Result<JsValue, Error> {
    let pairs = Array::new();
    let mut only_text = true;
    for _ in 0..count {
        let key = read(rest, depth + 1)?;
        only_text &= key.is_string();
        pairs.push(&Array::of2(&key, &read(rest, depth + 1)?));
    }
    if only_text {
        // fromEntries makes `__proto__` an ordinary property, where assigning it would change the object's prototype.
        return Object::from_entries(&pairs).map(JsValue::from).map_err(unreadable);
    }
    let map = Map::new();
    for pair in pairs.iter() {
        let pair: Array = pair.unchecked_into();
        map.set(&pair.get(0), &pair.get(1));
    }
    Ok(map.into())
}

fn read_date(rest: &mut &[u8]) -> Result<JsValue, Error> {
    let meta = decode::read_ext_meta(rest).map_err(unreadable)?;
    if (meta.typeid, meta.size) != (TIMESTAMP, 12) {
        return Err(not_stored());
    }
    let (nanoseconds, seconds) = take(rest, 12)?.split_at(4);
    let nanoseconds = u32::from_be_bytes(nanoseconds.try_into().map_err(unreadable)?);
    let seconds = i64::from_be_bytes(seconds.try_into().map_err(unreadable)?);
    let ms = seconds as f64 * 1000.0 + f64::from(nanoseconds) / 1e6;
    Ok(Date::new(&JsValue::from_f64(ms)).into())
}

fn take<'a>(rest: &mut &'a [u8], length: u32) -> Result<&'a [u8], Error> {
    let (taken, after) = rest.split_at_checked(length as usize).ok_or_else(not_stored)?;
    *rest = after;
    Ok(taken)
}

fn unreadable<E>(_: E) -> Error {
    not_stored()
}
