import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import { visible } from '../lib/text.js'

const EXECUTION = /\b(execution )(\d{1,20})\b/g

/** The server's words, as one may show them; where they name an execution, such as a child that failed, one can go there. */
export function Prose({ text }: { text: string }) {
  const shown = visible(text)
  const parts = []
  let end = 0
  for (const { 0: whole, 1: word = '', 2: id = '', index } of shown.matchAll(EXECUTION)) {
    parts.push(
      shown.slice(end, index + word.length),
      <Anchor key={index} component={Link} to={`/executions/${id}`} underline="always" inherit>
        {id}
      </Anchor>,
    )
    end = index + whole.length
  }
  return (
    <>
      {parts}
      {shown.slice(end)}
    </>
  )
}
