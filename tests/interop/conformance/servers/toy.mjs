// A small server inside this process that can be given one fault at a time: it proves that each check can fail.
// Without faults it passes every check. `fault` is the id of the check that must notice.
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { WebSocketServer } from 'ws'
import * as Y from 'yjs'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import { AWARENESS, QUERY_AWARENESS, STEP1, STEP2, SYNC, UPDATE, awareness, sync, yWebsocket as framing } from '../framing.mjs'

const PEOPLE = ['anna', 'boris', 'vera'], BOUND = 1024 * 1024
const LAZY = ['acknowledged-survives', 'seen-survives', 'typing-survives', 'kills-under-typing']

export class Toy {
  name = 'toy'
  framing = framing
  stores = 0
  concepts = new Set(['store', 'people', 'rights', 'heartbeat'])

  constructor (fault = null) {
    this.fault = fault
    this.changes = 0
    this.disk = new Map() // what a crash does not touch: room -> updates
    this.owners = new Map() // 'room client' -> who
    this.barred = new Set()
    const toy = this
    this.process = { get alive () { return toy.alive }, get memory () { return [...toy.sockets].reduce((sum, s) => sum + s.bufferedAmount, 0) } }
  }

  async start () {
    if (!this.http) await this._listen()
    this.rooms = new Map()
    this.sockets = new Set()
    this.alive = true
    this.server = new WebSocketServer({ noServer: true })
    this.server.on('connection', (socket, request) => this._enter(socket, new URL(request.url, 'ws://x')))
    this.heart = setInterval(() => this.fault !== 'heartbeat' && this.sockets.forEach(s => s.send(Uint8Array.of(1, 1, 0))), 1000)
  }

  /** The port is its own for good, so that nobody is given it while it is down; until it is up again nobody gets in. */
  async _listen () {
    this.http = http.createServer()
    this.http.on('upgrade', (request, socket, head) => {
      if (!this.alive) return socket.destroy()
      this.server.handleUpgrade(request, socket, head, opened => this.server.emit('connection', opened, request))
    })
    await new Promise(resolve => this.http.listen(0, '127.0.0.1', resolve))
    this.port = this.http.address().port
  }

  async kill () {
    if (!this.alive) return
    this.alive = false
    clearInterval(this.heart)
    for (const socket of this.sockets) socket.terminate()
    for (const room of this.rooms.values()) room.awareness.destroy()
    this.rooms.clear()
    await new Promise(resolve => this.server.close(resolve))
  }

  async stop () {
    for (const room of this.rooms.values()) this._store(room, room.unstored.splice(0))
    await this.kill()
  }

  end () { return this.kill() }
  async room () { return { name: randomUUID() } }
  door (room, who) { return { base: `ws://127.0.0.1:${this.port}`, room: room.name, token: who, framing } }
  async failStore () { this.failing = true }
  async storeIsBack () {}
  async openRooms () { return this.rooms.size }

  async kick (place, who) {
    this.barred.add(`${place.name} ${who}`)
    if (this.fault === 'kick') return
    for (const socket of this.rooms.get(place.name)?.members ?? []) if (socket.who === who) socket.close(4403, 'not any more')
  }

  _open (name) {
    const room = { name, doc: new Y.Doc(), members: new Set(), unstored: [], given: 0 }
    room.awareness = new Awareness(room.doc)
    room.awareness.setLocalState(null)
    clearInterval(room.awareness._checkInterval) // nothing goes by itself, however long a check takes
    if (this.fault === 'no-doubling' && this.disk.has(name)) {
      const old = new Y.Doc()
      for (const update of this.disk.get(name)) Y.applyUpdate(old, update)
      room.doc.getText('content').insert(0, old.getText('content').toString())
    } else {
      for (const update of this.disk.get(name) ?? []) Y.applyUpdate(room.doc, update)
    }
    room.doc.on('update', (update, origin) => origin?.who && this._changed(room, update))
    // clients tell every 15 seconds that they are still there
    room.awareness.on(this.fault === 'presence-shown' ? 'change' : 'update', (change, origin) => this._present(room, change, origin))
    this.rooms.set(name, room)
    return room
  }

  _store (room, updates) {
    if (!this.disk.has(room.name)) this.disk.set(room.name, [])
    this.disk.get(room.name).push(...updates)
  }

  _changed (room, update) {
    const lost = this.failing && this.fault === 'store-fails-once'
    this.failing = false
    if (LAZY.includes(this.fault) || this.fault === 'last-one-leaves') room.unstored.push(update)
    else if (!lost) this._store(room, [update])
    if (this.fault === 'co-editing' && ++this.changes % 10 === 0) return
    this._tell(room, this.fault === 'one-message-per-frame' ? Uint8Array.of(...sync(UPDATE, update), 1, 1, 0) : sync(UPDATE, update))
  }

  _tell (room, frame) { for (const socket of room.members) this._send(socket, frame) }

  /** A reader that does not read gets nothing, and later everything. */
  _send (socket, frame) {
    if (this.fault === 'slow-reader-bounded' || socket.bufferedAmount < BOUND) return socket.send(frame)
    if (socket.behind || this.fault === 'slow-reader-catches-up') return
    socket.behind = setInterval(() => {
      if (socket.bufferedAmount > 0) return
      clearInterval(socket.behind)
      socket.behind = null
      socket.send(sync(UPDATE, Y.encodeStateAsUpdate(socket.room.doc)))
    }, 10)
  }

