// Ours: `interlink serve` over a DATA_DIR of its own; anna and boris edit, vera reads.
import fs from 'node:fs'
import path from 'node:path'
import { until } from '../until.mjs'
import { ServerProcess, freePort } from './process.mjs'

const PROGRAM = path.resolve(import.meta.dirname, '../../../../.venv/bin/interlink')
const PEOPLE = { anna: ['view', 'edit', 'administer'], boris: ['view', 'edit'], vera: ['view'] }
const QUICK = { LIVE_HEARTBEAT: '1', LIVE_UNLOAD_AFTER: '1', LIVE_UPDATE_BYTES_PER_SECOND: '100000000' }

export class Interlink {
  stores = 0 // what was acknowledged is stored
  concepts = new Set(['store', 'people', 'rights', 'heartbeat'])

  constructor (directory, framing, { long = false, interlink = PROGRAM } = {}) {
    this.program = interlink
    this.directory = directory
    this.framing = framing
    this.name = `interlink (${framing.name})`
    const { LIVE_HEARTBEAT, ...others } = QUICK
    this.settings = long ? others : QUICK
  }

  async start () {
    if (!this.process) {
      this.port = await freePort()
      const env = { DATA_DIR: this.directory, PORT: String(this.port), ...this.settings }
      process.once('exit', () => this._endPostgres())
      this.process = new ServerProcess(this.program, ['serve'], { port: this.port, env, ready: / is at http/ })
    }
    await this.process.start()
    if (!this.people) await this._signIn()
  }

  async _signIn () {
    this.people = {}
    for (const who of Object.keys(PEOPLE)) {
      const { token, person } = await this._post('/auth/demo', { email: `${who}@example.org`, name: who, language: 'en' })
      this.people[who] = { token, person }
    }
    this.process_ = await this._process()
  }

  async _process () {
    const { id } = await this._post('/api/v1/processes', { title: 'Work', language: 'en' })
    let parent = null
    for (const kind of ['phase', 'objective', 'task']) {
      parent = (await this._post(`/api/v1/processes/${id}/nodes`, { kind, title: kind, parent })).id
    }
    const grants = {}
    for (const who of ['boris', 'vera']) {
      const body = { grantee: { person: this.people[who].person }, rights: PEOPLE[who] }
      grants[who] = (await this._post(`/api/v1/processes/${id}/permissions`, body)).id
    }
    return { id, task: parent, grants }
  }

  /** `alone`: in a process of its own, so that rights can be taken without touching other rooms. */
  async room ({ alone = false } = {}) {
    const process_ = alone ? await this._process() : this.process_
    const body = { kind: 'document', title: 'Text', format: 'text' }
    const { document } = await this._post(`/api/v1/nodes/${process_.task}/assets`, body)
    return { name: document, process: process_ }
  }

  door (room, who) {
    return { base: `ws://127.0.0.1:${this.port}/live`, room: room.name, token: this.people[who]?.token ?? who, framing: this.framing }
  }

  async _post (address, body, method = 'POST') {
    const headers = { 'Content-Type': 'application/json' }
    if (this.people?.anna) headers.Authorization = `Bearer ${this.people.anna.token}`
    const answer = await fetch(`http://127.0.0.1:${this.port}${address}`, { method, headers, body: body && JSON.stringify(body) })
    const said = await answer.text()
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${said}`)
    return said ? JSON.parse(said) : {}
  }

  kill () { return this.process.kill() }
  stop () { return this.process.stop() }

  async end () {
    await this.stop()
    this._endPostgres()
  }

  /** A killed server leaves its database running. */
  _endPostgres () {
    try {
      for (const pid of this._postgres()) process.kill(pid, 'SIGINT')
    } catch { /* it ended just now */ }
  }

  /** PostgreSQL's main process, and with `family` its children: empty if it does not run. */
  _postgres (family = false) {
    const file = path.join(this.directory, 'postgres', 'postmaster.pid')
    if (!fs.existsSync(file)) return []
    const main = +fs.readFileSync(file, 'utf8').split('\n')[0]
    if (!fs.existsSync(`/proc/${main}`)) return []
    if (!family) return [main]
    const children = fs.readFileSync(`/proc/${main}/task/${main}/children`, 'utf8').trim().split(' ').filter(Boolean)
    return [main, ...children.map(Number)]
  }

  /** PostgreSQL is killed with all its children; it is started again by interlink itself. */
  async failStore () {
    for (const pid of this._postgres(true)) try { process.kill(pid, 'SIGKILL') } catch { /* it went with its parent */ }
  }

  async storeIsBack () {
    await until(async () => {
      try { return (await fetch(`http://127.0.0.1:${this.port}/readyz`)).ok } catch { return false }
    }, 'the database is back', 60)
  }

  async kick (room, who) {
    await this._post(`/api/v1/permissions/${room.process.grants[who]}`, undefined, 'DELETE')
  }

  async openRooms () {
    const metrics = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text()
    return +/^interlink_live_rooms (\S+)/m.exec(metrics)[1]
  }
}
