// The unmodified clients that people use, one for each framing, behind one interface.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** {doc, text, awareness, synced(), saved(), disconnect(), connect(), destroy()} */
export function stock (door, { doc = new Y.Doc() } = {}) {
  return { doc, text: doc.getText('content'), ...(door.framing.name === 'y-websocket' ? yWebsocket : hocuspocus)(door, doc) }
}

function yWebsocket (door, doc) {
  const provider = new WebsocketProvider(door.base, door.room, doc, {
    params: { token: door.token }, WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 200
  })
  return {
    awareness: provider.awareness,
    synced: () => provider.wsconnected && provider.synced,
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    destroy: () => provider.destroy()
  }
}

function hocuspocus (door, doc) {
  const socket = new HocuspocusProviderWebsocket({ url: door.base, WebSocketPolyfill: WebSocket, delay: 50, minDelay: 50, maxDelay: 200 })
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: door.room, document: doc, token: door.token })
  provider.attach()
  return {
    awareness: provider.awareness,
    synced: () => provider.isSynced && provider.isAuthenticated,
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
    destroy: () => { provider.destroy(); socket.destroy() }
  }
}
