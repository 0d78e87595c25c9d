// Readers that never read while one client writes; then they read, and must end with what was written.
//   node slow_readers.mjs URL --proto y|h --room NAME --readers N --mb MB [--header H | --token T] --pid PID
// Each paste replaces the one before, so that the document itself stays small.
// Prints one JSON line: {written_mb, before_mb, peak_mb, grew_mb, ended, behind}: readers whose connection ended meanwhile, readers without the last text at the end.
import * as Y from 'yjs'
import { isStep, memory, options, pause, wire } from './wire.mjs'

const opt = options(), { sync, connect } = wire(opt)
const PASTE = 256 * 1024, END = 'the end'
const until = async (holds, seconds) => { for (const limit = Date.now() + seconds * 1000; !holds() && Date.now() < limit;) await pause(5); return holds() }

async function client () {
  const doc = new Y.Doc(), me = { doc, text: doc.getText('content'), synced: false, ended: false }
  me.socket = await connect((message, socket) => {
    if (isStep(message, 0)) return socket.send(sync(1, Y.encodeStateAsUpdate(doc, message.payload)))
    if (isStep(message, 1) || isStep(message, 2)) Y.applyUpdate(doc, message.payload, 'server')
    if (isStep(message, 1)) me.synced = true
  })
  me.socket.on('close', () => { me.ended = true })
  me.socket.send(sync(0, Uint8Array.of(0)))
  if (!await until(() => me.synced, 20)) throw new Error('a client was not let in')
  return me
}

const writer = await client(), witness = await client(), readers = []
writer.doc.on('update', (update, origin) => { if (origin !== 'server') writer.socket.send(sync(2, update)) })
for (let i = 0; i < +opt.readers; i++) readers.push(await client())
for (const reader of readers) reader.socket.pause()
const before = memory(opt.pid)
let peak = before
const watch = setInterval(() => { peak = Math.max(peak, memory(opt.pid)) }, 20)
const write = words => writer.doc.transact(() => { writer.text.delete(0, writer.text.length); writer.text.insert(0, words) })
const count = Math.ceil(+opt.mb * 1e6 / PASTE)
for (let i = 0; i < count; i++) {
  const words = String(i).padEnd(PASTE, 'lorem ipsum ')
  write(words)
  if (i % 4 === 3) await until(() => witness.text.toString() === words, 30) // as fast as somebody who reads can follow
}
write(END)
await until(() => witness.text.toString() === END, 30)
clearInterval(watch)
for (const reader of readers) reader.socket.resume()
await until(() => readers.every(r => r.ended || r.text.toString() === END), 30)
console.log(JSON.stringify({
  written_mb: Math.round(count * PASTE / 1e6), before_mb: Math.round(before), peak_mb: Math.round(peak), grew_mb: Math.round(peak - before),
  ended: readers.filter(r => r.ended).length, behind: readers.filter(r => !r.ended && r.text.toString() !== END).length
}))
process.exit(0)
