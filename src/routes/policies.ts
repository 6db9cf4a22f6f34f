import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'

/** Who may call which endpoint. The routes hold it, and the doctor says what a token opens by it. */
export const policies = {
  'GET /api/v1/getcode': { roles: ['Codes.Issue'], scopes: ['user_impersonation'] },
  'POST /api/v1/codes/verify': { roles: ['Codes.Verify'] },
  'GET /api/v1/hello-graph': { roles: ['Graph.Hello'], scopes: ['user_impersonation'] },
} satisfies Readonly<Record<string, RoutePolicy>>
