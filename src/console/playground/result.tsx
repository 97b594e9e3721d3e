import { Badge, Button, Group, Text } from '@mantine/core'
import { useMemo } from 'react'
import { isJsonNumber, isJsonObject, type JsonValue } from '../../core/json.js'
import { Loading } from '../app/states.js'
import type { RenderTemplateQuery } from '../generated/graphql.js'
import { plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import { CodeView } from '../ui/code-view.js'
import { pretty } from '../ui/pretty.js'
import { copyWords, useCopy } from '../ui/use-copy.js'
import classes from './playground-page.module.css'

/** The type of a value, in words. */
export function typeOf(value: JsonValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return value === '' ? 'empty text' : `text, ${plural(value.length, 'character')}`
  if (typeof value === 'boolean') return 'boolean'
  if (isJsonNumber(value)) return 'number'
  if (Array.isArray(value)) return value.length === 0 ? 'empty list' : `list of ${plural(value.length, 'item')}`
  const { length } = isJsonObject(value) ? Object.keys(value) : []
  return length === 0 ? 'empty object' : `object with ${plural(length, 'key')}`
}

interface ResultProps {
  readonly rendered: RenderTemplateQuery | null
  /** Whether the answer to what stands there now is still on its way. */
  readonly isOld: boolean
}

/** The value with its type, or what is wrong with the template. */
export function Result({ rendered, isOld }: ResultProps) {
  const value = rendered?.renderTemplate.value ?? null
  const text = useMemo(() => pretty(value), [value])
  const { outcome, copy } = useCopy()
  if (rendered === null) return <Loading what="the result" />
  const { error } = rendered.renderTemplate
  if (error)
    return (
      <div className={classes['error']} role="alert" data-old={isOld || undefined}>
        <Text fw={650} size="sm">
          <code>{error.code}</code>
          {error.line !== null && ` at line ${error.line}, column ${error.column ?? 1}`}
        </Text>
        <Text size="sm">{visible(error.message)}</Text>
      </div>
    )
  return (
    <div className={classes['value']} data-old={isOld || undefined}>
      <Group justify="space-between" px="sm" py={8} className={classes['bar']}>
        <Badge variant="light" role="status" tt="none">
          {typeOf(value)}
        </Badge>
        <Button size="compact-xs" variant="default" onClick={() => copy(typeof value === 'string' ? value : text)}>
          {copyWords(outcome, 'Copy the value')}
        </Button>
      </Group>
      <CodeView value={text} language="json" label="Result" />
    </div>
  )
}
