// Peer: hocuspocus 4.7.
import fs from 'node:fs'
import path from 'node:path'
import { randomUUID } from 'node:crypto'
import { hocuspocus as framing } from '../framing.mjs'
import { ServerProcess, freePort } from './process.mjs'

const SCRIPT = path.join(import.meta.dirname, 'hocuspocus_server.mjs')

export class Hocuspocus {
  name = 'hocuspocus 4.7'
  framing = framing
  stores = 2500 // ms after an edit until it has been stored, with the defaults
  concepts = new Set(['store', 'people', 'rights'])

  constructor (directory) { this.directory = directory }

  async start () {
    if (!this.process) {
      const port = await freePort()
      fs.mkdirSync(this.directory, { recursive: true })
      this.process = new ServerProcess(process.execPath, [SCRIPT], { port, env: { PORT: String(port), DATA: this.directory } })
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
  async kick (room, who) { await this.process.ask({ do: 'kick', room: room.name, token: who }) }
  async openRooms () { return (await this.process.ask({ do: 'rooms' })).answer }
}
