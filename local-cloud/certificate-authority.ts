import { randomUUID, type webcrypto } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 60 * 60 * 1_000

export interface CertificateAuthority {
  /** For `NODE_EXTRA_CA_CERTS`, `curl --cacert` and others. */
  caFile: string
  /** Certificate and key of localhost, for servers of this process and, as files, of others. */
  server: { cert: string; key: string; certFile: string; keyFile: string }
  /** A file beside the authority's own, gone with it. @returns its path */
  writeFile(name: string, content: string): Promise<string>
  /** A self-signed certificate that an application registers with Entra. `pem` has its private key in front. */
  issueClientCertificate(): Promise<{ certificate: string; pem: string }>
  remove(): Promise<void>
}

/**
 * A certificate authority that lives as long as the local cloud, and a certificate for this machine. This process
 * trusts it at once; other processes do through `NODE_EXTRA_CA_CERTS`.
 */
export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const { caCert, cert, key } = await issueCertificates()
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-'))
  const files = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'server.pem'),
    keyFile: join(folder, 'key.pem'),
  }
  await Promise.all([writeFile(files.caFile, caCert), writeFile(files.certFile, cert), writeFile(files.keyFile, key)])
  await chmod(files.keyFile, 0o600)
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caCert])
  return {
    caFile: files.caFile,
    server: { cert, key, certFile: files.certFile, keyFile: files.keyFile },
    issueClientCertificate,
    async writeFile(name, content) {
      const file = join(folder, name)
      await writeFile(file, content, { mode: 0o600 })
      return file
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function issueClientCertificate() {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2_048,
    publicExponent: new Uint8Array([1, 0, 1]),
  }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const issued = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=local application',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 30 * DAY_MS),
  })
  const certificate = issued.toString('pem')
  return { certificate, pem: `${await toPem(keys.privateKey)}${certificate}\n` }
}

async function toPem(privateKey: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`
}

async function issueCertificates() {
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 30 * DAY_MS) }
  const caKeys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const ca = await X509CertificateGenerator.createSelfSigned({
    // A name of its own: among authorities of one name Node takes any, and then finds the signature wrong.
    name: `CN=fastify-entra local cloud ${randomUUID()}`,
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ],
  })
  return {
    caCert: ca.toString('pem'),
    cert: certificate.toString('pem'),
    key: await toPem(keys.privateKey),
  }
}
