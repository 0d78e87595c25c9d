// A client that is refused: which codes does it take as final?
//   node final_codes.mjs LIVE_URL DOCUMENT TOKEN
// Prints one JSON line: {code, attempts} after a moment in which it would have tried again.
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [url, name, token] = process.argv.slice(2)
let attempts = 0, code = null
class Counting extends WebSocket { constructor (...args) { super(...args); attempts++ } }
const provider = new WebsocketProvider(url, name, new Y.Doc(), { params: { token }, WebSocketPolyfill: Counting, disableBc: true, maxBackoffTime: 50 })
provider.on('connection-close', event => { code = event?.code ?? code })
while (code === null) await new Promise(resolve => setTimeout(resolve, 5))
await new Promise(resolve => setTimeout(resolve, 400))
console.log(JSON.stringify({ code, attempts }))
process.exit(0)
