// A server in a process of its own: started, told things, measured, killed.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import { until } from '../until.mjs'

/** Ports that somebody keeps for servers of ours, which are down now and then: nobody else gets them meanwhile. */
export const kept = []

/** One of them, or else a port that was free a moment ago. */
export const freePort = () => kept.length > 0 ? Promise.resolve(kept.shift()) : new Promise(resolve => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)) })
})

export class ServerProcess {
  /** `ready`: a line of its output that says it serves; null: once its port takes connections. */
  constructor (command, args, { env = {}, port, ready = null }) {
    Object.assign(this, { command, args, env, port, ready, output: '', child: null })
  }

  get pid () { return this.child.pid }
  get alive () { return this.child !== null && this.child.exitCode === null && this.child.signalCode === null }

  async start () {
    this.output = ''
    this.answers = []
    if (!this.child) process.once('exit', () => this.alive && this.child.kill('SIGKILL'))
    this.child = spawn(this.command, this.args, { env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', data => { this.output = (this.output + data).slice(-20000) })
    this.child.on('message', message => this.answers.push(message))
    await until(async () => {
      if (!this.alive) throw new Error(`${this.command} ended:\n${this.output}`)
      return this.ready === null ? await connects(this.port) : this.output.match(this.ready)
    }, `${this.command} ${this.args.join(' ')} serves:\n${this.output}`, 90)
  }

  /** As a power cut would end it. */
  async kill () { await this._end('SIGKILL') }
  async stop () { await this._end('SIGTERM') }

  async _end (signal) {
    if (!this.alive) return
    const over = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill(signal)
    await over
  }

  /** One question to a server that runs on Node and listens to its parent. */
  async ask (order) {
    const number = this.answers.length
    this.child.send(order)
    await until(() => this.answers.length > number, `${order.do} is answered`)
    return this.answers[number]
  }

  /** Resident memory in bytes. */
  get memory () { return 1024 * +/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.pid}/status`, 'latin1'))[1] }
}

const connects = port => new Promise(resolve => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
  socket.on('error', () => resolve(false))
})
