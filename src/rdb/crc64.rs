//! CRC-64 as Redis computes it: Jones's polynomial, bits reversed, beginning with 0.

const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// What four bits do to the sum. A table of 16: half a gigabyte a second natively, and 128 bytes.
static STEPS: [u64; 16] = {
    let mut steps = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        let mut sum = nibble as u64;
        let mut bit = 0;
        while bit < 4 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing)]
        {
            steps[nibble] = sum;
        }
        nibble += 1;
    }
    steps
};

pub(crate) fn crc64(bytes: &[u8]) -> u64 {
    let step = |sum: u64, bits: u8| (sum >> 4) ^ STEPS.get((sum ^ u64::from(bits)) as usize & 15).copied().unwrap_or_default();
    bytes.iter().fold(0, |sum, byte| step(step(sum, *byte), byte >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_that_redis_computes() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }
}
