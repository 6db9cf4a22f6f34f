/**
 * `npm run build:functions [-- <folder>]`: everything of the function app (functions/api) in one folder, by default
 * functions/api/dist, as Functions wants it: host.json at the root. `npm ci --omit=dev` there completes it. The versions
 * are those of this repository's lock file.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'functions/api')
const folder = resolve(process.argv[2] ?? join(source, 'dist'))
const readManifest = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

rmSync(folder, { recursive: true, force: true })
mkdirSync(join(folder, 'functions/api'), { recursive: true })
for (const file of ['main.mjs', 'main.ts', 'http-handler.ts', 'invocation.ts', 'message-handler.ts', 'sweep.ts']) {
  cpSync(join(source, file), join(folder, 'functions/api', file))
}
cpSync(join(source, 'host.json'), join(folder, 'host.json'))
for (const path of ['src', 'package-lock.json', '.npmrc'])
  cpSync(join(root, path), join(folder, path), { recursive: true })

// All that `npm ci` compares with the lock file.
const { scripts: _scripts, exports: _exports, ...own } = readManifest(join(root, 'package.json'))
const manifest = { ...own, ...readManifest(join(source, 'package.json')) }
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
