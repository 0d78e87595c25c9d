// Plays the server's part of a transcript to an unmodified y-websocket client, and the person's.
//   node golden_client.mjs VERSION < LINES.json      ([{who: 'C' | 'S' | 'do', frame: hex, done}])
// What comes before the client's first line is done before it connects. Prints the frames that the client said.
import fs from 'node:fs'
import { WebSocket, WebSocketServer } from 'ws'
import * as Y14 from '@y/y'
import { WebsocketProvider as Provider4 } from '@y/websocket'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import { WebsocketProvider as Provider2 } from 'y-websocket-2'
import * as Y13 from 'yjs'

const version = +process.argv[2]
const [Provider, Y] = { 2: [Provider2, Y13], 3: [Provider3, Y13], 4: [Provider4, Y14] }[version]
const lines = JSON.parse(fs.readFileSync(0, 'utf8'))
const said = []
let heard = () => {}
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
await new Promise(resolve => server.once('listening', resolve))
const connected = new Promise(resolve => server.once('connection', socket => {
  socket.on('message', data => { said.push(data.toString('hex').match(/../g).join(' ')); heard() })
  resolve(socket)
}))

const doc = new Y.Doc()
doc.clientID = 1
const text = version === 4 ? doc.get('content') : doc.getText('content')
const provider = new Provider(`ws://127.0.0.1:${server.address().port}`, 'd', doc, { WebSocketPolyfill: WebSocket, disableBc: true, connect: false })

function act (done) {
  const [, verb, rest] = /^(\S+) (.*)$/.exec(done)
  if (verb === 'type') text.insert(text.length, JSON.parse(rest))
  else if (verb === 'delete') text.delete(...rest.split(' ').map(Number))
  else throw new Error(done)
}

let due = 0
for (const line of lines) {
  if (line.who === 'do') { act(line.done); continue }
  provider.connect()
  const socket = await connected
  if (line.who === 'S') { socket.send(Buffer.from(line.frame.replaceAll(' ', ''), 'hex')); continue }
  due++
  while (said.length < due) await new Promise(resolve => { heard = resolve })
}
console.log(JSON.stringify(said))
process.exit(0)
