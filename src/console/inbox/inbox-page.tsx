import { Text } from '@mantine/core'
import { Empty, FaultNote, Loading } from '../app/states.js'
import { plural } from '../lib/format.js'
import { Page } from '../ui/page.js'
import classes from './inbox-page.module.css'
import { Question } from './question.js'
import { useQuestions } from './use-questions.js'

/** What steps ask people, the oldest execution first. */
export function InboxPage() {
  const { rows: questions, isLoaded, fault, again } = useQuestions()
  return (
    <Page title="Inbox" note={isLoaded ? plural(questions.length, 'question') : ' '}>
      {fault && <FaultNote fault={fault} title={fault.code === 'FORBIDDEN' ? 'The inbox is not for your key' : undefined} />}
      {questions.length === 0 && !isLoaded && !fault && <Loading what="questions" />}
      {isLoaded && questions.length === 0 && (
        <Empty title="Nobody is asked anything">
          <Text size="sm" c="dimmed">
            A step asks with <code>wait: {'{ask: {title, form}}'}</code>; what people answer becomes variables.
          </Text>
        </Empty>
      )}
      {questions.length > 0 && (
        <section className={classes['questions']} aria-label="Questions">
          {questions.map((question) => (
            <Question key={`${question.executionId} ${question.run}`} question={question} onAnswered={again} />
          ))}
        </section>
      )}
    </Page>
  )
}
