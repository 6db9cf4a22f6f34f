/** `npm run sbom`: what runs in production, as CycloneDX JSON on standard output. */
import { execFileSync } from 'node:child_process'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const MAX_BYTES = 64 * 1_024 * 1_024
/** What `npm sbom` says of a package that no production dependency needs. */
const DEVELOPMENT = 'cdx:npm:package:development'

const Ref = Type.String()
const Component = Type.Object({
  'bom-ref': Ref,
  properties: Type.Optional(Type.Array(Type.Object({ name: Type.String(), value: Type.String() }))),
})
const Bom = Type.Object({
  components: Type.Array(Component),
  dependencies: Type.Array(Type.Object({ ref: Ref, dependsOn: Type.Array(Ref) })),
})

// Not --omit=dev, with which npm leaves out packages too that production and development share (npm/cli issue 7909).
const npm = process.env['npm_execpath']
const args = ['sbom', '--sbom-format=cyclonedx']
const [command, prefix] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
const output = execFileSync(command, [...prefix, ...args], {
  encoding: 'utf8',
  maxBuffer: MAX_BYTES,
  stdio: ['ignore', 'pipe', 'inherit'],
})

const bom: unknown = JSON.parse(output)
if (!Value.Check(Bom, bom)) throw new Error('npm sbom printed something else than a CycloneDX document')
const isDevelopment = ({ properties = [] }: Type.Static<typeof Component>) =>
  properties.some(({ name, value }) => name === DEVELOPMENT && value === 'true')
const left = new Set(bom.components.filter(isDevelopment).map((component) => component['bom-ref']))
const isKept = (ref: string) => !left.has(ref)
const production = {
  ...bom,
  components: bom.components.filter((component) => isKept(component['bom-ref'])),
  dependencies: bom.dependencies
    .filter(({ ref }) => isKept(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isKept) })),
}
process.stdout.write(`${JSON.stringify(production, undefined, 2)}\n`)
