// Types an editing trace into a live document through unmodified y-websocket clients.
//   node type_trace.mjs LIVE_URL DOCUMENT TRACE.json.gz TOKEN [TOKEN…]     (one token for each author)
// An author whose trace says that they had seen another's edit waits until the server has delivered it.
// Prints one JSON line: {edits, waited, texts: [sha256 of each client's text at the end], seconds}.
import crypto from 'node:crypto'
import fs from 'node:fs'
import zlib from 'node:zlib'
import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [url, name, path, ...tokens] = process.argv.slice(2)
const trace = JSON.parse(zlib.gunzipSync(fs.readFileSync(path)))
const txns = trace.txns
const until = async (holds, what) => {
  for (const limit = Date.now() + 240000; !holds();) {
    if (Date.now() > limit) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}

// Each author types into a document that holds exactly what the trace says they saw (`desk`), and sends
// from one that is connected (`live`). Client ids rise with the author, as ties in the trace were decided.
const base = 1 + crypto.randomInt(2 ** 30)
const authors = tokens.map((token, index) => {
  const desk = new Y.Doc(), live = new Y.Doc()
  desk.clientID = base + index
  const author = { desk, live, text: desk.getText('content'), seen: new Set(), sent: [], saved: 0 }
  desk.on('update', (update, origin) => { if (origin !== 'seen') { author.sent.push(update); Y.applyUpdate(live, update, 'typed') } })
  author.provider = new WebsocketProvider(url, name, live, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
  const plain = author.provider.messageHandlers[0]
  author.provider.messageHandlers[0] = (encoder, decoder, provider, emitSynced, type) => {
    const copy = decoding.createDecoder(decoder.arr.subarray(decoder.pos))
    if (decoding.readVarUint(copy) !== 0) { // the server's echo: this much of our own is saved
      author.saved = Math.max(author.saved, Y.parseUpdateMeta(decoding.readVarUint8Array(copy)).to.get(desk.clientID) ?? 0)
    }
    plain(encoder, decoder, provider, emitSynced, type)
  }
  return author
})
await until(() => authors.every(a => a.provider.synced), 'all are synced')

const clockOf = (doc, client) => Y.getState(doc.store, client)
const updates = [], clocks = [], began = Date.now()
let waited = 0
async function see (author, parents) {
  const missing = [], stack = [...parents]
  while (stack.length > 0) {
    const index = stack.pop()
    if (author.seen.has(index)) continue
    author.seen.add(index); missing.push(index); stack.push(...txns[index].parents)
  }
  for (const index of missing.sort((a, b) => a - b)) {
    const writer = authors[txns[index].agent].desk.clientID
    if (clockOf(author.live, writer) < clocks[index]) { waited++; await until(() => clockOf(author.live, writer) >= clocks[index], 'an edit arrived') }
    Y.applyUpdate(author.desk, updates[index], 'seen')
  }
}
for (const [index, txn] of txns.entries()) {
  const author = authors[txn.agent ?? 0]
  if (txn.parents) await see(author, txn.parents)
  author.desk.transact(() => {
    for (const [position, deleted, inserted] of txn.patches) {
      if (deleted) author.text.delete(position, deleted)
      if (inserted) author.text.insert(position, inserted)
    }
  })
  if (txn.parents) { updates[index] = author.sent.pop(); clocks[index] = clockOf(author.desk, author.desk.clientID); author.seen.add(index) }
  author.sent.length = 0
  if (index % 200 === 0) {
    await until(() => author.provider.ws?.bufferedAmount < 65536, 'the socket drained')
    await new Promise(resolve => setImmediate(resolve))
  }
}
await until(() => authors.every(a => a.saved >= clockOf(a.desk, a.desk.clientID)), 'all is saved')
const texts = () => authors.map(a => a.live.getText('content').toString())
await until(() => texts().every(text => text === trace.endContent), 'every client holds the end text')
console.log(JSON.stringify({
  edits: txns.length, waited, seconds: (Date.now() - began) / 1000,
  texts: texts().map(text => crypto.createHash('sha256').update(text).digest('hex'))
}))
process.exit(0)
