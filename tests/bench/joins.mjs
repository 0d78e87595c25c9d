// Clients that open one document at once; a join is over when the client holds the whole document.
//   node joins.mjs URL --proto y|h --room NAME --clients N [--header H | --token T] [--seed FILE] [--expect BYTES] [--holder 1] [--pid PID] [--seq 1] [--patience S]
// --seed: first put this update into the document, and wait until another client can have it. --holder: one client is there already.
// --expect: bytes of the document; a client is in when it has been sent a step2 and nine tenths of them.
// Prints one JSON line: {joined, failed, p50, p99, max, cpu_s, rss_mb}. Times in ms; cpu_s and rss_mb are the server's own.
import fs from 'node:fs'
import * as Y from 'yjs'
import { cpu, isStep, memory, options, pause, quantile, wire } from './wire.mjs'

const opt = options(), { sync, connect } = wire(opt)
const EMPTY_VECTOR = Uint8Array.of(0), EMPTY = Y.encodeStateAsUpdate(new Y.Doc())
const patience = +(opt.patience ?? 20) * 1000

function join (expect) {
  const began = performance.now()
  let bytes = 0, synced = false
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it hangs')), patience)
    connect((message, socket) => {
      if (isStep(message, 0)) return socket.send(sync(1, EMPTY))
      if (isStep(message, 1)) synced = true
      if (isStep(message, 1) || isStep(message, 2)) bytes += message.payload.length
      if (synced && bytes >= expect * 0.9) { clearTimeout(timer); resolve({ socket, took: performance.now() - began }) }
    }).then(socket => socket.send(sync(0, EMPTY_VECTOR)), error => { clearTimeout(timer); reject(error) })
  })
}

async function seed (update) {
  const { socket } = await join(0)
  socket.send(sync(2, update))
  for (;;) { // until others get it
    const { socket: other } = await join(update.length).catch(() => ({}))
    if (other) return [socket, other].forEach(s => s.close())
  }
}

if (opt.seed) await seed(fs.readFileSync(opt.seed))
const expect = +(opt.expect ?? 0), clients = +opt.clients
if (opt.holder) await join(expect)
const before = opt.pid ? cpu(opt.pid) : 0
const times = []
let failed = 0
const one = () => join(expect).then(({ took }) => times.push(took), () => { failed++ })
if (opt.seq) for (let i = 0; i < clients; i++) await one()
else await Promise.all(Array.from({ length: clients }, one))
await pause(200)
const used = opt.pid ? cpu(opt.pid) - before : 0
console.log(JSON.stringify({
  joined: times.length, failed, p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1),
  cpu_s: +used.toFixed(2), rss_mb: opt.pid ? Math.round(memory(opt.pid)) : null
}))
process.exit(0)
