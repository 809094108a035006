;; Text between JavaScript's strings and the engine's memory by the host's own functions of strings ("JS string builtins"). They know arrays of the
;; collector's only, so each character passes through one. Texts are of eight characters at least; text.ts says when this is the quickest way.
(module
  (type $units (array (mut i16)))
  (import "wasm:js-string" "fromCharCodeArray"
    (func $from_array (param (ref null $units) i32 i32) (result (ref extern))))
  (import "wasm:js-string" "intoCharCodeArray"
    (func $into_array (param externref (ref null $units) i32) (result i32)))
  (import "engine" "memory" (memory 1))

  ;; LONGEST of text.ts.
  (global $units (ref $units) (array.new_default $units (i32.const 256)))

  ;; Where the next step begins: the last one overlaps the one before, so that nothing beyond the text is touched.
  (func $next (param $i i32) (param $step i32) (param $last i32) (result i32)
    (local.set $i (i32.add (local.get $i) (local.get $step)))
    (select (local.get $i) (local.get $last) (i32.lt_u (local.get $i) (local.get $last))))

  (func $set (param $i i32) (param $bytes i64)
    (array.set $units (global.get $units) (local.get $i) (i32.and (i32.wrap_i64 (local.get $bytes)) (i32.const 0xff))))

  ;; The text of so many bytes at an address, or null where they are not ASCII.
  (func (export "take") (param $at i32) (param $length i32) (result externref)
    (local $i i32)
    (local $last i32)
    (local $bytes i64)
    (local $all i64)
    (local.set $last (i32.sub (local.get $length) (i32.const 8)))
    (loop $eight
      (local.set $bytes (i64.load align=1 (i32.add (local.get $at) (local.get $i))))
      (local.set $all (i64.or (local.get $all) (local.get $bytes)))
      (call $set (local.get $i) (local.get $bytes))
      (call $set (i32.add (local.get $i) (i32.const 1)) (i64.shr_u (local.get $bytes) (i64.const 8)))
      (call $set (i32.add (local.get $i) (i32.const 2)) (i64.shr_u (local.get $bytes) (i64.const 16)))
      (call $set (i32.add (local.get $i) (i32.const 3)) (i64.shr_u (local.get $bytes) (i64.const 24)))
      (call $set (i32.add (local.get $i) (i32.const 4)) (i64.shr_u (local.get $bytes) (i64.const 32)))
      (call $set (i32.add (local.get $i) (i32.const 5)) (i64.shr_u (local.get $bytes) (i64.const 40)))
      (call $set (i32.add (local.get $i) (i32.const 6)) (i64.shr_u (local.get $bytes) (i64.const 48)))
      (call $set (i32.add (local.get $i) (i32.const 7)) (i64.shr_u (local.get $bytes) (i64.const 56)))
      (if (i32.lt_u (local.get $i) (local.get $last))
        (then
          (local.set $i (call $next (local.get $i) (i32.const 8) (local.get $last)))
          (br $eight))))
    (if (i64.ne (i64.and (local.get $all) (i64.const 0x8080808080808080)) (i64.const 0))
      (then (return (ref.null extern))))
    (call $from_array (global.get $units) (i32.const 0) (local.get $length)))

  (func $get (param $i i32) (result i32)
    (array.get_u $units (global.get $units) (local.get $i)))

  ;; Writes a text to an address; its bytes, or -1 where it is not ASCII.
  (func (export "put") (param $text externref) (param $at i32) (result i32)
    (local $length i32)
    (local $i i32)
    (local $last i32)
    (local $a i32)
    (local $b i32)
    (local $c i32)
    (local $d i32)
    (local $all i32)
    (local.set $length (call $into_array (local.get $text) (global.get $units) (i32.const 0)))
    (local.set $last (i32.sub (local.get $length) (i32.const 4)))
    (loop $four
      (local.set $a (call $get (local.get $i)))
      (local.set $b (call $get (i32.add (local.get $i) (i32.const 1))))
      (local.set $c (call $get (i32.add (local.get $i) (i32.const 2))))
      (local.set $d (call $get (i32.add (local.get $i) (i32.const 3))))
      (local.set $all
        (i32.or
          (local.get $all)
          (i32.or (i32.or (local.get $a) (local.get $b)) (i32.or (local.get $c) (local.get $d)))))
      (i32.store align=1 (i32.add (local.get $at) (local.get $i))
        (i32.or
          (i32.or (local.get $a) (i32.shl (local.get $b) (i32.const 8)))
          (i32.or (i32.shl (local.get $c) (i32.const 16)) (i32.shl (local.get $d) (i32.const 24)))))
      (if (i32.lt_u (local.get $i) (local.get $last))
        (then
          (local.set $i (call $next (local.get $i) (i32.const 4) (local.get $last)))
          (br $four))))
    (select (local.get $length) (i32.const -1) (i32.lt_u (local.get $all) (i32.const 128)))))
