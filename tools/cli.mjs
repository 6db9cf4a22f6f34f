#!/usr/bin/env node
// `npx fastify-entra <command>`
import './require-node.mjs'

const commands = { doctor: './doctor.ts' }
const [name] = process.argv.splice(2, 1)

if (Object.hasOwn(commands, name ?? '')) await import(commands[name])
else {
  process.stderr.write(`npx fastify-entra ${Object.keys(commands).join('|')}\n`)
  process.exitCode = 2
}
