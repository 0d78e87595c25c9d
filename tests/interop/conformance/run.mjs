// The conformance kit: the same checks against every server.
//   node run.mjs [--long] [--json] [--only ID[,ID…]] [--servers NAME[,NAME…]] [--interlink PROGRAM] [--ports PORT[,PORT…]]
// Servers: hocuspocus, y-websocket, y-websocket-leveldb, interlink-h, interlink-y (all, unless named).
// Prints who passes what as a table, and exits with 1 if interlink failed a check; or (--json) one JSON line.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { hocuspocus, yWebsocket } from './framing.mjs'
import { run } from './kit.mjs'
import { kept } from './servers/process.mjs'
import { Hocuspocus } from './servers/hocuspocus.mjs'
import { Interlink } from './servers/interlink.mjs'
import { YWebsocket } from './servers/y_websocket.mjs'
import { table } from './table.mjs'

const { values: options } = parseArgs({
  options: { long: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, only: { type: 'string' }, servers: { type: 'string' }, interlink: { type: 'string' }, ports: { type: 'string' } }
})
if (options.ports) kept.push(...options.ports.split(',').map(Number))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'))
process.on('exit', () => { try { fs.rmSync(base, { recursive: true, force: true }) } catch { /* a database is still ending there */ } })
const SERVERS = {
  hocuspocus: () => new Hocuspocus(path.join(base, 'h')),
  'y-websocket': () => new YWebsocket(path.join(base, 'y'), { persistent: false }),
  'y-websocket-leveldb': () => new YWebsocket(path.join(base, 'yl'), { persistent: true }),
  'interlink-h': () => new Interlink(path.join(base, 'ih'), hocuspocus, options),
  'interlink-y': () => new Interlink(path.join(base, 'iy'), yWebsocket, options)
}
const quiet = () => {}
for (const level of ['error', 'warn']) console[level] = quiet // stock clients complain about what is tried on purpose

const names = options.servers?.split(',') ?? Object.keys(SERVERS)
const columns = await Promise.all(names.map(async name => {
  const server = SERVERS[name]()
  const began = Date.now()
  const report = (server, { id, result, reason, seconds, note }) => {
    if (process.env.VERBOSE) process.stderr.write(`${server.name} ${id}: ${result} ${seconds ?? ''} ${reason ?? ''} ${note ?? ''}\n`)
  }
  const results = await run(server, { only: options.only?.split(','), long: options.long, report })
  return { key: name, name: server.name, seconds: +((Date.now() - began) / 1000).toFixed(1), results }
}))

console.log(options.json ? JSON.stringify(columns) : table(columns))
const failed = columns.some(({ key, results }) => key.startsWith('interlink') && results.some(r => r.result === 'fail'))
process.exit(failed && !options.json ? 1 : 0)
