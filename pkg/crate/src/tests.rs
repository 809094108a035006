//! The binding in a wasm host: Node by itself, a browser with `WASM_BINDGEN_USE_BROWSER=1`. What the package does on top is tested as packed
//! (pkg/test).

use crate::area;
use crate::cache::Cache;
use crate::object::{decode_object, encode_object};
use js_sys::{Array, Date, JSON, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

const NOW: u64 = 1_700_000_000_000;

fn cache() -> Cache {
    let mut cache = Cache::new();
    cache.turn(NOW);
    cache
}

fn ask(cache: &mut Cache, request: &str) -> String {
    let words: Vec<&str> = request.split(' ').collect();
    let mut frame = format!("*{}\r\n", words.len());
    for word in words {
        frame += &format!("${}\r\n{word}\r\n", word.len());
    }
    cache.make_input(frame.len()).unwrap();
    cache.input.copy_from_slice(frame.as_bytes());
    cache.execute(frame.len());
    String::from_utf8(cache.output.clone()).unwrap()
}

#[wasm_bindgen_test]
fn the_door_answers_in_resp3() {
    let mut cache = cache();
    assert_eq!(ask(&mut cache, "SET k v"), "+OK\r\n");
    assert_eq!(ask(&mut cache, "GET k"), "$1\r\nv\r\n");
    assert_eq!(ask(&mut cache, "GET missing"), "_\r\n");
    assert!(ask(&mut cache, "NOPE").starts_with("-ERR unknown command"));
}

#[wasm_bindgen_test]
fn the_session_stays_in_resp3_whatever_it_is_told() {
    let mut cache = cache();
    for request in ["RESET", "HELLO 2", "QUIT"] {
        ask(&mut cache, request);
        assert_eq!(ask(&mut cache, "GET missing"), "_\r\n", "after {request}");
    }
}

#[wasm_bindgen_test]
fn lanes_stand_back_in_a_transaction_and_while_keys_are_watched() {
    let mut cache = cache();
    assert!(cache.may_read() && cache.may_grow());
    ask(&mut cache, "MULTI");
    assert!(!cache.may_read() && !cache.may_grow());
    ask(&mut cache, "DISCARD");
    ask(&mut cache, "WATCH k");
    assert!(!cache.may_read());
    ask(&mut cache, "UNWATCH");
    assert!(cache.may_read());
}

#[wasm_bindgen_test]
fn a_key_is_due_and_its_expiry_is_told() {
    let mut cache = cache();
    cache.listen(true);
    ask(&mut cache, "SET k v PX 100");
    assert!(cache.due().is_some_and(|due| due > NOW && due <= NOW + 101));
    cache.turn(NOW + 101);
    assert_eq!(cache.tick(), None);
    let notice = cache.next_notice().unwrap();
    assert_eq!((notice.event, notice.key.as_slice()), ("expired", &b"k"[..]));
    assert_eq!(cache.next_notice(), None);
}

#[wasm_bindgen_test]
fn random_choices_follow_the_seed_until_there_are_keys() {
    let chosen = |seed, late| {
        let mut cache = cache();
        cache.seed(seed);
        ask(&mut cache, &format!("SADD s {}", (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")));
        cache.seed(late);
        ask(&mut cache, "SRANDMEMBER s 20")
    };
    assert_eq!(chosen(1, 1), chosen(1, 2));
    assert_ne!(chosen(1, 1), chosen(2, 1));
}

#[wasm_bindgen_test]
fn a_request_beyond_memory_is_refused_before_it_is_written() {
    assert!(cache().make_input(usize::MAX).is_none());
}

#[wasm_bindgen_test]
fn the_area_is_where_the_glue_expects_its_parts() {
    let area = area::area();
    let start = core::ptr::from_ref(area) as usize;
    let at = |part: &[u8]| part.as_ptr() as usize - start;
    assert_eq!((at(&area.key), at(&area.field), at(&area.value)), (64, 64 + 2048, 64 + 4096));
    assert_eq!(core::mem::size_of::<area::Area>(), 65536);
}

fn there_and_back(value: JsValue) -> JsValue {
    decode_object(&encode_object(value).unwrap().to_vec()).unwrap()
}

fn json(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

#[wasm_bindgen_test]
fn objects_come_back_as_they_were() {
    for text in
        ["null", "true", "0", "-1", "1.5", "1e300", "9007199254740991", r#""é""#, "[]", "{}", r#"{"a":[1,{"b":[]}],"":"x"}"#]
    {
        assert_eq!(json(&there_and_back(JSON::parse(text).unwrap())), text.replace("1e300", "1e+300"));
    }
    let date = Date::new(&JsValue::from_f64(1_234_567_890_123.0));
    assert_eq!(Date::from(there_and_back(date.into())).get_time(), 1_234_567_890_123.0);
    let bytes = Uint8Array::from(&[0u8, 255][..]);
    assert_eq!(Uint8Array::from(there_and_back(bytes.into())).to_vec(), [0, 255]);
    assert_eq!(there_and_back(JsValue::from(u64::MAX)), JsValue::from(u64::MAX));
}

#[wasm_bindgen_test]
fn a_cycle_and_a_function_are_refused() {
    let cycle = Array::new();
    cycle.push(&cycle);
    assert!(encode_object(cycle.into()).is_err());
    let object = Object::new();
    Reflect::set(&object, &"f".into(), &js_sys::Function::new_no_args("").into()).unwrap();
    assert!(encode_object(object.into()).is_err());
}

#[wasm_bindgen_test]
fn what_is_no_stored_object_is_refused_wherever_it_is_cut() {
    let stored = encode_object(JSON::parse(r#"{"a":[1,2.5,"text",null],"b":{"c":70000}}"#).unwrap()).unwrap().to_vec();
    for length in 0..stored.len() {
        assert!(decode_object(&stored[..length]).is_err(), "cut at {length}");
    }
    assert!(decode_object(&[0xdd, 255, 255, 255, 255]).is_err());
    assert!(decode_object(&[0x91; 500]).is_err());
}
