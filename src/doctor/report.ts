import type { Diagnosis, Finding } from './diagnose.ts'

const SHOWN_HEADER = ['alg', 'typ', 'kid']
const SHOWN_CLAIMS = [
  'iss',
  'aud',
  'tid',
  'azp',
  'appid',
  'oid',
  'sub',
  'idtyp',
  'roles',
  'scp',
  'tfp',
  'acr',
  'azpacr',
  'ver',
  'uti',
]
const MARKS: Readonly<Record<Finding['outcome'], string>> = { pass: 'pass', fail: 'FAIL', 'not checked': ' -- ' }

/** The diagnosis as text for a terminal. The signature is not in it. */
export function formatReport({ token, findings, isSignatureChecked }: Diagnosis): string {
  const width = Math.max(...findings.map(({ rule }) => rule.length))
  const lines = findings.flatMap(({ rule, outcome, detail, advice }) => [
    `  ${MARKS[outcome]}  ${rule.padEnd(width)}  ${detail}`.trimEnd(),
    ...(advice === undefined ? [] : [`        ${' '.repeat(width)}→ ${advice}`]),
  ])
  const decoded = token === undefined ? [] : [...formatToken(token.unverifiedHeader, token.unverifiedClaims), '']
  return [...decoded, ...lines, '', `  ${summarize(findings, isSignatureChecked)}`, ''].join('\n')
}

function formatToken(header: Readonly<Record<string, unknown>>, claims: Readonly<Record<string, unknown>>): string[] {
  const pick = (names: readonly string[], from: Readonly<Record<string, unknown>>) =>
    names.flatMap((name) => (name in from ? [`  ${name.padEnd(6)} ${JSON.stringify(from[name])}`] : []))
  const times = ['iat', 'nbf', 'exp'].flatMap((name) => {
    const date = new Date(Number(claims[name]) * 1_000)
    return name in claims && !Number.isNaN(date.valueOf()) ? [`  ${name.padEnd(6)} ${date.toISOString()}`] : []
  })
  return ['Header', ...pick(SHOWN_HEADER, header), 'Claims', ...pick(SHOWN_CLAIMS, claims), ...times]
}

/** Whether everything about the token was checked and passed, and it opens an endpoint at least, if any is known. */
export function isUsable({ findings }: Diagnosis): boolean {
  const [ofEndpoints, ofToken] = [
    findings.filter(isAboutEndpoint),
    findings.filter((finding) => !isAboutEndpoint(finding)),
  ]
  return ofToken.every(hasPassed) && (ofEndpoints.length === 0 || ofEndpoints.some(hasPassed))
}

function isAboutEndpoint({ rule }: Finding): boolean {
  return /^[A-Z]+ \//.test(rule)
}

function hasPassed({ outcome }: Finding): boolean {
  return outcome === 'pass'
}

function summarize(findings: readonly Finding[], isSignatureChecked: boolean): string {
  const signature = isSignatureChecked ? 'The signature was checked.' : 'The signature was NOT checked.'
  const failed = findings.filter(({ outcome }) => outcome === 'fail')
  if (failed.some((finding) => !isAboutEndpoint(finding))) return `The token is refused. ${signature}`
  const endpoints = findings.filter(isAboutEndpoint)
  const opened = endpoints.filter(hasPassed)
  if (!isSignatureChecked) return `Nothing is wrong as far as it could be checked. ${signature}`
  if (endpoints.length === 0) return `The token is accepted. ${signature}`
  const opens = opened.length === 0 ? 'opens nothing' : `opens ${opened.map(({ rule }) => rule).join(', ')}`
  return `The token is accepted and ${opens}. ${signature}`
}