  _enter (socket, address) {
    const name = address.pathname.slice(1), who = address.searchParams.get('token')
    if (!PEOPLE.includes(who) || this.barred.has(`${name} ${who}`)) return socket.close(this.fault === 'wrong-token' ? 4500 : 4401, 'who?')
    const room = this.rooms.get(name) ?? this._open(name)
    Object.assign(socket, { who, room, clients: new Set(), writes: who !== 'vera' })
    socket.binaryType = 'nodebuffer'
    room.members.add(socket)
    this.sockets.add(socket)
    socket.on('close', () => this._leave(socket))
    socket.on('error', () => {})
    socket.on('message', (data, binary) => this._receive(socket, new Uint8Array(data), binary))
    const states = [...room.awareness.getStates().keys()]
    if (states.length && this.fault !== 'presence-shown') socket.send(awareness(encodeAwarenessUpdate(room.awareness, states)))
  }

  _leave (socket) {
    const { room } = socket
    clearInterval(socket.behind)
    room.members.delete(socket)
    this.sockets.delete(socket)
    if (this.fault !== 'no-ghosts') removeAwarenessStates(room.awareness, [...socket.clients], null)
    if (room.members.size === 0 && this.fault !== 'idle-room-unloads' && this.rooms.get(room.name) === room) {
      if (LAZY.includes(this.fault)) this._store(room, room.unstored.splice(0))
      this.rooms.delete(room.name)
      room.awareness.destroy()
    }
  }

  _receive (socket, frame, binary) {
    try {
      if (!binary) {
        if (this.fault === 'foreign-bytes') { this.kill(); return }
        throw new Error('text')
      }
      this._handle(socket, frame)
    } catch (error) {
      if (this.fault === 'malformed-harms-nobody') this.kill()
      if (this.fault === 'half-good-update') socket.room.doc.getText('content').insert(0, 'the good half')
      if (this.fault === 'wild-presence') for (const member of socket.room.members) member.close(4400, 'malformed')
      if (this.fault !== 'malformed-is-told') socket.close(error.code ?? 4400, error.message.slice(0, 100))
    }
  }

  _handle (socket, frame) {
    const { room } = socket, decoder = decoding.createDecoder(frame), type = decoding.readVarUint(decoder)
    if (type === QUERY_AWARENESS) {
      return socket.send(awareness(encodeAwarenessUpdate(room.awareness, [...room.awareness.getStates().keys()])))
    }
    const step = type === SYNC ? decoding.readVarUint(decoder) : null
    if (type > AWARENESS || step > UPDATE) throw new Error('unknown')
    const payload = decoding.readVarUint8Array(decoder)
    if (decoding.hasContent(decoder)) throw new Error('left over')
    if (type === AWARENESS) this._presence(socket, payload)
    else if (step === STEP1) this._answer(socket, payload)
    else this._edit(socket, payload, step)
  }

  _answer (socket, vector) {
    const { room } = socket
    if (socket.asked && this.fault === 'repeated-step1') return
    if (this.fault === 'cold-joins' && room.given++ > 100) return
    this._send(socket, sync(STEP2, Y.encodeStateAsUpdate(room.doc, vector)))
    if (!socket.asked && this.fault !== 'handshake') socket.send(sync(STEP1, Y.encodeStateVector(room.doc)))
    socket.asked = true
  }

  _edit (socket, update, step) {
    const { room } = socket, { structs, ds } = Y.decodeUpdate(update)
    const news = structs.filter(s => s.id.clock + s.length > Y.getState(room.doc.store, s.id.client))
    if (!socket.writes && (news.length || ds.clients.size) && this.fault !== (step === STEP2 ? 'read-only-step2' : 'read-only-update')) {
      throw Object.assign(new Error('you may only read'), { code: 4403 })
    }
    for (const { id } of news) {
      const key = `${room.name} ${id.client}`, owner = this.owners.get(key)
      if (owner && owner !== socket.who && this.fault !== 'forged-author') throw Object.assign(new Error('forged'), { code: 4409 })
      this.owners.set(key, socket.who)
    }
    if (this.fault === 'offline-merge' && step === STEP2) return
    if (this.fault === 'large-update' && update.length > BOUND) return
    if (this.fault === 'silence-after-commit') this._tell(room, sync(UPDATE, update))
    Y.applyUpdate(room.doc, update, socket)
    if (room.doc.subdocs.size && this.fault === 'subdocument') this.kill()
    const { store } = room.doc
    if (store.pendingStructs && ['late-dependency', 'shuffled-updates'].includes(this.fault)) store.pendingStructs = null
    if (store.pendingStructs && this.fault !== 'missing-dependency') socket.send(sync(STEP1, Y.encodeStateVector(room.doc)))
  }

  _presence (socket, payload) {
    const { room } = socket, decoder = decoding.createDecoder(payload), kept = []
    for (let n = decoding.readVarUint(decoder); n > 0; n--) {
      const client = decoding.readVarUint(decoder), clock = decoding.readVarUint(decoder)
      const state = JSON.parse(decoding.readVarString(decoder))
      const taken = [...room.members].some(other => other !== socket && other.clients.has(client))
      if (taken && this.fault !== 'presence-is-own') continue
      if (!socket.writes && this.fault === 'read-only-presence') continue
      if (state === null && this.fault === 'presence-removed') continue
      if (state && this.fault !== 'presence-name') state.user = { ...state.user, name: socket.who }
      if (!taken) socket.clients.add(client)
      kept.push([client, clock, state])
    }
    if (kept.length) applyAwarenessUpdate(room.awareness, presenceOf(kept), socket)
  }

  _present (room, { added, updated, removed }) {
    this._tell(room, awareness(encodeAwarenessUpdate(room.awareness, [...added, ...updated, ...removed])))
  }
}

function presenceOf (entries) {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.length)
  for (const [client, clock, state] of entries) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, JSON.stringify(state))
  }
  return encoding.toUint8Array(encoder)
}
