// Twenty people type through unmodified clients while the server is killed ten times; what they saw is compared with what is there.
import * as Y from 'yjs'
import { expect, pause, until } from '../until.mjs'

const TYPISTS = 20, KILLS = 10, TOKEN = 11
const MARK = /§\d{10}/g

/** A stock client that types tokens at random places, and what it was shown and told is saved. */
class Typist {
  constructor (client, index, chance) {
    Object.assign(this, { client, index, chance, typed: 0, mine: [], shown: new Set(), saved: new Set() })
    client.doc.on('update', (update, origin) => origin && this._note(update))
  }

  _note (update) {
    for (const { id, content } of Y.decodeUpdate(update).structs) {
      if (id.client !== this.client.doc.clientID) for (const token of content?.str?.match(MARK) ?? []) this.shown.add(token)
    }
  }

  press () {
    const { text } = this.client
    const token = `§${String(this.index).padStart(4, '0')}${String(this.typed++).padStart(6, '0')}`
    text.insert(Math.floor(this.chance() * (text.length / TOKEN + 1)) * TOKEN, token)
    this.mine.push(token)
  }

  /** Take down what the protocol calls saved by now. */
  look () {
    const saved = this.client.saved(), before = this.typed - this.mine.length
    const count = saved === true ? this.mine.length : Math.max(0, Math.floor(saved / TOKEN) - before)
    for (const token of this.mine.splice(0, count)) this.saved.add(token)
  }
}

function chanceOf (seed) {
  return () => (seed = (seed * 48271) % 2147483647) / 2147483647
}

export const checks = [
  {
    id: 'kills-under-typing',
    needs: ['store'],
    long: () => true,
    async run ({ room, stock, join, server, note }) {
      const place = await room(), chance = chanceOf(4)
      const typists = Array.from({ length: TYPISTS }, (_, i) => new Typist(stock(place, i % 2 ? 'anna' : 'boris'), i, chance))
      const sum = { lost: new Set(), unsaved: new Set(), doubled: 0, shown: 0 } // tokens, each counted once
      for (let kill = 0; kill < KILLS; kill++) {
        if (kill > 0) for (const { client } of typists) client.connect()
        await until(() => typists.every(t => t.client.synced()), 'all are synced', 60)
        for (const end = Date.now() + 300 + 1200 * chance(); Date.now() < end; await pause(25)) {
          for (const typist of typists) { typist.look(); typist.press() }
        }
        await server.kill()
        for (const { client } of typists) client.disconnect()
        await server.start()
        await count(await join(place, 'anna'), typists, sum)
      }
      const lost = `of ${sum.shown * TOKEN} characters that somebody saw, ${sum.lost.size * TOKEN} were gone after a kill, ` +
        `${sum.unsaved.size * TOKEN} of them told saved; ${sum.doubled * TOKEN} doubled`
      note(lost)
      expect(sum.lost.size + sum.unsaved.size + sum.doubled === 0, lost)
      expect(sum.shown > 0 && typists.every(t => t.saved.size > 0), 'nothing was seen or saved at all')
    }
  }
]

/** Compare what is there, while all clients are away, with what each was shown; they bring the rest back later. */
async function count (reader, typists, sum) {
  const shown = new Set(typists.flatMap(t => [...t.shown])), saved = new Set(typists.flatMap(t => [...t.saved]))
  const missing = tokens => { const there = new Set(reader.text.toString().match(MARK)); return [...tokens].filter(t => !there.has(t)) }
  // a server may load after it let somebody in
  await until(() => missing(shown).length + missing(saved).length === 0, '', 2).catch(() => null)
  const there = reader.text.toString().match(MARK) ?? []
  for (const token of missing(shown)) sum.lost.add(token)
  for (const token of missing(saved)) sum.unsaved.add(token)
  sum.doubled += there.length - new Set(there).size
  sum.shown = shown.size
  reader.vanish()
}
