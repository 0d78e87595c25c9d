// Loaded before y-websocket's own server: lets the parent make one write to leveldb fail, and count rooms.
const path = require('node:path')
const utils = require(path.join(path.dirname(process.argv[1]), 'utils.cjs'))

let failing = false
if (process.env.YPERSISTENCE) {
  const leveldown = require('leveldown')
  for (const method of ['_put', '_batch']) {
    const plain = leveldown.prototype[method]
    leveldown.prototype[method] = function (...args) {
      if (!failing) return plain.apply(this, args)
      failing = false
      process.nextTick(args.at(-1), new Error('the store fails once'))
    }
  }
}
const orders = { fail: () => { failing = true }, rooms: () => utils.docs.size }
process.on('message', order => process.send({ answer: orders[order.do](order) ?? null }))
process.on('disconnect', () => process.exit(0))
