// Frames that make no sense harm nobody but their sender.
import * as Y from 'yjs'
import { AWARENESS, sync } from '../framing.mjs'
import { expect, until } from '../until.mjs'

const hex = text => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
export const MALFORMED = {
  'an empty message': hex(''),
  'an unknown type of message': hex('63 01 02'),
  'an unknown sync step': hex('00 07 01 00'),
  'a length beyond the end': hex('00 02 ff ff 03 01'),
  'a truncated update': hex('00 02 09 01 01 aa bb cc dd 0f 00 04'),
  'an update that is noise': hex('00 02 07 ff f2 80 ff ff 4b 01'),
  'an update of an unknown kind of content': hex('00 02 0b 01 01 01 00 1f 01 01 74 01 78 00 00'),
  'an endless number': hex('00 02 ff ff ff ff ff ff ff ff ff ff ff ff 01'),
  'a state vector that is noise': hex('00 00 05 ff ff ff ff 7f'),
  'presence that is not JSON': hex('01 08 01 05 01 03 7b 7b 7b 00')
}

async function goesOn (anna, boris, join, place, words) {
  anna.type(words)
  await until(() => boris.sees(words), 'neighbours go on')
  const late = await join(place, 'boris')
  expect(late.sees(words), 'the document can still be opened')
  late.leave()
}

export const checks = [
  {
    id: 'malformed-harms-nobody',
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      for (const [what, body] of Object.entries(MALFORMED)) {
        const odd = await join(place, 'boris')
        odd.send(body)
        odd.ask()
        await goesOn(anna, boris, join, place, `after ${what}. `).catch(error => { throw new Error(`${what}: ${error.message}`) })
        expect(server.process.alive, `${what} ended the server`)
        expect(!anna.ended && !boris.ended, `${what} ended a neighbour's connection`)
        odd.leave()
      }
    }
  },
  {
    id: 'malformed-is-told',
    async run ({ room, join }) {
      const place = await room()
      const swallowed = []
      const odd = await Promise.all(Object.entries(MALFORMED).map(async ([what, body]) => {
        const peer = await join(place, 'boris')
        peer.send(body)
        return [what, peer]
      }))
      await until(() => odd.every(([, peer]) => peer.ended), 'each is told', 2).catch(() => null)
      for (const [what, peer] of odd) if (!peer.ended) swallowed.push(what)
      expect(swallowed.length === 0, `swallowed in silence: ${swallowed.join(', ')}`)
    }
  },
  {
    id: 'half-good-update',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      const other = new Y.Doc()
      other.getText('content').insert(0, 'good half ')
      const update = Y.encodeStateAsUpdate(other)
      boris.send(sync(2, update.subarray(0, update.length - 2)))
      anna.type('whole ')
      const late = await join(place, 'anna')
      await until(() => late.sees('whole '), 'the document goes on')
      expect(late.text.toString() === anna.text.toString(), 'members and newcomers have different texts')
    }
  },
  {
    id: 'wild-presence',
    async run ({ room, join }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      const entries = '[' .repeat(2000)
      const state = new TextEncoder().encode(entries)
      const body = [1, 5, 1, ...varuint(state.length), ...state]
      boris.send(Uint8Array.from([AWARENESS, ...varuint(body.length), ...body]))
      await goesOn(anna, await join(place, 'boris'), join, place, 'unimpressed ')
      expect(!anna.ended, 'a neighbour was disconnected')
    }
  },
  {
    id: 'foreign-bytes',
    async run ({ room, join, server }) {
      const place = await room()
      const anna = await join(place, 'anna'), boris = await join(place, 'boris')
      const odd = await join(place, 'boris'), text = await join(place, 'boris')
      odd.raw(Uint8Array.from({ length: 4096 }, (_, i) => (i * 151) % 256))
      text.socket.send('{"type": "hello"}')
      await goesOn(anna, boris, join, place, 'unimpressed ')
      expect(server.process.alive, 'the server ended')
    }
  }
]

function varuint (number) {
  const bytes = []
  for (; number > 127; number = Math.floor(number / 128)) bytes.push(128 | (number & 127))
  return [...bytes, number]
}
