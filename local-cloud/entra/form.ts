import { EntraError } from './errors.ts'

/** The parameters of a token request. */
export type Form = Readonly<Record<string, unknown>>

export function isForm(value: unknown): value is Form {
  return typeof value === 'object' && value !== null
}

export function readOptionalField(form: Form, name: string): string | undefined {
  const value = form[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** @throws {EntraError} when the field is missing, as AADSTS900144 unless told otherwise */
export function readField(form: Form, name: string, aadsts = 900144): string {
  const value = readOptionalField(form, name)
  if (value !== undefined) return value
  throw new EntraError(
    400,
    'invalid_request',
    aadsts,
    `The request body must contain the following parameter: '${name}'.`,
  )
}
