// A stock client that has a document open while somebody brings an earlier text back.
//   node restored.mjs LIVE_URL DOCUMENT TOKEN AGREED
// It writes over the agreed text, keeps a caret in what stays, and waits until the agreed text is back;
// then it writes on, until the server has echoed that. Prints one JSON line: {text, caret, after, pending}.
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [url, name, token, agreed] = process.argv.slice(2)
const doc = new Y.Doc()
const provider = new WebsocketProvider(url, name, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
const text = doc.getText('content')
const until = holds => new Promise(resolve => {
  const look = () => { if (holds()) { doc.off('update', look); resolve() } }
  doc.on('update', look)
  look()
})

await until(() => text.toString() === agreed)
const caret = Y.createRelativePositionFromTypeIndex(text, agreed.length - 4)
doc.transact(() => { text.delete(0, 5); text.insert(0, 'Nobody ever knew what') })
await until(() => text.toString() === agreed)
const at = Y.createAbsolutePositionFromRelativePosition(caret, doc).index
const restored = text.toString()
const more = ' And more.'
const echoed = new Promise(resolve => provider.ws.addEventListener('message', event => { if (Buffer.from(event.data).includes(Buffer.from(more))) resolve() }))
text.insert(text.length, more)
await echoed
console.log(JSON.stringify({ text: restored, caret: restored.slice(at), after: text.toString(), pending: doc.store.pendingStructs !== null || doc.store.pendingDs !== null }))
process.exit(0)
