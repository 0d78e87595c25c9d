// A stock client that writes a text into an empty document, and leaves when the server has echoed it.
//   node write_once.mjs LIVE_URL DOCUMENT TOKEN TEXT
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [url, name, token, value] = process.argv.slice(2)
const doc = new Y.Doc()
const provider = new WebsocketProvider(url, name, doc, { params: { token }, WebSocketPolyfill: WebSocket, disableBc: true })
await new Promise(resolve => provider.once('sync', resolve))
const echoed = new Promise(resolve => provider.ws.addEventListener('message', event => { if (Buffer.from(event.data).includes(Buffer.from(value))) resolve() }))
doc.getText('content').insert(0, value)
await echoed
process.exit(0)
