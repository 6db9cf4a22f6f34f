import { join } from 'node:path'
import { compareCost } from '../comparison.ts'
import { find, type Group } from '../group.ts'
import { startHttpContestant } from '../http-contestant.ts'
import { runRounds } from '../rounds.ts'
import { createPublicEnv } from '../tokens/identity.ts'
import type { TokenKind } from '../tokens/mint.ts'
import { goodToken, isServed } from './checks.ts'

const server = join(import.meta.dirname, '..', 'servers', 'fastify-entra.ts')

const ACCEPTED = 'accepted, not seen before'
const kinds: readonly TokenKind[] = ['no token', 'garbage', 'unknown kid', 'wrong audience', 'expired', 'bad signature']
/** So many of each kind that nothing about a single token can be remembered to advantage. */
const TOKENS = 1_000
/** Ten times what the service remembers, in its default configuration: nearly every one is verified. */
const GOOD_TOKENS = 100_000

/** What it costs to refuse: whoever is refused must not cost more than whoever is served. */
export const refusals: Group = {
  name: 'refusals',
  title: 'bad tokens',
  async run({ load, tokens, effort }) {
    const env = createPublicEnv(tokens.identity)
    const checks = [isServed(await goodToken(tokens))]
    const good = await tokens.file('good', GOOD_TOKENS)
    const bad = await Promise.all(kinds.map(async (name) => ({ name, tokensFile: await tokens.file(name, TOKENS) })))
    const measured = await runRounds(
      [
        () => startHttpContestant(load, { name: ACCEPTED, server, env, tokensFile: good, checks }),
        ...bad.map((each) => () => startHttpContestant(load, { server, env, ...each, status: 401, checks })),
      ],
      effort,
    )
    const accepted = find(measured, ACCEPTED)
    return {
      rows: measured.map((each) => ({
        name: each.name,
        measured: each,
        comparisons: each === accepted ? [] : [compareCost(each, accepted, { atMost: 1 })],
      })),
    }
  },
}
