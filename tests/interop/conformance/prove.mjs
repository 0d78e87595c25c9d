// Proves that the checks check: a small server passes them all, and with a fault made for one of them fails that one.
//   node prove.mjs [--long]
// Prints one JSON line: {passes: {id: result}, caught: {id: result}}.
import { parseArgs } from 'node:util'
import { CHECKS, run } from './kit.mjs'
import { Toy } from './servers/toy.mjs'

const { values: { long } } = parseArgs({ options: { long: { type: 'boolean', default: false } } })
for (const level of ['error', 'warn', 'info', 'log']) console[level] = () => {}
const results = async (fault, only) => Object.fromEntries((await run(new Toy(fault), { only, long })).map(r => [r.id, r.result === 'fail' ? r.reason : r.result]))

const [passes, ...faulty] = await Promise.all([results(null, null), ...CHECKS.map(({ id }) => results(id, [id]))])
process.stdout.write(JSON.stringify({ passes, caught: Object.assign({}, ...faulty) }) + '\n')
process.exit(0)
