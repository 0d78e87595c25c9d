// Unmodified y-websocket clients that do what people do; each step is checked here, the end also by the caller.
//   node coedit.mjs LIVE_URL DOCUMENT TOKEN TOKEN
// Prints one JSON line: {text, ids} with the final text and the client ids that wrote it.
import assert from 'node:assert/strict'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [url, name, ...tokens] = process.argv.slice(2)
const until = async (holds, what) => {
  for (const limit = Date.now() + 60000; !holds();) {
    assert(Date.now() < limit, `waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
const client = (token, doc = new Y.Doc()) => {
  const provider = new WebsocketProvider(url, name, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 200 })
  return { doc, provider, text: doc.getText('content') }
}
const same = (...clients) => until(() => clients.every(c => c.text.toString() === clients[0].text.toString()), 'texts are the same')

// two people co-edit
const a = client(tokens[0]), b = client(tokens[1])
await until(() => a.provider.synced && b.provider.synced, 'both are synced')
a.text.insert(0, 'Labdien! ')
await until(() => b.text.toString() === 'Labdien! ', 'b sees what a wrote')
a.text.insert(a.text.length, 'viens 😀 ')
b.text.insert(0, 'divi ')
await same(a, b)
assert.equal(a.text.length, 'Labdien! viens 😀 divi '.length)

// they see each other, as the server knows them
a.provider.awareness.setLocalStateField('user', { name: 'Somebody else', color: '#000' })
a.provider.awareness.setLocalStateField('cursor', { anchor: 3 })
const seen = () => b.provider.awareness.getStates().get(a.doc.clientID)
await until(() => seen()?.cursor?.anchor === 3, 'b sees where a is')
assert.equal(seen().user.name, 'Ilze')
assert.equal(a.provider.awareness.getLocalState().user.name, 'Somebody else', 'its own state stays as it set it')

// a late joiner gets everything, presence too
const c = client(tokens[1])
await until(() => c.provider.synced, 'c is synced')
assert.equal(c.text.toString(), a.text.toString())
await until(() => c.provider.awareness.getStates().get(a.doc.clientID)?.cursor, 'c sees who is there')

// the connection breaks: it comes back by itself, with what was written meanwhile on both sides
a.provider.ws.close()
a.text.insert(0, '[while broken] ')
b.text.insert(b.text.length, '[meanwhile]')
await until(() => a.provider.wsconnected && a.provider.synced, 'a is back')
await same(a, b, c)
await until(() => b.text.toString().includes('[while broken]') && a.text.toString().includes('[meanwhile]'), 'both have both')
await until(() => seen()?.cursor?.anchor === 3, 'b sees a again')

// offline for a while: edits and deletions merge
b.provider.disconnect()
await until(() => !a.provider.awareness.getStates().has(b.doc.clientID), 'a sees that b is gone')
b.text.delete(0, 5)
b.text.insert(3, '<offline>')
a.text.insert(a.text.length, '<online>')
b.provider.connect()
await until(() => a.text.toString().includes('<offline>') && b.text.toString().includes('<online>'), 'they merged')
await same(a, b, c)

// rich text, marks and nesting included
const fragment = a.doc.getXmlFragment('rich')
a.doc.transact(() => {
  const paragraph = new Y.XmlElement('paragraph'), words = new Y.XmlText()
  fragment.insert(0, [paragraph]); paragraph.insert(0, [words]); words.insert(0, 'bold words', {}); words.format(0, 4, { bold: true })
})
await until(() => c.doc.getXmlFragment('rich').toString() === fragment.toString(), 'c has the rich text')
assert.match(fragment.toString(), /<bold>bold<\/bold> words/)

console.log(JSON.stringify({ text: a.text.toString(), ids: [a.doc.clientID, b.doc.clientID] }))
process.exit(0)
