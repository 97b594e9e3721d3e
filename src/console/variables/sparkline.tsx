import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'

interface SparklineProps {
  /** Revision and value, in order. */
  readonly points: readonly (readonly [number, number])[]
  readonly label: string
}

const HEIGHT = 64

/** A number over revisions, as it went. */
export function Sparkline({ points, label }: SparklineProps) {
  const parent = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = parent.current
    if (element === null) return
    const ink = getComputedStyle(element).getPropertyValue('--running')
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [{ show: false }, { show: false }],
        series: [
          {},
          { stroke: ink, width: 2, points: { show: points.length < 40, size: 5 }, paths: uPlot.paths.stepped?.({ align: 1 }) },
        ],
      },
      [points.map(([x]) => x), points.map(([, y]) => y)],
      element,
    )
    return () => chart.destroy()
  }, [points])
  const values = points.map(([, value]) => value)
  return (
    <div
      ref={parent}
      role="img"
      aria-label={`${label}: from ${values[0]} to ${values.at(-1)}, between ${Math.min(...values)} and ${Math.max(...values)}`}
    />
  )
}
