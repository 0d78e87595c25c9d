// A client on a raw socket that says exactly what a check wants said, and remembers what it was told.
import WebSocket from 'ws'
import * as Y from 'yjs'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { AUTH, AWARENESS, CLOSE, STEP1, STEP2, SYNC, SYNC_STATUS, awareness, sync } from './framing.mjs'
import { until } from './until.mjs'

const EMPTY = Y.encodeStateAsUpdate(new Y.Doc())

export class Peer {
  /** Connects. `answers: false` leaves the server's step1 to the check. `doc` may hold what it had before. */
  constructor (door, { doc = new Y.Doc(), answers = true } = {}) {
    this.door = door
    this.doc = doc
    this.text = doc.getText('content')
    this.client = doc.clientID // kept: Yjs changes its own when somebody else uses it
    this.awareness = new Awareness(doc)
    this.awareness.setLocalState(null)
    clearInterval(this.awareness._checkInterval) // it forgets what it is told to, and nothing by itself
    this.told = [] // messages from the server
    this.ended = null // {how, code, reason} once the server refused or ended this connection
    this.synced = false
    this._answers = answers
    this._edits = 0
    this._applied = 0
    this._ownClock = 0 // of own edits, as the server has shown them back
    this.socket = new WebSocket(door.framing.url(door), { perMessageDeflate: false, headers: door.headers })
    this.socket.binaryType = 'nodebuffer'
    this.socket.on('open', () => {
      for (const frame of door.framing.greeting(door)) this.raw(frame)
      this.send(sync(STEP1, Y.encodeStateVector(doc)))
    })
    this.socket.on('message', (data, binary) => binary && this._hear(new Uint8Array(data)))
    this.socket.on('close', (code, reason) => { this.ended ??= { how: 'closed', code, reason: reason.toString() } })
    this.socket.on('error', error => { this.ended ??= { how: 'error', reason: error.message } })
  }

  /** A peer that has everything the server had. */
  static async join (door, options) {
    const peer = new Peer(door, options)
    await until(() => peer.synced || peer.ended, 'the handshake is done', 20)
    if (!peer.synced) throw new Error(`not let in: ${JSON.stringify(peer.ended)}`)
    return peer
  }

  raw (frame) { if (this.socket.readyState === WebSocket.OPEN) this.socket.send(frame) }
  send (body) { this.raw(this.door.framing.wrap(this.door, body)) }

  /** Make a change and send it. Returns the update. */
  edit (change, step = 2) {
    let made = null
    const note = update => { made = update }
    this.doc.once('update', note)
    this.doc.transact(() => change(this.text))
    this.sendUpdate(made, step)
    return made
  }

  type (words) { return this.edit(text => text.insert(text.length, words)) }
  sendUpdate (update, step = 2) { this._edits++; this.send(sync(step, update)) }
  ask () { this.send(sync(STEP1, Y.encodeStateVector(this.doc))) }

  /** Announce presence, or (null) take it back, under an id that is by default the own one. */
  announce (state, client = this.client) {
    const doc = new Y.Doc(); doc.clientID = client
    const one = new Awareness(doc)
    this._presenceClock = (this._presenceClock ?? 0) + 1
    one.setLocalState(state)
    one.meta.set(client, { clock: this._presenceClock + (client === this.client ? 0 : 1000), lastUpdated: Date.now() })
    this.send(awareness(encodeAwarenessUpdate(one, [client])))
    one.destroy()
  }

  /** Whether the server has acknowledged all own edits, as its protocol does: by status, or by the echo. */
  get acknowledged () {
    if (this.door.framing.name === 'hocuspocus') return this._applied >= this._edits
    return this._ownClock >= Y.getState(this.doc.store, this.client)
  }

  sees (words) { return this.text.toString().includes(words) }
  seesPresenceOf (other) { return this.awareness.getStates().has(other.client) }
  refused () { return this.told.some(m => m.type === SYNC_STATUS && m.status === 0) }

  _hear (frame) {
    let message
    try { message = this.door.framing.read(frame) } catch (error) { message = { type: -1, rest: frame.length, error } }
    message.at = Date.now()
    this.told.push(message)
    if (message.type === SYNC) this._hearSync(message)
    if (message.type === AWARENESS) applyAwarenessUpdate(this.awareness, message.payload, this)
    if (message.type === AUTH && message.step === 1) this.ended = { how: 'denied', reason: message.reason }
    if (message.type === AUTH && this.door.framing.name === 'y-websocket') this.ended ??= { how: 'denied', reason: message.reason }
    if (message.type === CLOSE) this.ended = { how: 'closed', reason: message.reason }
    if (message.type === SYNC_STATUS && message.status === 1) this._applied++
  }

  _hearSync ({ step, payload }) {
    if (step === STEP1) {
      if (!this._answers) return
      if (this.door.framing.name === 'hocuspocus') this._edits++ // each step2 gets a status too
      const lacking = Y.encodeStateAsUpdate(this.doc, payload)
      this.send(sync(STEP2, lacking.length > EMPTY.length ? lacking : EMPTY))
      return
    }
    this._ownClock = Math.max(this._ownClock, Y.parseUpdateMeta(payload).to.get(this.client) ?? 0)
    Y.applyUpdate(this.doc, payload, this)
    if (step === STEP2) this.synced = true
  }

  /** Gone without a word, as by a power cut. */
  vanish () { this.socket.terminate() }
  leave () { this.socket.close() }
}
