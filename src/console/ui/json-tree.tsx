import { ActionIcon, Menu, Text, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useState } from 'react'
import { isJsonNumber, isJsonObject, type JsonValue, numberText, stringifyJson } from '../../core/json.js'
import { formatCount, plural } from '../lib/format.js'
import { visible } from '../lib/text.js'
import classes from './json-tree.module.css'
import { copyWords, useCopy } from './use-copy.js'

interface JsonTreeProps {
  readonly value: JsonValue
  /** What a template calls it: `vars.order` or a step's name. */
  readonly root: string
}

const PAGE = 100

/** Any JSON value, folded; each part can be copied as value, as path, or as the expression that reads it. */
export function JsonTree({ value, root }: JsonTreeProps) {
  return (
    <div className={classes['tree']}>
      <Branch name={null} value={value} path={[]} root={root} isOpen />
    </div>
  )
}

interface BranchProps extends JsonTreeProps {
  readonly name: string | null
  readonly path: readonly (string | number)[]
  readonly isOpen?: boolean
}

type Entry = readonly [string | number, JsonValue]

function entriesOf(value: JsonValue): Entry[] | null {
  if (Array.isArray(value)) return value.map((item, index) => [index, item])
  return isJsonObject(value) ? Object.entries(value) : null
}

function Branch({ name, value, path, root, isOpen: isOpenAtFirst = false }: BranchProps) {
  const [isOpen, setOpen] = useState(isOpenAtFirst)
  const [shown, setShown] = useState(PAGE)
  const entries = entriesOf(value)
  const label = name === null ? null : <span className={classes['key']}>{visible(name)}: </span>
  if (entries === null || entries.length === 0)
    return (
      <div className={classes['leaf']}>
        {label}
        <Leaf value={value} />
        <Copies value={value} path={path} root={root} />
      </div>
    )
  return (
    <div>
      <div className={classes['leaf']}>
        <button type="button" className={classes['fold']} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {label}
          <span className={classes['count']}>
            {Array.isArray(value) ? `[ ${plural(entries.length, 'item')} ]` : `{ ${plural(entries.length, 'key')} }`}
          </span>
        </button>
        <Copies value={value} path={path} root={root} />
      </div>
      {isOpen && (
        <div className={classes['inner']}>
          {entries.slice(0, shown).map(([key, item]) => (
            <Branch key={key} name={String(key)} value={item} path={[...path, key]} root={root} isOpen={path.length < 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className={classes['more']} onClick={() => setShown(shown + PAGE)}>
              {formatCount(entries.length - shown)} more
            </button>
          )}
        </div>
      )}
    </div>
  )
}

/** null, empty and long values each look like what they are. */
function Leaf({ value }: { value: JsonValue }) {
  if (value === null) return <span className={classes['word']}>null</span>
  if (value === '') return <span className={classes['special']}>"" empty text</span>
  if (typeof value === 'string') return <span className={classes['string']}>"{visible(value)}"</span>
  if (isJsonNumber(value)) return <span className={classes['number']}>{numberText(value)}</span>
  if (typeof value === 'boolean') return <span className={classes['word']}>{String(value)}</span>
  return <span className={classes['special']}>{Array.isArray(value) ? '[ ] empty list' : '{ } empty object'}</span>
}

const IDENTIFIER = /^[A-Za-z_]\w*$/

function expressionOf(root: string, path: BranchProps['path']): string {
  const parts = path.map((part) => (typeof part === 'string' && IDENTIFIER.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`))
  return `{{ ${root}${parts.join('')} }}`
}

function Copies({ value, path, root }: { value: JsonValue; path: BranchProps['path']; root: string }) {
  const pointer = path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  const expression = expressionOf(root, path)
  const { outcome, copy } = useCopy()
  return (
    <Menu position="bottom-start" withinPortal>
      <Menu.Target>
        <Tooltip label={copyWords(outcome, 'Copy')} opened={outcome !== null}>
          <ActionIcon size={20} variant="subtle" color="gray" className={classes['copy']} aria-label={`Copy ${root}${pointer}`}>
            {outcome === 'copied' ? <IconCheck size={12} /> : <IconCopy size={12} />}
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => copy(typeof value === 'string' ? value : stringifyJson(value))}>Copy the value</Menu.Item>
        <Menu.Item onClick={() => copy(pointer)} rightSection={<Hint text={pointer === '' ? '""' : pointer} />}>
          Copy the path
        </Menu.Item>
        <Menu.Item onClick={() => copy(expression)} rightSection={<Hint text={expression} />}>
          Copy the expression
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function Hint({ text }: { text: string }) {
  return (
    <Text size="xs" c="dimmed" maw={220} truncate>
      <code>{text}</code>
    </Text>
  )
}
