import { Anchor, Button, Group, Stack, Text, Title } from '@mantine/core'
import { type FormEvent, useId, useState } from 'react'
import { Link } from 'react-router'
import { useMutation } from 'urql'
import { FaultNote } from '../app/states.js'
import { fieldsOf, problemOf, refusedFields, workloadOf } from '../executions/workload.js'
import { WorkloadForm } from '../executions/workload-form.js'
import { AnswerDocument, type QuestionFragment } from '../generated/graphql.js'
import { describeError } from '../lib/faults.js'
import { visible } from '../lib/text.js'
import { Time } from '../ui/ticking.js'
import classes from './inbox-page.module.css'

interface QuestionProps {
  readonly question: QuestionFragment
  readonly onAnswered: () => void
}

/** What a step asks, with a form made from the schema of the answer. */
export function Question({ question, onAnswered }: QuestionProps) {
  const { executionId, path, step, run, since, wait } = question
  const heading = useId()
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const [{ error: refused, fetching: isSending }, answer] = useMutation(AnswerDocument)
  const refusal = describeError(refused)
  const names = wait.names ?? []
  const bare = { properties: Object.fromEntries(names.map((name) => [name, {}])), required: [...names] }
  // In the author's order, which JSON in a database does not keep.
  const fields = fieldsOf(null, wait.form ?? bare).sort((left, right) => names.indexOf(left.name) - names.indexOf(right.name))
  const isWrong = fields.some((field) => problemOf(field, texts[field.name] ?? field.text) !== null)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (isWrong) return
    const { data } = await answer({ executionId, run, values: workloadOf(fields, texts) })
    if (data) onAnswered()
  }

  return (
    <article className={`panel ${classes['question']}`} aria-labelledby={heading} data-question={`${executionId}-${run}`}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          <div>
            <Title order={2} size="h4" id={heading}>
              {visible(wait.title ?? step)}
            </Title>
            <Text size="sm" c="dimmed">
              {visible(path)}, step {visible(step)} of{' '}
              <Anchor component={Link} to={`/executions/${executionId}`} size="sm" underline="always">
                {executionId}
              </Anchor>
              , since <Time iso={since} />
              {wait.deadline && (
                <>
                  , until <Time iso={wait.deadline} />
                </>
              )}
              {wait.roles && `, for ${wait.roles.map((role) => role.toLowerCase()).join(', ')} or above`}
            </Text>
          </div>
          <WorkloadForm
            fields={fields}
            texts={texts}
            refused={refusedFields(refusal?.details['problems'])}
            onChange={(name, text) => setTexts({ ...texts, [name]: text })}
          />
          {refusal && <FaultNote fault={refusal} title="It was not answered" />}
          <Group justify="flex-end">
            <Button type="submit" loading={isSending} disabled={isWrong}>
              Answer
            </Button>
          </Group>
        </Stack>
      </form>
    </article>
  )
}
