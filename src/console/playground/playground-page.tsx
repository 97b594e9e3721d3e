import { SegmentedControl, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useEffect, useState } from 'react'
import { parseGivenJson } from '../../core/json.js'
import { FaultNote } from '../app/states.js'
import { RenderTemplateDocument, type RenderTemplateQuery } from '../generated/graphql.js'
import { useKept } from '../lib/use-kept.js'
import { useRead } from '../lib/use-read.js'
import { useSearchState } from '../lib/use-search-state.js'
import { CodeEditor, type Problem } from '../ui/code-editor.js'
import { Page } from '../ui/page.js'
import { ContextNames } from './context-names.js'
import { ExecutionChoice } from './execution-choice.js'
import classes from './playground-page.module.css'
import { Result } from './result.js'

const TYPING_MS = 300
/** Longer templates stay in the tab; the address must remain one that can be sent to somebody. */
const MAX_IN_ADDRESS = 1_500
const FIRST_TEMPLATE = '{{ "Hello " ~ (name | default("World")) }}'

type Context = { readonly problem: string } | { readonly variables: { context?: unknown; id?: string; asOf?: number } }

function contextOf(execution: string | null, asOf: string, json: string): Context {
  if (execution !== null) {
    if (execution === '') return { problem: 'Choose an execution: the template reads its variables, step results and workload.' }
    return { variables: { id: execution, ...(asOf !== '' && { asOf: Number(asOf) }) } }
  }
  try {
    return { variables: { context: json.trim() === '' ? {} : parseGivenJson(json) } }
  } catch (error) {
    return { problem: `The context is not JSON: ${error instanceof Error ? error.message : ''}` }
  }
}

/** One template, rendered as one types, with what an execution knows or with a context of one's own. */
export function PlaygroundPage() {
  const [search, setSearch] = useSearchState()
  const execution = search.get('execution')
  const asOf = search.get('asOf') ?? ''
  const [template, setTemplate] = useKept('transient-playground-template', search.get('template') ?? undefined, FIRST_TEMPLATE)
  const [json, setJson] = useKept('transient-playground-context', undefined, '{\n  "name": "Ada"\n}')
  const [isOfExecution, setOfExecution] = useState(execution !== null)
  const [settled] = useDebouncedValue(template, TYPING_MS)
  const [settledJson] = useDebouncedValue(json, TYPING_MS)
  const context = contextOf(isOfExecution ? (execution ?? '') : null, asOf, settledJson)
  const input = 'variables' in context ? { template: settled, ...context.variables } : null
  const { data, fault, isReading } = useRead(RenderTemplateDocument, input as never)
  const rendered = useLast<RenderTemplateQuery>(data, isReading)

  useEffect(() => setSearch({ template: settled.length > MAX_IN_ADDRESS ? '' : settled }), [settled, setSearch])

  return (
    <Page
      title="Playground"
      note="A template of playbooks, rendered by the same engine, with the same limits. Nothing is changed."
    >
      <div className={classes['columns']}>
        <div className={classes['side']}>
          <section className={classes['template']} aria-label="Template">
            <CodeEditor
              value={template}
              onChange={setTemplate}
              language="text"
              label="Template"
              problems={problemsOf(rendered)}
            />
          </section>
          <SegmentedControl
            size="xs"
            aria-label="What it is rendered with"
            value={isOfExecution ? 'execution' : 'json'}
            onChange={(value) => {
              setOfExecution(value === 'execution')
              if (value === 'json') setSearch({ execution: '', asOf: '' })
            }}
            data={[
              { value: 'execution', label: 'With an execution' },
              { value: 'json', label: 'With JSON' },
            ]}
          />
          {isOfExecution ? (
            <>
              <ExecutionChoice
                id={execution ?? ''}
                asOf={asOf}
                onChange={(id, revision) => setSearch({ execution: id, asOf: revision })}
              />
              {execution && <ContextNames id={execution} asOf={asOf} onInsert={(text) => setTemplate(`${template}${text}`)} />}
            </>
          ) : (
            <section className={classes['context']} aria-label="Context">
              <CodeEditor value={json} onChange={setJson} language="json" label="Context, JSON" />
            </section>
          )}
        </div>
        <section className={`panel ${classes['result']}`} aria-label="Result">
          {'problem' in context ? (
            <Text size="sm" c="dimmed" p="md">
              {context.problem}
            </Text>
          ) : fault ? (
            <FaultNote
              fault={fault}
              title={fault.code === 'NOT_FOUND' ? 'There is no such execution' : 'It cannot be rendered now'}
            />
          ) : (
            <Result rendered={rendered} isOld={isReading} />
          )}
        </section>
      </div>
    </Page>
  )
}

const NONE: readonly Problem[] = []

function problemsOf(rendered: RenderTemplateQuery | null): readonly Problem[] {
  const error = rendered?.renderTemplate.error
  if (!error || error.line === null) return NONE
  return [{ severity: 'error', message: error.message, line: error.line, column: error.column ?? 1 }]
}

/** The last answer stays while the next one is on its way, so that nothing flickers as one types. */
function useLast<Data>(data: Data | null, isReading: boolean): Data | null {
  const [last, setLast] = useState<Data | null>(null)
  useEffect(() => {
    if (data !== null) setLast(data)
  }, [data])
  return data ?? (isReading ? last : null)
}
