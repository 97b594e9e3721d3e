/** One line of a panel: a value for each size, from the smallest to the largest. */
export interface Line {
  readonly name: 'write' | 'read'
  readonly values: readonly number[]
}

export interface Panel {
  readonly title: string
  /** The sizes. */
  readonly labels: readonly string[]
  readonly lines: readonly Line[]
}

export interface Plot {
  readonly title: string
  readonly note: string
  readonly panels: readonly Panel[]
  /** A dashed line at so many times each line's first value: what still counts as flat. */
  readonly limit: number
}

const PANEL = { width: 280, height: 250, left: 40, right: 24, top: 70, bottom: 40 }
const HEAD = 34

/** Colours follow the reader's scheme, also where a page shows the file as an image. */
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 } .faint { fill: #59636e; font-size: 11px }
.axis { stroke: #d1d9e0 } .line { fill: none; stroke-width: 2 } .limit { stroke-dasharray: 4 4; stroke-width: 1 }
.write { stroke: #0969da } .read { stroke: #1a7f37 } circle.write { fill: #0969da } circle.read { fill: #1a7f37 }
text.write, tspan.write { stroke: none; fill: #0969da } text.read, tspan.read { stroke: none; fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .faint { fill: #9198a1 } .axis { stroke: #3d444d }
  .write { stroke: #4493f8 } .read { stroke: #3fb950 } circle.write, text.write, tspan.write { fill: #4493f8 }
  circle.read, text.read, tspan.read { fill: #3fb950 }
}`

/** An SVG: a panel for each thing that grows, every panel from 0 and to the same height, so that flat looks flat. */
export function svgOf({ title, note, panels, limit }: Plot): string {
  const highest = Math.max(...panels.flatMap(({ lines }) => lines.flatMap(({ values }) => [...values, (values[0] ?? 0) * limit])))
  const [width, height] = [panels.length * PANEL.width, HEAD + PANEL.height]
  const drawn = panels.map((panel, index) => panelOf(panel, { x: index * PANEL.width, top: highest * 1.15, limit }))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
<style>${STYLE}
</style>
<text class="title" x="12" y="22">${title}</text>
<text class="faint" x="${width - 12}" y="22" text-anchor="end"><tspan class="write">● write</tspan><tspan class="read" dx="8">● read</tspan><tspan dx="8">${note}</tspan></text>
${drawn.join('\n')}
</svg>
`
}

interface Place {
  readonly x: number
  /** The value at the panel's upper edge. */
  readonly top: number
  readonly limit: number
}

function panelOf({ title, labels, lines }: Panel, { x, top, limit }: Place): string {
  const [left, right] = [x + PANEL.left, x + PANEL.width - PANEL.right]
  const [upper, lower] = [HEAD + PANEL.top - 30, HEAD + PANEL.height - PANEL.bottom]
  const across = (index: number): number => Math.round(left + 24 + (index * (right - left - 48)) / Math.max(labels.length - 1, 1))
  const up = (value: number): number => Math.round(lower - (value / top) * (lower - upper))
  const sizes = labels.map((label, index) => mark('faint', { x: across(index), y: lower + 18, text: label }))
  const above = highestFirst(lines)
  const drawn = lines.map(({ name, values }) => {
    const points = values.map((value, index) => ({ x: across(index), y: up(value), value }))
    const flat = up((values[0] ?? 0) * limit)
    const shift = above[0] === name ? -9 : 18
    return [
      `<line class="limit ${name}" x1="${left}" x2="${right}" y1="${flat}" y2="${flat}"/>`,
      `<polyline class="line ${name}" points="${points.map((point) => `${point.x},${point.y}`).join(' ')}"/>`,
      ...points.map((point) => `<circle class="${name}" cx="${point.x}" cy="${point.y}" r="3"/>`),
      ...points.map((point) => mark(name, { x: point.x, y: point.y + shift, text: point.value.toFixed(2) })),
    ].join('')
  })
  const axes = `<line class="axis" x1="${left}" x2="${right}" y1="${lower}" y2="${lower}"/>`
  const heading = `<text x="${left}" y="${HEAD + 16}">${title}</text>`
  return `<g>${heading}${axes}${sizes.join('')}${drawn.join('')}</g>`
}

/** Figures of the upper line stand above it, those of the lower one below, so that they do not meet. */
function highestFirst(lines: readonly Line[]): string[] {
  const mean = ({ values }: Line): number => values.reduce((sum, value) => sum + value, 0) / values.length
  return [...lines].sort((a, b) => mean(b) - mean(a)).map(({ name }) => name)
}

function mark(kind: string, { x, y, text }: { readonly x: number; readonly y: number; readonly text: string }): string {
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="middle">${text}</text>`
}
