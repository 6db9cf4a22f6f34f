import type { Comparison, Mark, Unit } from './comparison.ts'
import type { Result, Row } from './group.ts'

/** Column widths; names stand left, figures right. */
const NAME_WIDTH = 40
const WIDTHS = [8, 8, 7, 8, 8]
const HEADINGS = ['req/s', 'CPU µs', 'server', 'ratio', 'by CPU']

const DECIMALS: Readonly<Record<Unit, number>> = { s: 3, MB: 0, ms: 0, 'codes/s': 0, times: 2 }

/** One group as lines of text. */
export function formatGroup(name: string, title: string, { rows, notes = [] }: Result): string {
  const head = `${`${name}: ${title}`.padEnd(NAME_WIDTH)}${HEADINGS.map(toColumn).join('')}`
  const lines = rows.flatMap(formatRow)
  return `${[head, ...lines, ...notes.map((note) => `  note: ${note}`)].join('\n')}\n\n`
}

function formatRow({ name, measured, comparisons }: Row): string[] {
  const figures = [
    measured?.requestsPerSecond.toFixed(0),
    measured?.cpuMicros.toFixed(1),
    toPercent(measured?.serverShare),
  ]
  const [first, ...others] = comparisons
  const rest = others.map((comparison) => formatLine('', [], comparison))
  return [formatLine(name, figures, first), ...rest]
}

function formatLine(name: string, figures: ReadonlyArray<string | undefined>, comparison?: Comparison): string {
  const { value, requestRatio, cpuRatio } = comparison ?? {}
  const alone = value && `${value.amount.toFixed(DECIMALS[value.unit])} ${value.unit}`
  const columns = HEADINGS.map((_heading, i) => {
    if (i === 3) return alone ?? requestRatio?.toFixed(2)
    return i === 4 ? cpuRatio?.toFixed(2) : figures[i]
  })
  return `  ${name.padEnd(NAME_WIDTH - 2)}${columns.map(toColumn).join('')}  ${comparison ? formatVerdict(comparison) : ''}`.trimEnd()
}

function formatVerdict({ reference, mark, isMet, by }: Comparison): string {
  const of = reference === undefined ? '' : `of ${reference}`
  if (mark === undefined) return of
  const judgedBy = by === 'value' ? '' : ` by ${by}`
  return [of, `${formatMark(mark)}${judgedBy}: ${isMet ? 'ok' : 'MISSED'}`].filter(Boolean).join('; ')
}

function formatMark(mark: Mark): string {
  return 'atLeast' in mark ? `at least ${mark.atLeast}` : `at most ${mark.atMost}`
}

function toColumn(text: string | undefined, column: number): string {
  return (text ?? '').padStart(WIDTHS[column] ?? 0)
}

function toPercent(share: number | undefined): string | undefined {
  return share === undefined ? undefined : `${(share * 100).toFixed(0)} %`
}
