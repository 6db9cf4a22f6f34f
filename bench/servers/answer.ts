import type { IssuedCode } from '../../src/codes/code.ts'

export const PATH = '/api/v1/getcode'

/** What every server answers, so that all write the same. */
export const ANSWER: IssuedCode = { code: 'ojE-161-pTv', timestamp: '2026-11-20T16:54:48.816Z' }
