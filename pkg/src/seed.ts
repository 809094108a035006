// The seed of hashes and of random choices. The WebAssembly imports nothing, so it is drawn here.

/** 64 bits that nobody outside can guess, or Math.random's where the host refuses those for now (workerd at module scope). */
export function drawSeed(): bigint {
  try {
    return crypto.getRandomValues(new BigUint64Array(1))[0]!;
  } catch {
    const word = () => BigInt(Math.floor(Math.random() * 2 ** 32));
    return (word() << 32n) | word();
  }
}
