// What every peer is told: whose tokens to accept, and where the keys are.
const { BENCH_ISSUER: issuer, BENCH_AUDIENCE: audience, BENCH_PROVIDER: provider } = process.env

export const settings = {
  issuer,
  audience,
  jwksUri: `${provider}/keys`,
  metadataUrl: `${provider}/.well-known/openid-configuration`,
}
