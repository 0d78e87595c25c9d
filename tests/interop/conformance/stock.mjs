// The unmodified clients that people use, one for each framing, behind one interface.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as decoding from 'lib0/decoding'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** A browser's WebSocket reports errors to who listens; in Node one that nobody listens to ends the process. */
class Quiet extends WebSocket {
  constructor (...args) { super(...args); this.on('error', () => {}) }
}

/**
 * {doc, text, awareness, synced(), saved(), disconnect(), connect(), destroy()}. `saved` is true if all own edits are, by
 * what the protocol calls saved, or the number of own characters that are.
 */
export function stock (door, { doc = new Y.Doc() } = {}) {
  return { doc, text: doc.getText('content'), ...(door.framing.name === 'y-websocket' ? yWebsocket : hocuspocus)(door, doc) }
}

function yWebsocket (door, doc) {
  const provider = new WebsocketProvider(door.base, door.room, doc, {
    params: { token: door.token }, WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 200
  })
  let shown = 0 // own characters that the server has shown back
  const plain = provider.messageHandlers[0]
  provider.messageHandlers[0] = (encoder, decoder, ...others) => {
    const copy = decoding.createDecoder(decoder.arr.subarray(decoder.pos))
    if (decoding.readVarUint(copy) !== 0) {
      shown = Math.max(shown, Y.parseUpdateMeta(decoding.readVarUint8Array(copy)).to.get(doc.clientID) ?? 0)
    }
    plain(encoder, decoder, ...others)
  }
  return {
    awareness: provider.awareness,
    synced: () => provider.wsconnected && provider.synced,
    saved: () => shown,
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    destroy: () => provider.destroy()
  }
}

function hocuspocus (door, doc) {
  const socket = new HocuspocusProviderWebsocket({ url: door.base, WebSocketPolyfill: Quiet, delay: 50, minDelay: 50, maxDelay: 200 })
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: door.room, document: doc, token: door.token })
  provider.attach()
  return {
    awareness: provider.awareness,
    synced: () => provider.isSynced && provider.isAuthenticated,
    saved: () => provider.hasUnsyncedChanges ? 0 : true,
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
    destroy: () => { provider.destroy(); socket.destroy() }
  }
}
