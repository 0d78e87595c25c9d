// What the load generators share: both framings, a raw client, and the clock and memory of a server.
import fs from 'node:fs'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'

export function options () {
  const [url, ...rest] = process.argv.slice(2), found = { url, proto: 'y' }
  for (let i = 0; i < rest.length; i += 2) found[rest[i].replace(/^--/, '')] = rest[i + 1]
  return found
}

export function wire ({ url, proto, room, header, token = 'token' }) {
  const headers = header ? Object.fromEntries([header.split(/:\s*(.*)/s).slice(0, 2)]) : {}
  const frame = fill => {
    const encoder = encoding.createEncoder()
    if (proto === 'h') encoding.writeVarString(encoder, room)
    fill(encoder)
    return encoding.toUint8Array(encoder)
  }
  const sync = (step, bytes) => frame(e => { encoding.writeVarUint(e, 0); encoding.writeVarUint(e, step); encoding.writeVarUint8Array(e, bytes) })
  /** {type, step, payload} of a frame. */
  const read = data => {
    const decoder = decoding.createDecoder(data)
    if (proto === 'h') decoding.readVarString(decoder)
    const type = decoding.readVarUint(decoder), step = decoding.hasContent(decoder) ? decoding.readVarUint(decoder) : 0
    return { type, step, payload: type === 0 || type === 4 ? decoding.readVarUint8Array(decoder) : null }
  }
  const connect = hear => new Promise((resolve, reject) => {
    const socket = new WebSocket(proto === 'h' ? url : `${url}/${room}`, { perMessageDeflate: false, headers })
    socket.binaryType = 'nodebuffer'
    socket.on('error', reject)
    socket.on('message', (data, binary) => { if (binary) hear(read(data), socket) })
    socket.on('open', () => {
      if (proto === 'h') {
        socket.send(frame(e => { encoding.writeVarUint(e, 2); encoding.writeVarUint(e, 0); encoding.writeVarString(e, token); encoding.writeVarString(e, '4.8.0') }))
      }
      resolve(socket)
    })
  })
  return { sync, connect }
}

export const isStep = (message, step) => (message.type === 0 || message.type === 4) && message.step === step
export const cpu = pid => { const s = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' '); return (+s[11] + +s[12]) / 100 }
export const memory = pid => +(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024
export const quantile = (list, q) => list.length ? +list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))].toFixed(1) : null
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
