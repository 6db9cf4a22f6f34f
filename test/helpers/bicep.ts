import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Language, type Node, Parser } from 'web-tree-sitter'
import { root } from './processes.ts'

export interface BicepResource {
  /** Its name in the file, behind those of the resources around it: `api.settings`. */
  symbol: string
  /** `Microsoft.Web/sites@2023-12-01`, or the last part alone inside another resource. */
  type: string
  /** What stands behind each property, by its path: `properties.siteConfig.alwaysOn`. Texts without their quotes. */
  values: Record<string, string>
}

/** The resources that a Bicep file declares, by Bicep's grammar. Nothing is evaluated. */
export async function readBicep(file: string): Promise<BicepResource[]> {
  await Parser.init()
  const grammar = fileURLToPath(import.meta.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm'))
  const parser = new Parser().setLanguage(await Language.load(grammar))
  const tree = parser.parse(readFileSync(join(root, file), 'utf8'))
  if (tree === null || tree.rootNode.hasError) throw new Error(`${file} is not Bicep: ${tree?.rootNode.toString()}`)
  return namedChildren(tree.rootNode).flatMap((node) => readResource(node, ''))
}

function readResource(node: Node, around: string): BicepResource[] {
  if (node.type !== 'resource_declaration') return []
  const [name, type, body] = namedChildren(node)
  if (name === undefined || type === undefined || body === undefined) return []
  const symbol = `${around}${name.text}`
  const inner = namedChildren(body).flatMap(namedChildren)
  return [
    { symbol, type: unquote(type.text), values: Object.fromEntries(readValues(body, '')) },
    ...inner.flatMap((child) => readResource(child, `${symbol}.`)),
  ]
}

function readValues(object: Node, path: string): Array<[path: string, value: string]> {
  return namedChildren(object).flatMap((property): Array<[path: string, value: string]> => {
    const [name, value] = namedChildren(property)
    if (name === undefined || value === undefined) return []
    const inside = `${path}${name.text}`
    return value.type === 'object' ? readValues(value, `${inside}.`) : [[inside, unquote(value.text)]]
  })
}

function unquote(text: string): string {
  return text.replace(/^'(.*)'$/, '$1')
}

function namedChildren(node: Node): Node[] {
  return node.namedChildren.filter((child) => child !== null)
}
