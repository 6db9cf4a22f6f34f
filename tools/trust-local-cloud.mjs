// Trusts the local cloud's certificate authority that .env.local names. NODE_EXTRA_CA_CERTS would not do here: Node reads
// it before it reads an --env-file, and many machines have it set for a proxy of their company.
import { existsSync, readFileSync } from 'node:fs'
import tls from 'node:tls'

const file = process.env.LOCAL_CLOUD_CA_FILE
if (file && existsSync(file)) {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(file, 'utf8')])
}
