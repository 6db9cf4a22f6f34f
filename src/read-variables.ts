import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

/** How a variable is explained when its value is refused; the first two members stand in its schema. */
const Explanation = Type.Object({
  /** Completes 'is not …'. */
  expects: Type.String(),
  /** A value that would be accepted. */
  example: Type.String(),
  default: Type.Optional(Type.Unknown()),
  type: Type.Optional(Type.String()),
})

/** The environment does not configure the service. `faults` has one line for each variable at fault. */
export class ConfigError extends Error {
  /** EX_CONFIG of sysexits.h: 'something was found in an unconfigured or misconfigured state'. */
  static readonly exitCode = 78
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(`The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * The variables that the schema declares, converted to its types, with its defaults.
 * @throws {ConfigError} naming every variable at fault, what is wrong with it, and an example
 */
export function readVariables<P extends TProperties>(schema: TObject<P>, env: NodeJS.ProcessEnv): Static<TObject<P>> {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, variable] of Object.entries(schema.properties)) {
    const result = readVariable(variable, env[name]?.trim() ?? '')
    if ('fault' in result) faults.push(`${name} ${result.fault}`)
    else if (result.value !== undefined) values[name] = result.value
  }
  if (faults.length > 0) throw new ConfigError(faults)
  return Value.Parse(schema, values)
}

/** An empty variable counts as absent: container platforms cannot always leave one out. The value itself is not repeated, it may be a secret in the wrong place. */
function readVariable(schema: TSchema, text: string): { value: unknown } | { fault: string } {
  const { expects, example, type, default: fallback } = Value.Parse(Explanation, schema)
  if (text === '') {
    const isRequired = fallback === undefined && !Type.IsOptional(schema)
    return isRequired ? { fault: `is missing, for example ${example}` } : { value: fallback }
  }
  const value = convert(text, type)
  return Value.Check(schema, value) ? { value } : { fault: `is not ${expects}, for example ${example}` }
}

/** From text to what the schema's type asks for; what cannot be converted stays as it is and fails the schema's check. */
function convert(text: string, type: string | undefined): unknown {
  switch (type) {
    case 'array':
      return text.split(',').map((item) => item.trim())
    case 'integer':
      return Number(text)
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text
    default:
      return text
  }
}
