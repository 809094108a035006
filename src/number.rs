//! Numbers as Redis reads and prints them.

pub const F64_LEN: usize = 32;

pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let s = core::str::from_utf8(text).ok()?;
    s.parse().ok()
}
pub fn write_i64(number: i64, buf: &mut [u8; 20]) -> &[u8] {
    use core::fmt::Write;
    struct W<'a>(&'a mut [u8; 20], usize);
    impl Write for W<'_> {
        fn write_str(&mut self, s: &str) -> core::fmt::Result {
            for b in s.bytes() {
                self.0[self.1] = b;
                self.1 += 1;
            }
            Ok(())
        }
    }
    let mut w = W(buf, 0);
    let _ = write!(w, "{number}");
    let n = w.1;
    &buf[..n]
}
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}
pub fn write_f64(_number: f64, buf: &mut [u8; F64_LEN]) -> &[u8] {
    &buf[..0]
}
