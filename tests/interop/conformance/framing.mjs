// The two ways to put y-protocols messages on a websocket, behind one small interface:
//   url(door)               where to connect
//   greeting(door)          frames to send first
//   wrap(door, body)        a frame from a message
//   read(frame)             {type, step, payload, status, reason, rest} of a frame that a server sent
// A door is {base, room, token, framing}: what a client is given to get into a document.
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

export const SYNC = 0, AWARENESS = 1, AUTH = 2, QUERY_AWARENESS = 3, SYNC_REPLY = 4, CLOSE = 7, SYNC_STATUS = 8
export const STEP1 = 0, STEP2 = 1, UPDATE = 2

const bytes = write => { const encoder = encoding.createEncoder(); write(encoder); return encoding.toUint8Array(encoder) }

export const sync = (step, payload) => bytes(e => {
  encoding.writeVarUint(e, SYNC); encoding.writeVarUint(e, step); encoding.writeVarUint8Array(e, payload)
})
export const awareness = payload => bytes(e => { encoding.writeVarUint(e, AWARENESS); encoding.writeVarUint8Array(e, payload) })
export const queryAwareness = () => Uint8Array.of(QUERY_AWARENESS)

function readBody (decoder) {
  const type = decoding.readVarUint(decoder), message = { type }
  if (type === SYNC || type === SYNC_REPLY) {
    message.type = SYNC
    message.step = decoding.readVarUint(decoder)
    message.payload = decoding.readVarUint8Array(decoder)
  } else if (type === AWARENESS) {
    message.payload = decoding.readVarUint8Array(decoder)
  } else if (type === AUTH) {
    message.step = decoding.readVarUint(decoder)
    message.reason = decoding.hasContent(decoder) ? decoding.readVarString(decoder) : ''
  } else if (type === CLOSE) {
    message.reason = decoding.readVarString(decoder)
  } else if (type === SYNC_STATUS) {
    message.status = decoding.readVarUint(decoder)
  } else {
    decoder.pos = decoder.arr.length
  }
  message.rest = decoder.arr.length - decoder.pos
  return message
}

export const yWebsocket = {
  name: 'y-websocket',
  url: door => `${door.base}/${door.room}?token=${encodeURIComponent(door.token)}`,
  greeting: () => [],
  wrap: (_door, body) => body,
  read: frame => readBody(decoding.createDecoder(frame))
}

export const hocuspocus = {
  name: 'hocuspocus',
  url: door => door.base,
  greeting: door => [hocuspocus.wrap(door, bytes(e => {
    encoding.writeVarUint(e, AUTH); encoding.writeVarUint(e, 0)
    encoding.writeVarString(e, door.token); encoding.writeVarString(e, '4.8.0')
  }))],
  wrap: (door, body) => bytes(e => { encoding.writeVarString(e, door.room); encoding.writeUint8Array(e, body) }),
  read: frame => {
    const decoder = decoding.createDecoder(frame)
    if (frame.length === 1) return { type: frame[0], rest: 0 } // a ping belongs to no document
    decoding.readVarString(decoder)
    return readBody(decoder)
  }
}
