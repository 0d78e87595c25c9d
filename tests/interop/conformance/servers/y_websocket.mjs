// Peer: the server that came with y-websocket 2.0.4, with its leveldb persistence or without.
import fs from 'node:fs'
import path from 'node:path'
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { yWebsocket as framing } from '../framing.mjs'
import { ServerProcess, freePort } from './process.mjs'

const SCRIPT = path.join(path.dirname(createRequire(import.meta.url).resolve('y-websocket-2/package.json')), 'bin', 'server.cjs')
const ORDERS = path.join(import.meta.dirname, 'y_websocket_orders.cjs')

export class YWebsocket {
  framing = framing

  constructor (directory, { persistent }) {
    this.directory = directory
    this.persistent = persistent
    this.stores = 500
    this.name = persistent ? 'y-websocket 2 + leveldb' : 'y-websocket 2'
    this.concepts = new Set(persistent ? ['store'] : [])
  }

  async start () {
    if (!this.process) {
      const port = await freePort()
      const env = { HOST: '127.0.0.1', PORT: String(port) }
      if (this.persistent) { fs.mkdirSync(this.directory, { recursive: true }); env.YPERSISTENCE = this.directory }
      this.process = new ServerProcess(process.execPath, ['--require', ORDERS, SCRIPT], { port, env })
    }
    await this.process.start()
  }

  kill () { return this.process.kill() }
  stop () { return this.process.stop() }
  async end () { await this.kill() }
  async room () { return { name: randomUUID() } }
  door (room, who) { return { base: `ws://127.0.0.1:${this.process.port}`, room: room.name, token: who, framing } }
  async failStore () { await this.process.ask({ do: 'fail' }) }
  async storeIsBack () {}
  async openRooms () { return (await this.process.ask({ do: 'rooms' })).answer }
}
