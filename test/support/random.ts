/** A repeatable source of randomness: the seed is printed, `TEST_SEED` runs the same again. Without it, the given one or a new one. */
export function createRandom(purpose: string, otherwise = Date.now() % 2 ** 31): () => number {
  const seed = Number(process.env['TEST_SEED'] ?? otherwise)
  console.info(`${purpose}: TEST_SEED=${seed}`)
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
