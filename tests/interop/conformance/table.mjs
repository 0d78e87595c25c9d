// Who passes what, to be read by people.
const SIGN = { pass: 'yes', fail: 'NO', 'n/a': 'n/a', skipped: 'long' }

/** One row for each check, one column for each server, then why each NO. */
export function table (columns) {
  const ids = columns[0].results.map(r => r.id)
  const widths = columns.map(c => Math.max(c.name.length, 4) + 2)
  const cell = (text, n) => text.padStart(widths[n])
  const lines = [''.padEnd(26) + columns.map((c, n) => cell(c.name, n)).join('')]
  for (const id of ids) {
    lines.push(id.padEnd(26) + columns.map((c, n) => cell(SIGN[c.results.find(r => r.id === id).result], n)).join(''))
  }
  const count = (c, result) => c.results.filter(r => r.result === result).length
  lines.push('passed'.padEnd(26) + columns.map((c, n) => cell(`${count(c, 'pass')}/${count(c, 'pass') + count(c, 'fail')}`, n)).join(''))
  lines.push('seconds'.padEnd(26) + columns.map((c, n) => cell(String(c.seconds), n)).join(''), '')
  for (const c of columns) for (const r of c.results) if (r.result === 'fail') lines.push(`${c.name}, ${r.id}: ${r.reason}`)
  lines.push('', 'n/a: the server has no such concept; long: only with --long. Each check in words: README.md beside this kit.')
  return lines.join('\n')
}
