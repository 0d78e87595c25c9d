// People who type without pause, through unmodified y-websocket clients, and remember what they were shown.
//   node typists.mjs LIVE_URL[,LIVE_URL…] DOCUMENT TOKEN [TOKEN…]        (one client for each token)
// With several addresses the clients are spread over them, and who loses the connection comes back at the next one.
// Each inserts tokens '§<client 4><number 6>' at random places. Orders come as lines on stdin, answers as JSON lines:
//   connect  -> {connected: n} once all are synced        type -> {typing: true}
//   cut      -> {received: [...], acknowledged: [...], typed: n, dropped: connections lost while typing}: all sockets closed for good, typing stopped.
//              received: tokens that any client was shown by the server; acknowledged: tokens whose author got its echo.
//   settle   -> {text, typed, dropped}: typing stopped; what everybody has once all have the same
//               (or, after 60 s, {differ: [...]}).
//   move     -> {moved: n}: every other client goes to the next address while it types
//   look     -> {received: n, acknowledged: n}, how many so far
//   end      -> exits
import readline from 'node:readline'
import WebSocket from 'ws'
import * as Y from 'yjs'
import * as decoding from 'lib0/decoding'
import { WebsocketProvider } from 'y-websocket'

const [urls, name, ...tokens] = process.argv.slice(2)
const addresses = urls.split(',')
const received = new Set(), acknowledged = new Set()
let typing = false, number = 0, dropped = 0
const MARK = /§\d{10}/g

const clients = tokens.map((token, index) => {
  const doc = new Y.Doc(), text = doc.getText('content'), mine = []
  const provider = new WebsocketProvider(addresses[index % addresses.length], name, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true, connect: false, maxBackoffTime: 200 })
  const plain = provider.messageHandlers[0]
  provider.messageHandlers[0] = (encoder, decoder, provider, emitSynced, type) => {
    const copy = decoding.createDecoder(decoder.arr.subarray(decoder.pos))
    if (decoding.readVarUint(copy) !== 0) note(decoding.readVarUint8Array(copy))
    plain(encoder, decoder, provider, emitSynced, type)
  }
  provider.on('connection-close', event => {
    if (event === null) return
    if (typing) dropped++
    elsewhere()
  })
  function elsewhere () { provider.serverUrl = addresses[(addresses.indexOf(provider.serverUrl) + 1) % addresses.length] }
  function note (update) {
    for (const struct of Y.decodeUpdate(update).structs) {
      if (struct.content?.str === undefined) continue
      if (struct.id.client !== doc.clientID) for (const token of struct.content.str.match(MARK) ?? []) received.add(token)
    }
    const clock = Y.parseUpdateMeta(update).to.get(doc.clientID) ?? 0
    while (mine.length > 0 && mine[0].clock <= clock) acknowledged.add(mine.shift().token)
  }
  function press () {
    const token = `§${String(index).padStart(4, '0')}${String(number++).padStart(6, '0')}`
    const places = text.length / 11
    text.insert(Math.floor(Math.random() * (places + 1)) * 11, token)
    mine.push({ token, clock: Y.getState(doc.store, doc.clientID) })
  }
  return { provider, press, doc, text, mine, elsewhere }
})
const every = async holds => { while (!clients.every(holds)) await new Promise(resolve => setTimeout(resolve, 5)) }
setInterval(() => { if (typing) for (const client of clients) if (client.provider.wsconnected) client.press() }, 25)

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer
  if (line === 'connect') {
    for (const { provider } of clients) provider.connect()
    await every(client => client.provider.synced)
    answer = { connected: clients.length }
  } else if (line === 'type') {
    typing = true
    answer = { typing }
  } else if (line === 'look') {
    answer = { received: received.size, acknowledged: acknowledged.size }
  } else if (line === 'move') {
    const movers = clients.filter((_, index) => index % 2 === 0)
    for (const { provider, elsewhere } of movers) { provider.disconnect(); elsewhere(); provider.connect() }
    answer = { moved: movers.length }
  } else if (line === 'settle') {
    typing = false
    for (const { provider } of clients) provider.connect()
    const deadline = Date.now() + 60000
    const same = () => clients.every(({ provider, text }) => provider.wsconnected && provider.synced && text.toString() === clients[0].text.toString())
    let since = Date.now()
    while (Date.now() < deadline) {
      if (!same()) since = Date.now()
      else if (Date.now() - since >= 300) break
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    answer = same()
      ? { text: clients[0].text.toString(), typed: number, dropped, received: [...received], acknowledged: [...acknowledged] }
      : { differ: clients.map(({ provider, text }) => [provider.url, provider.wsconnected, provider.synced, text.length]) }
  } else if (line === 'cut') {
    typing = false
    for (const { provider } of clients) provider.disconnect()
    answer = { received: [...received], acknowledged: [...acknowledged], typed: number, dropped }
  } else break
  console.log(JSON.stringify(answer))
}
process.exit(0)
