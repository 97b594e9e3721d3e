export interface Series {
  readonly title: string
  /** One for each value, from the smallest size to the largest. */
  readonly labels: readonly string[]
  readonly values: readonly number[]
}

const WIDTH = 760
const HEIGHT = 60
const LEFT = 270

/** An SVG with one small line for each series, from 0, so that flat looks flat. */
export function plotOf(title: string, series: readonly Series[]): string {
  const top = Math.max(...series.flatMap((one) => one.values)) * 1.25
  const rows = series.map((one, index) => rowOf(one, 40 + index * HEIGHT, top))
  const height = 50 + series.length * HEIGHT
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="white"/>
<text x="10" y="20" font-size="14">${title}</text>
${rows.join('\n')}
</svg>
`
}

function rowOf({ title, labels, values }: Series, y: number, top: number): string {
  const step = (WIDTH - LEFT - 80) / Math.max(values.length - 1, 1)
  const points = values.map((value, index) => [LEFT + 40 + index * step, y + (HEIGHT - 22) * (1 - value / top)] as const)
  const dots = points.map(
    ([x, height], index) =>
      `<circle cx="${x}" cy="${height.toFixed(1)}" r="3" fill="#1f6feb"/>` +
      `<text x="${x}" y="${(height - 6).toFixed(1)}" text-anchor="middle" font-size="10">${values[index]?.toFixed(2)}</text>` +
      `<text x="${x}" y="${y + HEIGHT - 10}" text-anchor="middle" font-size="9" fill="#666">${labels[index]}</text>`,
  )
  const line = points.map(([x, height]) => `${x},${height.toFixed(1)}`).join(' ')
  return `<text x="10" y="${y + 30}">${title}</text><polyline points="${line}" fill="none" stroke="#1f6feb"/>${dots.join('')}`
}
