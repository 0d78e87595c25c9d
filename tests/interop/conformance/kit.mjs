// Runs checks against one server, one after the other, and says how each went.
import { Peer } from './peer.mjs'
import { stock } from './stock.mjs'
import { until } from './until.mjs'
import { checks as bounds } from './checks/bounds.mjs'
import { checks as durability } from './checks/durability.mjs'
import { checks as hostile } from './checks/hostile.mjs'
import { checks as kills } from './checks/kills.mjs'
import { checks as presence } from './checks/presence.mjs'
import { checks as rights } from './checks/rights.mjs'
import { checks as sync } from './checks/sync.mjs'

export const CHECKS = [...sync, ...durability, ...presence, ...rights, ...hostile, ...bounds, ...kills]
const PATIENCE = 300_000 // ms that one check may take

/** [{id, result: 'pass' | 'fail' | 'n/a' | 'skipped', reason?, note?, seconds}] */
export async function run (server, { only = null, long = false, report = () => {} } = {}) {
  const results = []
  await server.start()
  try {
    for (const check of CHECKS) {
      if (only && !only.includes(check.id)) continue
      const result = { id: check.id, ...await verdict(check, server, long) }
      results.push(result)
      report(server, result)
    }
  } finally {
    await server.end()
  }
  return results
}

async function verdict (check, server, long) {
  if (check.needs?.some(concept => !server.concepts.has(concept))) return { result: 'n/a' }
  if (!long && check.long?.(server)) return { result: 'skipped' }
  const began = Date.now(), mine = []
  const outcome = { result: 'pass' }
  const kit = {
    server,
    long,
    note: text => { outcome.note = text },
    room: options => server.room(options),
    peer: (room, who, options) => kept(mine, new Peer(server.door(room, who), options)),
    stock: (room, who, options) => kept(mine, stock(server.door(room, who), options)),
    join: async (room, who, options) => {
      const peer = kit.peer(room, who, options)
      await until(() => peer.synced || peer.ended, 'the handshake is done', 20)
      if (!peer.synced) throw new Error(`not let in: ${JSON.stringify(peer.ended)}`)
      return peer
    }
  }
  try {
    await withPatience(check.run(kit))
  } catch (error) {
    Object.assign(outcome, { result: 'fail', reason: error.message.split('\n')[0] })
  }
  for (const one of mine) one.destroy ? one.destroy() : one.vanish()
  if (!server.process.alive) await server.start()
  outcome.seconds = +((Date.now() - began) / 1000).toFixed(1)
  return outcome
}

function kept (list, one) { list.push(one); return one }

function withPatience (work) {
  let timer
  const end = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('it hangs')), PATIENCE) })
  return Promise.race([work, end]).finally(() => clearTimeout(timer))
}
