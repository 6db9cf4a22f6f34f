/**
 * `npm run bundle [-- <folder>]`: the API and the worker in a few files, by default in bundle/, as they are deployed.
 * TypeBox comes in 683 files, a quarter of a start; with those and src/ in a few, a process answers earlier and is smaller.
 * All other packages stay in node_modules. In plain JavaScript, so that whoever deploys may have an older Node.
 */
import { readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
  readFileSync(`${root}/package.json`, 'utf8'),
)
const folder = resolve(process.argv[2] ?? `${root}/bundle`)
const packages = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })

rmSync(folder, { recursive: true, force: true })
await build({
  absWorkingDir: root,
  // The last two are what the first two load once they know that they may: Node compiles them ahead for the image.
  entryPoints: ['src/server.ts', 'src/worker.ts', 'src/serve.ts', 'src/worker-app.ts'],
  outdir: folder,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  external: packages.filter((name) => name !== 'typebox'),
})
