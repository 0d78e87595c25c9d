// Prints a script for browsers that makes what a module exports global.
//   node bundle.mjs MODULE
import path from 'node:path'
import { buildSync } from 'esbuild'

const built = buildSync({
  entryPoints: [path.resolve(import.meta.dirname, process.argv[2])],
  bundle: true, write: false, format: 'iife', globalName: 'bundled', platform: 'browser', target: 'es2022', logLevel: 'error'
})
process.stdout.write(built.outputFiles[0].text + ';Object.assign(globalThis, bundled)')
