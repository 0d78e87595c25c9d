// Unmodified y-websocket clients of three generations behind one set of orders, for Node and for browsers.
// `handle(order)` takes {do, id, …} and answers with what can be sent as JSON:
//   open {id, version, url, name, token, tabs?, deaf?}   tabs: share edits with other tabs; deaf: its socket never opens
//   insert {id, at, words} · remove {id, at, count} · presence {id, state} · connect {id} · disconnect {id} · destroy {id}
//   look {id} -> {client, text, synced, connected, wants, codes, events, people, echoed, own}
import * as Y14 from '@y/y'
import { WebsocketProvider as Provider4 } from '@y/websocket'
import * as decoding from 'lib0/decoding'
import { WebsocketProvider as Provider3 } from 'y-websocket'
import { WebsocketProvider as Provider2 } from 'y-websocket-2'
import * as Y13 from 'yjs'

const VERSIONS = { 2: [Provider2, Y13], 3: [Provider3, Y13], 4: [Provider4, Y14] }
const clients = new Map()

/** Looks like a WebSocket that is still connecting, for ever. */
class NeverOpen { constructor () { this.readyState = 0 } send () {} close () {} }

function open ({ id, version, url, name, token, tabs = false, deaf = false }, Socket) {
  const [Provider, Y] = VERSIONS[version]
  const doc = new Y.Doc(), text = version === 4 ? doc.get('content') : doc.getText('content')
  const provider = new Provider(url, name, doc, {
    params: { token }, disableBc: !tabs, maxBackoffTime: 300, ...(deaf ? { WebSocketPolyfill: NeverOpen } : Socket ? { WebSocketPolyfill: Socket } : {})
  })
  const client = { doc, text, provider, events: [], codes: [], echoed: 0 }
  provider.on('sync', state => client.events.push(`sync ${state}`))
  provider.on('status', ({ status }) => client.events.push(status))
  provider.on('connection-close', event => { if (event?.code) client.codes.push(event.code) })
  provider.on('closed', () => client.events.push('closed'))
  listen(client)
  clients.set(id, client)
}

/** Note how far the server has shown this client's own edits back to it. */
function listen (client) {
  const plain = client.provider.messageHandlers[0]
  client.provider.messageHandlers[0] = (encoder, decoder, provider, emitSynced, type) => {
    const copy = decoding.createDecoder(decoder.arr.subarray(decoder.pos))
    if (emitSynced && decoding.readVarUint(copy) !== 0) {
      const { to } = Y13.parseUpdateMeta(decoding.readVarUint8Array(copy))
      client.echoed = Math.max(client.echoed, to.get(client.doc.clientID) ?? 0)
    }
    plain(encoder, decoder, provider, emitSynced, type)
  }
}

/** The clock after the client's last own edit. */
const own = ({ doc }) => (doc.store.clients.get(doc.clientID) ?? []).reduce((_, struct) => struct.id.clock + struct.length, 0)

const ORDERS = {
  insert: ({ text }, { at, words }) => { text.insert(at < 0 ? text.length : at, words) },
  remove: ({ text }, { at, count }) => { text.delete(at, count) },
  presence: ({ provider }, { state }) => { provider.awareness.setLocalState(state) },
  connect: ({ provider }) => { provider.connect() },
  disconnect: ({ provider }) => { provider.disconnect() },
  destroy: ({ provider }, { id }) => { provider.destroy(); clients.delete(id) },
  look: client => ({
    client: client.doc.clientID,
    text: client.text.toString(),
    synced: client.provider.synced,
    connected: client.provider.wsconnected,
    wants: client.provider.shouldConnect,
    codes: client.codes,
    events: client.events,
    people: [...client.provider.awareness.getStates()].map(([id, state]) => [id, state]),
    echoed: client.echoed,
    own: own(client)
  })
}

export function handle (order, Socket) {
  if (order.do === 'open') return open(order, Socket) ?? null
  return ORDERS[order.do](clients.get(order.id), order) ?? null
}
