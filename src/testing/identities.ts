/** The made-up tenants, applications and people of the test authority. */
export const identities = {
  tenantId: '11111111-aaaa-4111-8111-111111111111',
  otherTenantId: '22222222-aaaa-4222-8222-222222222222',
  b2cTenantId: '33333333-aaaa-4333-8333-333333333333',
  externalTenantId: '44444444-aaaa-4444-8444-444444444444',
  /** The API under test, as registered in Entra and External ID. */
  apiClientId: '55555555-aaaa-4555-8555-555555555555',
  /** The API under test, as registered in the B2C tenant. */
  b2cApiClientId: '66666666-aaaa-4666-8666-666666666666',
  callerClientId: '77777777-aaaa-4777-8777-777777777777',
  callerObjectId: '88888888-aaaa-4888-8888-888888888888',
  userObjectId: '99999999-aaaa-4999-8999-999999999999',
  b2cPolicy: 'B2C_1_signin',
  /** A B2C policy whose issuer has the policy in it (`/tfp/`), an option of B2C's token compatibility settings. */
  b2cTfpPolicy: 'B2C_1_tfp',
} as const
