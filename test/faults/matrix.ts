import type { Neighbour } from '../helpers/proxied-cloud.ts'
import type { FaultName } from './faults.ts'

/**
 * When the fault comes: to a service that has served every endpoint (`later`: one process for all these rows of a
 * neighbour; `anew`: a process of its own), or before the service starts.
 */
type When = 'later' | 'anew' | 'at start'

/** Answers by status, and `code` of the problem or, for readyz, what is unavailable. `forged` asks for a code too. */
export const columns = ['readyz', 'getcode', 'verify', 'hello app', 'hello user', 'forged'] as const
type Answers = readonly [readyz: string, getcode: string, verify: string, app: string, user: string, forged: string]

export type Row = readonly [fault: FaultName, when: When, ...Answers]

const NO_IDENTITY = '503 keyVault queue table numberApi'
const NO_KEYS = '503 keys_unavailable'
const NO_SECRET = '503 secret_unavailable'
const NO_QUEUE = '503 queue_unavailable'
const NO_TABLE = '503 codes_unavailable'
const NO_NUMBER = '502 number_api_failed'
const LATE_NUMBER = '504 number_api_timeout'
const ODD_NUMBER = '502 number_api_invalid'
const NO_GRAPH = '502 graph_failed'
const LATE_GRAPH = '504 graph_timeout'
const REFUSED = '401 token_signature'
const TOO_EARLY = '401 token_not_yet_valid'
const EXPIRED = '401 token_expired'

/** What every endpoint answers while one neighbour is at fault. Ten seconds after it, every one answers 200. */
// biome-ignore format: a table
export const matrix: Readonly<Record<Neighbour, readonly Row[]>> = {
  Entra: [
    ['refuse',             'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['reset',              'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['black hole',         'later',    '200',                      '200',       '200',     '200',      LATE_GRAPH,  REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '200',                      '200',       '200',     '200',      LATE_GRAPH,  REFUSED],
    ['half-close',         'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['status 429',         'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['status 500',         'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['nonsense',           'later',    '200',                      '200',       '200',     '200',      NO_GRAPH,    REFUSED],
    ['clock 30 s ahead',   'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['clock 1 h ahead',    'later',    '503 keyVault',             TOO_EARLY,   TOO_EARLY, TOO_EARLY,  TOO_EARLY,   TOO_EARLY],
    ['clock 2 h behind',   'later',    '503 keyVault',             EXPIRED,     EXPIRED,   EXPIRED,    EXPIRED,     EXPIRED],
    ['rotated keys',       'anew',     '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['rotated and refuse', 'anew',     '200',                      NO_KEYS,     NO_KEYS,   NO_KEYS,    NO_KEYS,     NO_KEYS],
    ['refuse',             'at start', '503 keys',                 NO_KEYS,     NO_KEYS,   NO_KEYS,    NO_KEYS,     NO_KEYS],
    ['black hole',         'at start', '503 keys',                 NO_KEYS,     NO_KEYS,   NO_KEYS,    NO_KEYS,     NO_KEYS],
    ['nonsense',           'at start', '503 keys',                 NO_KEYS,     NO_KEYS,   NO_KEYS,    NO_KEYS,     NO_KEYS],
  ],
  'managed identity': [
    ['refuse',             'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['black hole',         'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['refuse',             'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['reset',              'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['black hole',         'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['latency',            'at start', '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['half-close',         'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['status 429',         'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['status 500',         'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, LATE_GRAPH, NO_SECRET, REFUSED],
    ['nonsense',           'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, NO_GRAPH, NO_SECRET, REFUSED],
    ['expired tokens',     'at start', NO_IDENTITY, NO_SECRET, NO_TABLE, '502 graph_forbidden', NO_SECRET, REFUSED],
  ],
  'Key Vault': [
    ['refuse',             'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['reset',              'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['black hole',         'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['half-close',         'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['status 429',         'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['status 500',         'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['nonsense',           'later',    '503 keyVault',             '200',       '200',     '200',      '200',       REFUSED],
    ['rotated secrets',    'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['refuse',             'at start', '503 keyVault numberApi',   NO_SECRET,   '200',     '200',      NO_SECRET,   REFUSED],
    ['black hole',         'at start', '503 keyVault numberApi',   NO_SECRET,   '200',     '200',      NO_SECRET,   REFUSED],
    ['nonsense',           'at start', '503 keyVault numberApi',   NO_SECRET,   '200',     '200',      NO_SECRET,   REFUSED],
  ],
  queue: [
    ['refuse',             'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['reset',              'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['black hole',         'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['half-close',         'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['status 429',         'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['status 500',         'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['nonsense',           'later',    '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['refuse',             'at start', '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
    ['black hole',         'at start', '503 queue',                NO_QUEUE,    '200',     '200',      '200',       REFUSED],
  ],
  table: [
    ['refuse',             'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['reset',              'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['black hole',         'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['half-close',         'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['status 429',         'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['status 500',         'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['nonsense',           'later',    '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['refuse',             'at start', '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
    ['black hole',         'at start', '503 table',                '200',       NO_TABLE,  '200',      '200',       REFUSED],
  ],
  'number API': [
    ['refuse',             'later',    '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['reset',              'later',    '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['black hole',         'later',    '503 numberApi',            LATE_NUMBER, '200',     '200',      '200',       REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '503 numberApi',            LATE_NUMBER, '200',     '200',      '200',       REFUSED],
    ['half-close',         'later',    '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['status 429',         'later',    '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['status 500',         'later',    '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['nonsense',           'later',    '503 numberApi',            ODD_NUMBER,  '200',     '200',      '200',       REFUSED],
    ['rotated secrets',    'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['refuse',             'at start', '503 numberApi',            NO_NUMBER,   '200',     '200',      '200',       REFUSED],
    ['black hole',         'at start', '503 numberApi',            LATE_NUMBER, '200',     '200',      '200',       REFUSED],
  ],
  Graph: [
    ['refuse',             'later',    '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['reset',              'later',    '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['black hole',         'later',    '200',                      '200',       '200',     LATE_GRAPH, LATE_GRAPH,  REFUSED],
    ['latency',            'later',    '200',                      '200',       '200',     '200',      '200',       REFUSED],
    ['slow drip',          'later',    '200',                      '200',       '200',     LATE_GRAPH, LATE_GRAPH,  REFUSED],
    ['half-close',         'later',    '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['status 429',         'later',    '200',                      '200',       '200',     NO_GRAPH  , NO_GRAPH  ,  REFUSED],
    ['status 500',         'later',    '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['nonsense',           'later',    '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['refuse',             'at start', '200',                      '200',       '200',     NO_GRAPH,   NO_GRAPH,    REFUSED],
    ['black hole',         'at start', '200',                      '200',       '200',     LATE_GRAPH, LATE_GRAPH,  REFUSED],
  ],
}
