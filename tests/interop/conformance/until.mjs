// Waiting for conditions, never for a guess of how long something takes.

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

const LOOK = 100 // ms that one look may take of the time there is: while this machine stands still, nobody has time

/** Resolves with what `holds` returns once that is truthy; rejects with `what` after `seconds`. */
export async function until (holds, what, seconds = 8) {
  let left = seconds * 1000
  for (let last = Date.now(); ;) {
    const value = await holds()
    if (value) return value
    const now = Date.now()
    left -= Math.min(now - last, LOOK)
    last = now
    if (left < 0) throw new Error(`in vain until ${what}`)
    await pause(3)
  }
}

/** Whether `holds` stays false for `seconds`: for what must not happen. */
export async function never (holds, seconds) {
  for (const limit = Date.now() + seconds * 1000; Date.now() < limit;) {
    if (await holds()) return false
    await pause(10)
  }
  return true
}

export function expect (holds, message) {
  if (!holds) throw new Error(message)
}
