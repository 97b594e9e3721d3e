import { LRUCache } from 'lru-cache'

export const JSON_TYPE = 'application/json'
export const GRAPHQL_TYPE = 'application/graphql-response+json'
export const EVENTS_TYPE = 'text/event-stream'

export type MediaType = typeof JSON_TYPE | typeof GRAPHQL_TYPE | typeof EVENTS_TYPE

/** The media types that an Accept header allows, the best first. None given: application/json. */
export function acceptedTypes(header: string | null): readonly MediaType[] {
  const known = KNOWN.get(header ?? '')
  if (known !== undefined) return known
  const types = parse(header ?? '')
  KNOWN.set(header ?? '', types)
  return types
}

/** Clients send the same few headers again and again. */
const KNOWN = new LRUCache<string, readonly MediaType[]>({ max: 100 })

function parse(header: string): MediaType[] {
  if (header.trim() === '') return [JSON_TYPE]
  const ranges = header
    .toLowerCase()
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
      const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return { type, quality }
    })
    .filter(({ quality }) => quality > 0)
    .sort((left, right) => right.quality - left.quality)
  return [...new Set(ranges.flatMap(({ type }) => matching(type)))]
}

function matching(range: string): MediaType[] {
  if (range === '*/*') return [JSON_TYPE, GRAPHQL_TYPE, EVENTS_TYPE]
  if (range === 'application/*') return [JSON_TYPE, GRAPHQL_TYPE]
  if (range === 'text/*') return [EVENTS_TYPE]
  return [JSON_TYPE, GRAPHQL_TYPE, EVENTS_TYPE].filter((type): type is MediaType => type === range)
}
