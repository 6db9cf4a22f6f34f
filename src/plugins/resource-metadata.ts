import type { FastifyRequest } from 'fastify'

/** RFC 9728, section 3.1. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource'

/**
 * Where a client finds out how to get a token. The host is the client's own word, given back to
 * that client only.
 * @returns undefined when that word is no host
 */
export function resourceMetadataUrl({ protocol, host }: FastifyRequest): string | undefined {
  if (!/^[\w.:[\]-]+$/.test(host)) return undefined
  return `${protocol}://${host}${RESOURCE_METADATA_PATH}`
}
