import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A certificate for MSAL, from a PEM file with the private key in front of the certificate. */
export function readCertificate(file: string): { privateKey: string; thumbprintSha256: string } {
  const pem = readFileSync(file, 'utf8')
  const at = pem.indexOf('-----BEGIN CERTIFICATE-----')
  const { fingerprint256 } = new X509Certificate(pem.slice(at))
  return { privateKey: pem.slice(0, at), thumbprintSha256: fingerprint256.replaceAll(':', '') }
}
