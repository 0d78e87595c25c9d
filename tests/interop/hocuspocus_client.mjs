// Unmodified @hocuspocus/provider clients (and y-websocket ones beside them) that take orders; for Node and for browsers.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const clients = new Map()
const sockets = new Map()

const orders = {
  // a socket that several clients share
  socket ({ id, url }, polyfill) {
    sockets.set(id, new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: polyfill, delay: 200, minDelay: 100, maxDelay: 400 }))
  },
  // `tokens`: what it shows first, second, …; then `token`
  open ({ id, url, socket, document, token, tokens = [], sessionAwareness = false, presence = true, options = {} }, polyfill) {
    const doc = new Y.Doc()
    const client = { doc, text: doc.getText('content'), token, tokensShown: 0, scopes: [], failures: [], closes: [], counts: [], synced: 0, opened: 0, stateless: [] }
    const shared = socket === undefined
      ? { url, WebSocketPolyfill: polyfill, delay: 200, minDelay: 100, maxDelay: 400 }
      : { websocketProvider: sockets.get(socket) }
    client.provider = new HocuspocusProvider({
      ...shared,
      ...options,
      name: document,
      document: doc,
      sessionAwareness,
      ...(presence ? {} : { awareness: null }),
      token: () => { client.tokensShown++; return tokens.shift() ?? client.token },
      onOpen: () => { client.opened++ },
      onAuthenticated: ({ scope }) => client.scopes.push(scope),
      onAuthenticationFailed: ({ reason }) => client.failures.push(reason),
      onClose: ({ event }) => client.closes.push([event.code, event.reason]),
      onSynced: () => { client.synced++ },
      onStateless: ({ payload }) => client.stateless.push(payload),
      onUnsyncedChanges: ({ number }) => client.counts.push(number),
    })
    if (socket !== undefined) client.provider.attach()
    clients.set(id, client)
  },
  openWebsocket ({ id, url, document, token }, polyfill) {
    const doc = new Y.Doc()
    const provider = new WebsocketProvider(url, document, doc, { params: { token }, WebSocketPolyfill: polyfill, disableBc: true, maxBackoffTime: 200 })
    clients.set(id, { doc, text: doc.getText('content'), provider, other: true })
  },
  look ({ id }) {
    const { doc, text, provider, other, tokensShown, scopes, failures, closes, counts, synced, opened, stateless } = clients.get(id)
    const presence = provider.awareness ? Object.fromEntries(provider.awareness.getStates()) : {}
    const common = { text: text.toString(), clientID: doc.clientID, presence }
    if (other) return { ...common, synced: provider.synced }
    return {
      ...common,
      tokensShown,
      scopes,
      failures,
      closes,
      counts,
      opened,
      stateless,
      synced: provider.isSynced,
      syncedTimes: synced,
      unsynced: provider.unsyncedChanges,
      hasUnsyncedChanges: provider.hasUnsyncedChanges,
      authenticated: provider.isAuthenticated,
      scope: provider.authorizedScope,
    }
  },
  insert ({ id, words, at = -1 }) {
    const { text } = clients.get(id)
    text.insert(at < 0 ? text.length : at, words)
  },
  present ({ id, state }) {
    const { awareness } = clients.get(id).provider
    if (state === null) awareness.setLocalState(null)
    else awareness.setLocalState({ ...awareness.getLocalState(), ...state })
  },
  token ({ id, token, send = false }) {
    clients.get(id).token = token
    if (send) clients.get(id).provider.sendToken()
  },
  startSync ({ id }) { clients.get(id).provider.startSync() },
  forceSync ({ id }) { clients.get(id).provider.forceSync() },
  sendStateless ({ id, payload }) { clients.get(id).provider.sendStateless(payload) },
  // its network breaks without a word
  cut ({ id }) { clients.get(id).provider.configuration.websocketProvider.webSocket.close() },
  disconnect ({ id }) { clients.get(id).provider.disconnect() },
  connect ({ id }) { clients.get(id).provider.connect() },
  destroy ({ id }) {
    clients.get(id).provider.destroy()
    clients.delete(id)
  },
  everybody () { return Object.fromEntries([...clients.keys()].map(id => [id, orders.look({ id })])) },
}

/** Carries out `{do, ...}`; what it answers can be JSON. */
export const handle = (order, polyfill) => orders[order.do](order, polyfill) ?? null
